"""What counts as drift: how sure the watch has to be, and how much has to have moved."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WatchRules(BaseModel):
    """Windows, error rates and tolerances. An alarm needs both: that the difference is no chance, and that it is large
    enough for somebody to do something."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference_days: int = Field(default=28, ge=1, description="Days of the reference; whole weeks, as weeks repeat.")
    current_days: int = Field(default=7, ge=1, description="Days of the current window; whole weeks.")
    every_days: int = Field(default=1, ge=1, description="Days between two looks.")
    alpha: float = Field(
        default=0.05, gt=0, lt=0.5, description="False alarms to be expected in `looks` looks where nothing drifts."
    )
    looks: int = Field(default=30, ge=1, description="Looks that `alpha` is for.")
    least: int = Field(default=50, ge=10, description="Groups of answers in each window, below which nothing is said.")
    psi: float = Field(default=0.1, ge=0, description="Population stability index that is borne.")
    abstention: float = Field(default=0.05, ge=0, lt=1, description="Change borne in the share of abstentions.")
    support: float = Field(default=0.03, ge=0, lt=1, description="Change borne in the mean support of statements.")
    hallucination: float = Field(default=0.03, ge=0, lt=1, description="Change borne in the share of unsupported.")
    length: float = Field(default=0.2, ge=0, description="Change borne in words of an answer, as a share of before.")
    entropy: float = Field(default=0.15, ge=0, description="Change borne in token entropy, as a share of before.")
    novelty: float = Field(default=0.03, ge=0, lt=1, description="Change borne in the share of new questions.")
    discrepancy: float = Field(default=0.05, ge=0, description="Maximum mean discrepancy borne, in [0, sqrt 2].")
    topics: int = Field(default=20, ge=2, description="Clusters of the reference's questions, at most.")
    bins: int = Field(default=10, ge=2, description="Quantile bins of a continuous measure, at most.")
    examples: int = Field(default=5, ge=0, description="Ids that name a cluster or new questions.")

    @property
    def per_look(self) -> float:
        """The error rate of one look, over all measures and scopes."""
        return self.alpha / self.looks
