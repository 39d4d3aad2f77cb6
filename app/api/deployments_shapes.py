"""What the routes of deployments are sent and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.api.shapes import Request, Response
from finetune.rollout.stages import Stage

_WHY = Field(default="", max_length=500, description="Why, for the history.", examples=["as agreed on Monday"])


class NewDeployment(Request):
    """A version that is to come into service in a scope."""

    version: str = Field(max_length=128, examples=["handbook@4f5c0f7f0a3b9c21"])
    scope: str = Field(
        default="*",
        max_length=220,
        description="Whom it is for: * is everybody, collection:NAME whoever asks that collection alone, group:NAME "
        "the people of a group. The narrowest scope decides.",
    )
    stage: Literal["shadow", "canary", "champion"] = Field(default="shadow", description="Where it begins.")
    share: float | None = Field(default=None, gt=0, le=1, description="Share of people whom its canary answers.")
    gate: str | None = Field(default=None, max_length=80, description="The report of the gate that it passed.")
    ungated: str | None = Field(default=None, min_length=3, max_length=500, description="Why it may go without.")
    why: str = _WHY


class Why(Request):
    """A step, and why."""

    why: str = _WHY


class ToCanary(Why):
    """A canary, and how many people it answers."""

    share: float | None = Field(default=None, gt=0, le=1, description="Share of people; left away, as it is.")


class Back(Why):
    """The way back."""

    to: str | None = Field(
        default=None,
        max_length=128,
        description="A former champion, by its version or its deployment's id; left away, the last one.",
    )


class ScopeBack(Back):
    """The way back of a scope."""

    scope: str = Field(default="*", max_length=220)


class DeploymentShape(Response):
    """A version in a scope."""

    id: str
    scope: str
    version: str
    stage: Stage
    wanted: Stage | None = Field(description="The stage it goes to as soon as every engine has it.")
    leaving: bool = Field(description="Engines are still to unload it.")
    share: float
    gate: str | None
    by: str
    why: str
    problem: str | None = Field(description="What is in the way.")
    created_at: datetime
    changed_at: datetime


class Guard(Response):
    """One guard of a trial: what both arms came to, and how much speaks for the candidate being worse."""

    name: str
    n: int = Field(description="Pairs that were compared.")
    candidate_mean: float | None
    champion_mean: float | None
    difference: float | None = Field(description="How much worse the candidate is, in the guard's own unit.")
    interval: tuple[float, float] | None = Field(description="Holds at every moment, however often one looks.")
    tolerance: float = Field(description="How much worse the candidate may be, in the same unit.")
    upper: float | None = Field(
        description="The least harm that is excluded, at every moment with the probability that the rules name."
    )
    excluded: bool = Field(description="More harm than `tolerance` is excluded.")
    needs: int | None = Field(
        description="Questions answered by both that this would take, as things look; null where it is excluded, or "
        "does not look like it."
    )
    evidence: float = Field(description="An e-value for more harm than `tolerance`: at `limit` the trial ends.")
    limit: float
    breached: bool


class Judged(Response):
    """What the guards say of a trial."""

    guards: list[Guard]
    breached: list[str]
    pairs: int = Field(description="Questions answered by both that count.")
    left_out: int = Field(description="Further ones of people, or of words, that count no more.")
    ready: bool = Field(description="More harm than is borne is excluded in all that this stage compares.")
    better: bool = Field(description="The candidate was shown to be better.")
    open: list[str] = Field(description="Guards that have not excluded it yet.")
    person: list[str] = Field(description="Those that a trial's length does not suffice for: a person decides.")
    said: str


class DeploymentDetail(DeploymentShape):
    """A version in a scope, with its guards while it is tried or once it was."""

    judged: Judged | None


class DeploymentList(Response):
    """Deployments, those in service first."""

    default: str | None = Field(description="The adapter that answers where no champion does; null is the base.")
    keeper: bool = Field(description="This server keeps the rollouts; of several one does.")
    items: list[DeploymentDetail]


class ChangeShape(Response):
    """A row of the history."""

    deployment_id: str
    scope: str
    version: str
    at: datetime
    by: str
    before: Stage | None
    after: Stage
    why: str
    figures: dict[str, Any]


class History(Response):
    """Who moved what, the newest first."""

    items: list[ChangeShape]


EXAMPLE: dict[str, Any] = {
    "id": "0d7f…", "scope": "*", "version": "handbook@4f5c0f7f0a3b9c21", "stage": "canary", "wanted": None,
    "leaving": False, "share": 0.1, "gate": None, "by": "ada", "why": "", "problem": None,
    "created_at": "2026-11-20T09:30:00Z", "changed_at": "2026-11-20T11:30:00Z",
}  # fmt: skip
DETAIL: dict[str, Any] = {
    **EXAMPLE,
    "judged": {
        "guards": [
            {
                "name": "support",
                "n": 120,
                "candidate_mean": 0.71,
                "champion_mean": 0.7,
                "difference": -0.01,
                "interval": (-0.06, 0.03),
                "tolerance": 0.02,
                "upper": 0.015,
                "excluded": True,
                "needs": None,
                "evidence": 0.4,
                "limit": 140.0,
                "breached": False,
            }
        ],
        "breached": [],
        "pairs": 120,
        "left_out": 0,
        "ready": True,
        "better": False,
        "open": [],
        "person": [],
        "said": "120 questions answered by both; more harm than is borne is excluded in all that was compared.",
    },
}
CHANGE: dict[str, Any] = {
    "deployment_id": "0d7f…", "scope": "*", "version": EXAMPLE["version"], "at": "2026-11-20T11:30:00Z", "by": "ada",
    "before": "shadow", "after": "canary", "why": "", "figures": {},
}  # fmt: skip
