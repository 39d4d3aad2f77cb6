"""What can be configured about learning from feedback."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from finetune.gate.settings import GateSettings
from finetune.rollout.rules import GuardRules
from finetune.watch.rules import WatchRules


class Room(BaseModel):
    """Base of this room's settings: frozen, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class QualitySettings(Room):
    """What a text must be to be learnt from."""

    min_chars: int = Field(default=8, ge=1, description="Letters and digits of what an answer says, at least.")
    max_chars: int = Field(default=200_000, ge=1_000, description="Characters of a prompt and its completion, at most.")
    repetition: float = Field(
        default=0.5, gt=0, le=1, description="Share of a text's three-word runs that repeat others, at most."
    )
    near_duplicate: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Likeness (Jaccard of letter runs) from which two rows are one.",
    )
    relevance_margin: float = Field(
        default=0.2,
        ge=0,
        le=2,
        description="How much farther from the question a correction may be, in meaning, than what it corrects.",
    )


class TrustSettings(Room):
    """Whose words are set apart."""

    words: int = Field(default=8, ge=1, description="Words of one person from which they are looked at.")
    chance: float = Field(
        default=0.001,
        gt=0,
        lt=1,
        description="Probability that an honest person is set apart, over all persons looked at (Bonferroni).",
    )
    base_rate: float = Field(
        default=0.1, gt=0, lt=1, description="Share of words at odds with sources or others that anybody may have."
    )
    burst_words: int = Field(default=15, ge=2, description="Words in `burst_seconds` that nobody writes by reading.")
    burst_seconds: float = Field(default=300.0, gt=0, description="Seconds that a burst is counted in.")
    trusted: tuple[str, ...] = Field(default=(), description="Persons who are never set apart.")


class BalanceSettings(Room):
    """How much of a kind of rows may come from one person and be about one topic."""

    person_share: float = Field(default=0.05, gt=0, le=1, description="Share of rows that rest on one person's word.")
    person_floor: int = Field(default=20, ge=1, description="Rows that a person may have in any case.")
    topics: int = Field(default=24, ge=1, le=1_000, description="Topics that questions are divided into, at most.")
    topic_share: float = Field(default=0.3, gt=0, le=1, description="Share of rows about one topic.")
    topic_floor: int = Field(default=50, ge=1, description="Rows that a topic may have in any case.")
    outlier: float = Field(
        default=8.0,
        gt=1,
        description="Distance from its topic's centre, in median deviations over all questions, that sets a row apart.",
    )
    outlier_rows: int = Field(default=50, ge=10, description="Rows from which outliers are looked for.")


class SplitSettings(Room):
    """What is kept back from training."""

    validation: float = Field(default=0.1, ge=0, lt=1, description="Share of conversations that training never sees.")
    test: float = Field(default=0.1, ge=0, lt=1, description="Share of the rest, the latest, that training never sees.")
    replay: float = Field(
        default=0.15, ge=0, le=0.5, description="Share of general instructions among the rows to train on."
    )
    seed: str = Field(default="footnote", description="Another one divides conversations otherwise.")


class AugmentSettings(Room):
    """Examples that a model writes. None unless a number is set."""

    rephrase: int = Field(default=0, ge=0, description="Questions put in other words, at most.")
    seeds: int = Field(default=0, ge=0, description="New questions on the sources of examples, at most.")
    adversarial: int = Field(default=0, ge=0, description="Near questions that the sources do not answer, at most.")
    at_once: int = Field(default=4, ge=1, le=64, description="Requests to the model at a time.")
    seconds: float = Field(default=60.0, gt=0, description="Time for one request.")
    max_tokens: int = Field(default=1_024, ge=64, description="Tokens of one output.")
    temperature: float = Field(default=0.7, ge=0, le=2, description="Temperature of the model.")
    likeness: float = Field(
        default=0.6, ge=0, le=1, description="Likeness in meaning that a rephrased question keeps, at least."
    )


class CurateSettings(Room):
    """How feedback becomes examples."""

    support: float = Field(
        default=0.4, ge=0, le=1, description="Support by its sources from which a statement may be learnt."
    )
    citations: int = Field(default=4, ge=1, le=32, description="Sources that a corrected statement cites, at most.")
    evidence: int = Field(default=20, ge=1, le=200, description="Passages looked through for what was not found.")
    negatives: int = Field(default=7, ge=1, le=64, description="Hard negatives of one question, at most.")
    at_once: int = Field(default=8, ge=1, le=64, description="Answers looked over at a time.")
    quality: QualitySettings = QualitySettings()
    trust: TrustSettings = TrustSettings()
    balance: BalanceSettings = BalanceSettings()
    split: SplitSettings = SplitSettings()
    augment: AugmentSettings = AugmentSettings()


class RunSettings(Room):
    """Runs of training."""

    at_once: int = Field(default=1, ge=1, le=64, description="Runs that train at a time; others wait for their turn.")
    waiting: int = Field(default=100, ge=1, description="Runs that may wait for their turn; more are refused.")
    trackers: tuple[Literal["mlflow", "wandb"], ...] = Field(
        default=(), description="JSON list of trackers that a recipe may name: mlflow, wandb."
    )
    models: tuple[Path, ...] = Field(
        default=(), description="JSON list of folders whose models a recipe may name, besides those the settings name."
    )
    hub: bool = Field(default=False, description="Recipes may name models on the hub, which are downloaded then.")
    quantizer: Path = Field(
        default=Path(".venv-quantizer/bin/python"),
        description="The Python that has llm-compressor; `make quantizer` sets one up.",
    )
    gguf_converter: tuple[str, ...] = Field(
        default=(), description="JSON list: the command that calls llama.cpp's convert_hf_to_gguf.py."
    )


