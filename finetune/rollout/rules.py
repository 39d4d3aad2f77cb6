"""How much worse a candidate may be. It loads nothing that computes: settings hold it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class GuardRules(BaseModel):
    """How much worse a candidate may be, in the mean over pairs, and how sure a guard has to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: float = Field(
        default=0.05, gt=0, lt=0.5, description="Probability that a candidate as good as the champion is ever stopped."
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
    per_person: int = Field(default=50, ge=1, description="Answers of one person that count, at most.")


__all__ = ["GuardRules"]
