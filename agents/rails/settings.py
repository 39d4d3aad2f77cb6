"""What can be configured about the rails."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.types import EVERYONE

LANGUAGES = ("en", "de", "es", "fi", "it", "pl", "sv", "tr", "ko", "th")
"""Languages whose countries' own numbers can be recognised."""


class _Rails(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PersonalSettings(_Rails):
    """Personal data. Whether it is looked for at all is each collection's policy: allow, mask or block."""

    languages: tuple[str, ...] = Field(
        default=("en", "de", "es", "it"),
        min_length=1,
        description=f"Whose countries' own numbers are looked for, of {', '.join(LANGUAGES)}; "
        "what is the same everywhere always is.",
    )
    types: tuple[str, ...] = Field(
        default=(), description="Only these types, e.g. EMAIL_ADDRESS; empty means all but URL and DATE_TIME."
    )
    threshold: float = Field(
        default=0.4, ge=0, le=1, description="Score from which a find counts; words beside it that say so raise it."
    )
    phone_regions: tuple[str, ...] = Field(
        default=("US", "GB", "DE", "FR", "ES", "IT", "IN", "CA", "BR"),
        description="Countries whose telephone numbers are known without their country code.",
    )
    reveal_to: tuple[str, ...] = Field(
        default=(EVERYONE,),
        description="Groups that are shown in answers what was masked on the way, of what they may read anyway.",
    )

    @model_validator(mode="after")
    def _are_known(self) -> Self:
        if unknown := set(self.languages) - set(LANGUAGES):
            raise ValueError(f"{', '.join(sorted(unknown))}: languages are {', '.join(LANGUAGES)}")
        return self


class ClassifierSettings(_Rails):
    """A model that classifies texts, read sentence by sentence. Without a model there is no such rail."""

    model: str | None = Field(
        default=None,
        description="Name or folder, e.g. meta-llama/Llama-Prompt-Guard-2-86M; with kind=generative "
        "meta-llama/Llama-Guard-3-8B.",
    )
    kind: Literal["sequence", "generative"] = Field(
        default="sequence",
        description="sequence: a sequence classifier (Prompt Guard, models of toxicity). generative: a language model "
        "that writes safe or unsafe (Llama Guard), asked in its own chat template.",
    )
    revision: str | None = Field(default=None, description="The commit of a model named by its hub name.")
    device: str = Field(default="cpu", description="The torch device, e.g. cuda.")
    labels: tuple[str, ...] = Field(
        default=(),
        description="Its labels that are bad; empty means all but the first one (LABEL_0, benign). generative: hazards "
        "that count, e.g. S1, S14; empty means all.",
    )
    threshold: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="Probability from which a sentence counts; `footnote guard` finds one on texts of your own. "
        "generative: 0.5, at which every unsafe counts, unless it is set.",
    )
    batch: int = Field(default=32, ge=1, le=1024, description="Sentences in a batch.")
    max_tokens: int = Field(default=512, ge=16, description="Tokens read at a time; longer sentences are cut up.")

    @model_validator(mode="before")
    @classmethod
    def _a_verdict_counts(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("kind") == "generative" and "threshold" not in given:
            return {**given, "threshold": 0.5}
        return given


class TopicSettings(_Rails):
    """What is not talked about: in questions, in what agents send and in answers."""

    blocked: tuple[Annotated[str, Field(min_length=2, max_length=200)], ...] = Field(
        default=(), description="Words and phrases, whole and in any case."
    )
    classifier: ClassifierSettings = Field(
        default=ClassifierSettings(), description="A model that knows a topic or toxicity."
    )


class OutputRailSettings(_Rails):
    """What an answer may hold."""

    hosts: tuple[str, ...] = Field(
        default=(), description="Hosts that answers may link to beside links that stand in what was read; *.example.org"
    )
    prompt_words: int = Field(
        default=12, ge=5, le=100, description="Words in a row out of a prompt of ours that count as a leak."
    )


class RailsSettings(_Rails):
    """Rails around every path. One that fails holds the text back."""

    marking: Literal["delimit", "datamark"] = Field(
        default="delimit",
        description="How passages and results of tools are told apart from instructions in prompts: by fences alone, "
        "or with a mark for each space too, which more models mind and which costs tokens.",
    )
    personal: PersonalSettings = PersonalSettings()
    injection: ClassifierSettings = Field(
        default=ClassifierSettings(), description="A model that knows prompt injections in what was read."
    )
    topics: TopicSettings = TopicSettings()
    output: OutputRailSettings = OutputRailSettings()

    @property
    def marks(self) -> bool:
        """Whether the spaces of what others wrote are marked in prompts."""
        return self.marking == "datamark"