class ImportSettings(Room):
    """Files of outside data."""

    files: int = Field(default=200, ge=1, description="Files that are kept at a time; more are refused.")
    max_bytes: int = Field(default=2 * 2**30, ge=2**20, description="Bytes of all files that are kept, at most.")


class RegistrySettings(Room):
    """Where what was trained is kept, and for how long."""

    bucket: str | None = Field(
        default=None, min_length=1,
        description="Bucket of S3, or of a store that speaks it; unset, versions are kept in the folder alone.",
    )  # fmt: skip
    prefix: str = Field(
        default="footnote", pattern=r"^[A-Za-z0-9._/-]{0,200}$", description="What keys in the bucket begin with."
    )
    endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^@\s]+$",
        description="Address of a store that is not Amazon's: https://s3.example.org.",
    )
    region: str | None = Field(default=None, description="Region of the bucket; unset asks the environment.")
    access_key_id: SecretStr | None = Field(
        default=None,
        description="Credentials; unset are those that boto3 finds: of the environment, of a profile, of the machine.",
    )
    secret_access_key: SecretStr | None = Field(default=None, description="The secret of `access_key_id`.")
    seconds: float = Field(default=60.0, gt=0, description="Time that the bucket gets to say something.")
    keep: int = Field(
        default=20, ge=0,
        description="Versions of a title and kind that are kept besides those in use, the newest; 0 keeps all.",
    )  # fmt: skip
    days: float = Field(default=90.0, ge=0, description="Days that every version is kept, at least.")

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key are set together, or neither")
        return self


class RolloutSettings(Room):
    """How a version comes into service, and out of it."""

    gate: Literal["required", "optional"] = Field(
        default="required", description="Whether a version needs a gate's report, or a reason why it goes without."
    )
    approval: Literal["none", "person", "another"] = Field(
        default="person",
        description="Who lets a trial that is ready go on: the guards by themselves (none), a person, or for a "
        "champion a person other than the one who began.",
    )
    share: float = Field(default=0.1, gt=0, le=1, description="Share of people whom a canary answers.")
    shadow: float = Field(default=1.0, gt=0, le=1, description="Share of questions that a shadow answers as well.")
    at_once: int = Field(default=2, ge=1, le=64, description="Answers written beside others at a time, for comparison.")
    days: float = Field(default=90.0, gt=0, description="Days that what was observed of ended rollouts is kept.")
    webhook: str | None = Field(
        default=None, pattern=r"^https?://[^@\s]+$", description="Address that alarms are posted to."
    )
    webhook_key: SecretStr | None = Field(default=None, description="Key that alarms are signed with (HMAC-SHA-256).")
    guards: GuardRules = GuardRules()


class PriceSettings(Room):
    """What a model costs, in the currency of all other prices."""

    prompt: float = Field(default=0.0, ge=0, description="A million tokens read.")
    completion: float = Field(default=0.0, ge=0, description="A million tokens written.")


class WatchSettings(Room):
    """Watching what is asked and how it is answered."""

    enabled: bool = Field(default=True, description="Whether the server looks by itself.")
    answers: int = Field(default=1_000, ge=10, description="Answers of a day that are looked at, at most; by chance.")
    days: int = Field(default=30, ge=1, le=400, description="Days that figures are told of.")
    probes: int = Field(default=40, ge=0, le=1_000, description="Anchors that each look asks; 0: none.")
    remind_days: float = Field(
        default=7.0, ge=0, description="Days between two reminders of a drift that lasts; 0: it is said once."
    )
    entropy_share: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Share of answers whose tokens a model is asked how sure it was of; an engine works for it.",
    )
    entropy_alternatives: int = Field(
        default=10, ge=1, le=20, description="Likeliest tokens at each place that this is told of."
    )
    prices: dict[str, PriceSettings] = Field(
        default_factory=dict,
        description="JSON object: a model's name, or MODEL/ADAPTER, to the price of a million tokens (`prompt`, "
        "`completion`).",
    )
    rules: WatchRules = WatchRules()


class FinetuneSettings(Room):
    """Learning from feedback."""

    folder: Path | None = Field(
        default=None,
        description="Folder of datasets, runs and what came of them; the default is `finetune` beside uploaded files.",
    )
    curate: CurateSettings = CurateSettings()
    runs: RunSettings = RunSettings()
    imports: ImportSettings = ImportSettings()
    registry: RegistrySettings = RegistrySettings()
    gate: GateSettings = GateSettings()
    rollout: RolloutSettings = RolloutSettings()
    watch: WatchSettings = WatchSettings()
    general: Path | None = Field(
        default=None,
        description="File of general instructions of which some are trained on again, against forgetting.",
    )
    anchors: Path | None = Field(
        default=None, description="File of examples that are measured on and that no feedback touches."
    )
