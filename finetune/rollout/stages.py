"""The stages of a version in service, and what may follow what.

    candidate → shadow → canary → champion → retired
                   ↘        ↘        ↘
                    rolled_back  rolled_back

A stage says who is answered with a version: nobody, nobody but compared (shadow), a share of people (canary), everybody
in its scope (champion). It changes in one step, after what it needs is loaded everywhere, and before anything is
unloaded: there is no moment between two stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from core.errors import Conflict

Stage = Literal["candidate", "shadow", "canary", "champion", "retired", "rolled_back"]
Arm = Literal["candidate", "champion"]

EVERYWHERE = "*"
"""The scope of whoever is in no narrower one; others are `collection:NAME` and `group:NAME`."""
ON_TRIAL: tuple[Stage, ...] = ("shadow", "canary")
SERVED: tuple[Stage, ...] = (*ON_TRIAL, "champion")
"""Stages whose version has to be loaded on every engine."""
FOLLOWS: Mapping[Stage, tuple[Stage, ...]] = {
    "candidate": ("shadow", "canary", "champion", "retired"),
    "shadow": ("canary", "champion", "retired", "rolled_back"),
    "canary": ("shadow", "champion", "retired", "rolled_back"),
    "champion": ("retired", "rolled_back"),
    "retired": ("champion",),
    "rolled_back": ("champion",),
}
"""What may follow a stage; a former champion comes back by a person's word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A version in a scope. `wanted` is the stage it goes to as soon as every engine has it; `leaving` says that
    engines still have to drain and unload it. `share` is that of people whom a canary answers, in (0, 1]. `rules` are
    the guards as they were when the trial began, `gate` the report it passed. `problem` says what is in the way."""

    id: str
    scope: str
    version: str
    stage: Stage
    wanted: Stage | None = None
    leaving: bool = False
    share: float = 0.1
    rules: Mapping[str, Any] = field(default_factory=dict)
    gate: str | None = None
    by: str = ""
    why: str = ""
    problem: str | None = None
    created_at: datetime
    changed_at: datetime

    @property
    def needs_engines(self) -> bool:
        """Whether its version has to be loaded."""
        return self.stage in SERVED or self.wanted in SERVED


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A row of a scope's history: who moved what from where to where, why, and on which figures."""

    deployment_id: str
    scope: str
    version: str
    at: datetime
    by: str
    before: Stage | None
    after: Stage
    why: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What is measured of one answer. `support` is the mean over its statements in [0, 1], None without one; `invalid`
    the outputs that broke their schema; `failed` the code of the error it ended in; `milliseconds` the time of writing
    it; `tokens` what was written. `question` is a digest, the same where the same was asked in the same trial."""

    answerable: bool = False
    support: float | None = None
    statements: int = 0
    words: int = 0
    invalid: int = 0
    failed: str | None = None
    milliseconds: float = 0.0
    tokens: int = 0
    question: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One answer of one arm during a trial. `shown` is whether a person saw it; the other arm's answer to the same
    question has the same `answer_id`. `number` grows in the order in which observations were kept; `at` is when."""

    number: int
    deployment_id: str
    answer_id: str
    principal_id: str
    arm: Arm
    shown: bool
    figures: Figures
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Thumb:
    """The first word of one person on an answer of the arm that they are shown."""

    principal_id: str
    arm: Arm
    good: bool
    at: datetime | None = None


def check_move(before: Stage, after: Stage) -> None:
    """Raises `Conflict` where `after` cannot follow `before`."""
    if after not in FOLLOWS[before]:
        ways = " or ".join(FOLLOWS[before])
        raise Conflict(f"What is {before} cannot become {after}; it can become {ways}.")


__all__ = [
    "EVERYWHERE",
    "FOLLOWS",
    "ON_TRIAL",
    "SERVED",
    "Arm",
    "Change",
    "Deployment",
    "Figures",
    "Observation",
    "Stage",
    "Thumb",
    "check_move",
]
