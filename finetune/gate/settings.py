"""What can be configured about the gate: the model that judges, and where general tasks lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class GateJudgeSettings(BaseModel):
    """A model that says which of two answers is better, on a server that speaks OpenAI's protocol. It should be another
    one than those that are judged: models prefer their own words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(
        default="http://127.0.0.1:8100/v1",
        pattern=r"^https?://[^@\s]+$",
        description="Where `chat/completions` lies, `/v1` included.",
    )
    api_key: SecretStr | None = Field(default=None, description="The bearer token, if the server asks for one.")
    model: str = Field(default="", description="The judge's name as its server lists it; unset: there is no judge.")
    flavour: Literal["vllm", "generic"] = Field(
        default="generic", description="vllm: prompts are counted by the engine's own tokenizer."
    )
    window: int | None = Field(
        default=None, ge=512, description="Tokens of prompt and word together; unset asks vLLM, and is 8192 for others."
    )
    string_lengths: bool = Field(
        default=True, description="Send the lengths of strings in the JSON schema; OpenAI's own API refuses them."
    )
    extra: dict[str, Any] = Field(default_factory=dict, description="JSON object put into every request.")
    seconds: float = Field(default=60.0, gt=0, description="Time for one word.")
    reason_chars: int = Field(default=300, ge=20, le=4_000, description="Characters of a reason, at most.")


class LmEvalSettings(BaseModel):
    """The LM Evaluation Harness, which rules may name tasks of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    python: Path = Field(
        default=Path(".venv-lm-eval/bin/python"), description="The Python that has lm_eval; `make lm-eval` sets one up."
    )
    tasks: Path | None = Field(
        default=None,
        description="Folder of tasks (YAML) besides the harness' own. They may call Python in that folder, which runs "
        "as this server does.",
    )
    tokenizer: Path | None = Field(
        default=None,
        description="Folder of the served model's tokenizer; unset is FOOTNOTE_SERVING__ENGINE__MODEL where that is "
        "one.",
    )
    seconds: float = Field(default=1_800.0, gt=0, description="Time for all tasks of one version.")
    hub: bool = Field(default=False, description="Whether data of tasks may be downloaded: MMLU's, HellaSwag's.")


class GateSettings(BaseModel):
    """The gate before a version comes into service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bert_score_model: str = Field(
        default="",
        description="Model whose vectors of tokens BERTScore compares, where rules name it: a folder or a name on the "
        "model hub, as sentence-transformers takes it. Unset is the server's own embedder.",
    )
    judge: GateJudgeSettings = GateJudgeSettings()
    lm_eval: LmEvalSettings = LmEvalSettings()
