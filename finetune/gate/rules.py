"""What a candidate has to show, written before it is asked anything: one file of YAML.

    min_items: 60
    measures:
      support: {margin: 0.05, floor: 0.6}   # at most 0.05 worse than the champion, never below 0.6
      latency_ratio: {ceiling: 1.2}         # at most 1.2 times the champion's time
      exact_match: null                     # not looked at
    slices: {margin: 0.1}
    general: {tasks: {arithmetic: 0.05}}

What is left out has defaults, a measure's own fields too. The digest names the rules in every report: rules that were
changed after the fact have another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from core.errors import InvalidInput
from finetune.rows import digest
from finetune.settings import Room

DifferenceName = Literal[
    "schema_valid", "citation_precision", "citation_recall", "support", "abstention", "refusal", "exact_match",
    "rouge_l", "bert_score", "preference_win", "repetition",
]  # fmt: skip
"""Measures of one output whose difference between the two is looked at."""
RatioName = Literal["length_ratio", "latency_ratio", "throughput_ratio", "memory_ratio"]
"""Candidate divided by champion."""
MeasureName = DifferenceName | RatioName
DIFFERENCES: tuple[str, ...] = get_args(DifferenceName)
RATIOS: tuple[str, ...] = get_args(RatioName)
LOWER_IS_BETTER = frozenset({"repetition"})
TaskName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
Load = Callable[[str], Any]
"""What a text of YAML holds, as `yaml.safe_load` reads it."""
_LONGEST = 100_000
_DEFAULTS: dict[str, dict[str, Any]] = {
    "schema_valid": {"margin": 0.05, "floor": 0.9},
    "citation_precision": {"margin": 0.12},
    "citation_recall": {"margin": 0.12},
    "support": {"margin": 0.08},
    "abstention": {"margin": 0.1},
    "refusal": {"margin": 0.15, "floor": 0.8},
    "exact_match": {"margin": 0.15},
    "rouge_l": {"margin": 0.1},
    "preference_win": {"margin": 0.25},
    "repetition": {"margin": 0.05, "ceiling": 0.5},
    "length_ratio": {"floor": 0.5, "ceiling": 1.6},
    "latency_ratio": {"ceiling": 1.25},
    "throughput_ratio": {"floor": 0.8},
    "memory_ratio": {"ceiling": 1.1},
}
_WHERE_NAMED: dict[str, dict[str, Any]] = {"bert_score": {"margin": 0.05}}
"""Defaults of measures that only rules which name them look at: they take a model of their own."""


class MeasureRule(Room):
    """What one measure has to show. Ratios have a floor and a ceiling and no margin."""

    margin: float | None = Field(default=None, ge=0, description="How much worse than the champion it may be.")
    floor: float | None = Field(default=None, description="The candidate's own least; of a ratio, its least.")
    ceiling: float | None = Field(default=None, description="The candidate's own most; of a ratio, its most.")
    required_gain: float | None = Field(
        default=None, ge=0, description="How much better it has to be shown to be; too few items stop it then, too."
    )
    required: bool = Field(default=False, description="Too few items for it stop the candidate.")


class SliceRules(Room):
    """Parts of the questions that are looked at by themselves. A part stops a candidate only where it is shown to be
    worse, with all parts and measures counted (Bonferroni)."""

    by: tuple[str, ...] = Field(
        default=("language", "collection", "topic", "length", "expected"), description="What questions are parted by."
    )
    measures: tuple[DifferenceName, ...] = Field(
        default=(
            "schema_valid", "citation_precision", "citation_recall", "support", "abstention", "exact_match", "rouge_l",
            "preference_win",
        ),
        description="Measures that are looked at in each part.",
    )  # fmt: skip
    margin: float = Field(default=0.05, ge=0, description="How much worse a part may be.")
    min_items: int = Field(default=20, ge=5, description="Items from which a part is looked at.")


class LeakRules(Room):
    """What of the questions the candidate may have been trained on."""

    max_share: float = Field(default=0.0, ge=0, le=1, description="Share of items that training rows give away.")
    likeness: float = Field(default=0.8, ge=0.5, le=1, description="Likeness (Jaccard of letter runs) of one text.")
    required: bool = Field(default=True, description="Training rows that cannot be looked through stop a candidate.")


class JudgeRules(Room):
    """A model that says which of two answers is better. Alone it decides nothing: it stops a candidate only where
    another measure is shown to be worse too, within its margin."""

    enabled: bool = Field(default=False, description="Whether a judge is asked.")
    min_agreement: float = Field(default=0.4, ge=-1, le=1, description="Cohen's kappa with people, at least.")
    min_items: int = Field(default=30, ge=5, description="Pairs, of people and of the two versions, at least.")
    margin: float = Field(default=0.05, ge=0, lt=0.5, description="How far below one half the share of wins may be.")


class GeneralRules(Room):
    """What the model could before and should still: the anchors, by task."""

    margin: float = Field(default=0.15, ge=0, description="How much worse all tasks together may be.")
    drop: float = Field(default=0.1, ge=0, description="How much worse one task may be.")
    required: bool = Field(default=False, description="Too few anchors stop the candidate.")
    tasks: dict[str, float] = Field(default_factory=dict, description="The same, of tasks by name.")
    lm_eval: tuple[TaskName, ...] = Field(default=(), max_length=50, description="Tasks of lm-eval to ask both too.")
    lm_eval_items: int = Field(default=200, ge=5, le=100_000, description="Items of each such task, at most.")


class GateRules(Room):
    """Everything that decides about a candidate."""

    confidence: float = Field(default=0.95, ge=0.5, le=0.999, description="Confidence of every interval, two-sided.")
    draws: int = Field(default=2_000, ge=200, le=20_000, description="Resamples of the bootstrap.")
    seed: int = Field(default=7, ge=0, description="Of the resamples and of the order of questions.")
    min_items: int = Field(default=30, ge=5, description="Items from which the gate, and a measure, can decide.")
    min_clusters: int = Field(default=5, ge=5, description="Conversations from which an interval can be trusted.")
    at_once: int = Field(default=8, ge=1, le=256, description="Questions asked at a time.")
    speed_items: int = Field(default=30, ge=5, le=1_000, description="Questions asked one by one, to tell speed.")
    measures: dict[MeasureName, MeasureRule] = Field(default_factory=dict, validate_default=True)
    slices: SliceRules = SliceRules()
    leak: LeakRules = LeakRules()
    judge: JudgeRules = JudgeRules()
    general: GeneralRules = GeneralRules()

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        """Defaults under what is said of each measure; null leaves a measure out."""
        said = given.get("measures") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(said, dict | None):
            return given
        known = {**_DEFAULTS, **_WHERE_NAMED}
        named: dict[Any, Any] = {**_DEFAULTS, **(said or {})}
        filled = {
            name: {**known.get(name, {}), **rule} if isinstance(rule, dict) else rule
            for name, rule in named.items()
            if rule is not None or name not in known
        }
        return {**given, "measures": filled}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, rule in self.measures.items():
            if name in RATIOS and (rule.margin is not None or rule.required_gain is not None):
                raise ValueError(f"measures.{name} is a ratio: it has a floor and a ceiling, no margin and no gain")
            if name in DIFFERENCES and rule.margin is None:
                raise ValueError(f"measures.{name} needs a margin")
            if rule.floor is not None and rule.ceiling is not None and rule.floor > rule.ceiling:
                raise ValueError(f"the floor of measures.{name} is above its ceiling")
        return self

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of all that is in them, defaults too."""
        return digest(self.model_dump(mode="json"))[:16]


def read_rules(text: str, load: Load) -> GateRules:
    """The rules in a text. Raises `InvalidInput` that names the line or the field."""
    if len(text) > _LONGEST:
        raise InvalidInput(f"The gate's rules are longer than {_LONGEST} characters. Write only what differs.")
    try:
        given = load(text)
    except Exception as error:  # whatever the reader raises: its mark, where there is one, tells the line
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" in line {mark.line + 1}"
        raise InvalidInput(f"The gate's rules are no YAML{where}: {str(error)[:300]}") from None
    if given is None:
        return GateRules()
    if not isinstance(given, dict):
        raise InvalidInput("The gate's rules must be a mapping: `min_items: 60`, `measures: …`.")
    try:
        return GateRules.model_validate(given)
    except ValidationError as error:
        raise InvalidInput(f"The gate's rules cannot be followed: {_said(error)}") from None


def _said(error: ValidationError) -> str:
    def where(place: tuple[int | str, ...]) -> str:
        return ".".join(str(part) for part in place if part != "[key]") or "they"

    return "; ".join(f"{where(each['loc'])}: {each['msg'].lower()}" for each in error.errors()[:5]) + "."
