"""How much worse a candidate may be. It loads nothing that computes: settings hold it."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

GuardName = Literal["support", "abstention", "overreach", "invalid", "failures", "length", "latency", "thumbs"]
NAMES: tuple[GuardName, ...] = get_args(GuardName)
SHOWN_ONLY: tuple[GuardName, ...] = ("latency", "thumbs")
"""Guards that see nothing of a shadow: it is shown to nobody, and always writes second."""


class GuardRules(BaseModel):
    """How much worse a candidate may be, in the mean over pairs, and how sure a guard has to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="Probability that a candidate as good as the champion is ever stopped, and that one which is worse "
        "than borne is ever ready.",
    )
    support: float = Field(default=0.02, ge=0, lt=1, description="Support of statements, on the scale of 0 to 1.")
    abstention: float = Field(
        default=0.03, ge=0, lt=1, description="Share of questions that only the champion answers."
    )
    overreach: float = Field(default=0.1, ge=0, lt=1, description="Share of questions that only the candidate answers.")
    invalid: float = Field(default=0.01, ge=0, lt=1, description="Share of answers whose first try breaks the schema.")
    failures: float = Field(default=0.005, ge=0, lt=1, description="Share of answers that end in an error.")
    length: float = Field(
        default=0.1, ge=0, lt=1, description="Share of answers that are `length_factor` times as long."
    )
    length_factor: float = Field(default=2.0, gt=1, description="Words of one answer to those of the other.")
    latency: float = Field(
        default=0.05, ge=0, lt=1, description="Share of answers that take `latency_factor` times as long to write."
    )
    latency_factor: float = Field(default=1.5, gt=1, description="Time of one answer to that of the other.")
    thumbs: float = Field(default=0.05, ge=0, lt=1, description="Share of people whose first word is a thumb down.")
    pairs: int = Field(default=100, ge=1, description="Questions answered by both before a trial is ready to go on.")
    longest: int = Field(
        default=2_000,
        ge=1,
        description="Questions answered by both that a trial takes at most: what a guard cannot show within them needs "
        "a person.",
    )
    per_person: int = Field(default=10, ge=1, description="Questions of one person that count, at most.")
    per_question: int = Field(default=5, ge=1, description="Times that one question counts, whoever asks it.")
    waived: tuple[GuardName, ...] = Field(
        default=(), description="Guards that end a trial, but need to show nothing before it goes on."
    )


__all__ = ["NAMES", "SHOWN_ONLY", "GuardName", "GuardRules"]
