"""What can be configured about writing answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator


class Room(BaseModel):
    """Base of this room's settings: frozen, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


def _number(value: object) -> object:
    """Environment variables are texts, and pydantic takes none for a number of a list."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class ExtractiveSettings(Room):
    """Answering in the documents' own sentences."""

    threshold: float = Field(
        default=0.35,
        ge=0,
        le=1,
        description="Confidence in the best sentence below which no answer is given; set for the default embedder.",
    )
    statements: int = Field(default=4, ge=1, le=8, description="Sentences in one answer, at most.")
    candidates: int = Field(
        default=20, ge=4, le=512, description="Sentences compared by meaning, after a cheap choice by words and rank."
    )
    statement_chars: int = Field(default=1_000, ge=40, le=10_000, description="Longest sentence shown, in characters.")
    cache: int = Field(default=4_096, ge=0, description="Sentences whose vectors are kept in memory.")


class EndpointSettings(Room):
    """A server that speaks OpenAI's protocol: vLLM, Ollama, SGLang, TGI, a hosted API."""

    base_url: str = Field(
        default="http://127.0.0.1:8100/v1", description="Where `chat/completions` lies, `/v1` included."
    )
    api_key: SecretStr | None = Field(default=None, description="The bearer token, if the server asks for one.")
    model: str = Field(default="", description="The model's name as the server lists it under `/v1/models`.")
    adapter: str | None = Field(
        default=None,
        description="The adapter that answers where none is asked for; unset is the model. The server must list it.",
    )
    flavour: Literal["vllm", "generic"] = Field(
        default="generic",
        description="vllm: prompts are counted by the engine's own tokenizer, and callers who may not read the same "
        "share no prefix cache (`cache_salt`); generic: neither is sent.",
    )
    window: int | None = Field(
        default=None,
        ge=512,
        description="Tokens of prompt and answer together; unset asks vLLM, and is 8192 for others.",
    )
    string_lengths: bool = Field(
        default=True,
        description="Send the lengths of strings in the JSON schema. OpenAI's own API refuses them, xgrammar handles "
        "them wrongly: false there.",
    )
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        default="max_tokens", description="What the server calls the limit of tokens written."
    )
    extra: dict[str, Any] = Field(
        default_factory=dict,
        description='JSON object put into every request, e.g. {"chat_template_kwargs": {"enable_thinking": false}}.',
    )
    connect_seconds: float = Field(default=3.0, gt=0, description="Time to connect, each try.")
    first_token_seconds: float = Field(default=60.0, gt=0, description="Time until the first word.")
    retries: int = Field(
        default=2, ge=0, le=10, description="Further tries after a failed connection; never after a first byte."
    )
    concurrency: int = Field(default=32, ge=1, description="Requests at the server at a time; others wait here.")
    queue: int = Field(
        default=128, ge=0, description="Requests that may wait, callers in turn; beyond them 503 with Retry-After."
    )
    breaker_failures: int = Field(
        default=5, ge=1, description="Failures in a row after which the server is left alone for a while."
    )
    breaker_seconds: float = Field(default=10.0, gt=0, description="How long it is left alone before one tries again.")

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        return _address(value)


class AdapterSettings(Room):
    """LoRA adapters that are loaded onto vLLM while it runs, by `footnote adapters` and `/v1/adapters`."""

    directory: Path | None = Field(
        default=None,
        description="Folder below which adapters may be loaded from; the engines see it under the same path. Unset: "
        "none are loaded.",
    )
    engines: tuple[str, ...] = Field(
        default=(),
        description="JSON list of every engine's address, `/v1` included, where several stand behind "
        "FOOTNOTE_SERVING__ENDPOINT__BASE_URL; empty means that it is the only one.",
    )
    drain_seconds: float = Field(
        default=60.0, gt=0, description="Time that answers being written with an adapter get before it is kept loaded."
    )

    @field_validator("engines")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_address(each) for each in value)


class EngineSettings(Room):
    """The vLLM that `footnote engine` starts."""

    python: Path = Field(
        default=Path(".venv-engine/bin/python"),
        description="The Python that has vLLM; `make engine-cpu` sets one up for machines without a GPU.",
    )
    model: str = Field(default="", description="Folder of the model, or its name on the model hub.")
    served_name: str = Field(default="footnote", min_length=1, description="The name it is asked for by.")
    host: str = Field(default="127.0.0.1", description="Address the engine listens on.")
    port: int = Field(default=8100, ge=1, le=65535, description="Port the engine listens on.")
    api_key: SecretStr | None = Field(default=None, description="The bearer token that the engine asks for.")
    quantization: str | None = Field(
        default=None, description="Quantization method; unset reads it from the model's own configuration."
    )
    grammar: Literal["guidance", "xgrammar"] = Field(
        default="guidance",
        description="What holds the output to its schema. xgrammar (0.2) lets no quotation mark, but control "
        "characters, into strings of limited length.",
    )
    dtype: str = Field(default="auto", description="Type of weights and activations: auto, bfloat16, float16, float32.")
    max_model_len: int | None = Field(default=None, ge=512, description="Window in tokens; unset is the model's own.")
    max_num_seqs: int | None = Field(default=None, ge=1, description="Sequences written at a time.")
    gpu_memory_utilization: float = Field(default=0.9, gt=0, le=1, description="Share of a GPU's memory used.")
    cpu_kv_cache_gib: int = Field(default=2, ge=1, description="CPU build: memory for keys and values, in GiB.")
    tensor_parallel_size: int = Field(default=1, ge=1, description="GPUs that one copy of the model is spread over.")
    data_parallel_size: int = Field(default=1, ge=1, description="Copies of the model.")
    enforce_eager: bool = Field(default=False, description="No graph capture: a quicker start, a slower engine.")
    lora: bool = Field(default=False, description="Serve LoRA adapters, and let them be loaded while it runs.")
    adapters: dict[str, Path] = Field(default_factory=dict, description="JSON object of adapters: name to folder.")
    max_lora_rank: Annotated[Literal[1, 8, 16, 32, 64, 128, 256, 320, 512], BeforeValidator(_number)] = Field(
        default=16, description="Largest rank of an adapter."
    )
    max_loras: int = Field(default=4, ge=1, description="Adapters in one batch.")
    start_seconds: float = Field(default=600.0, gt=0, description="Time to load the model and pass the probe.")
    arguments: tuple[str, ...] = Field(default=(), description="Further arguments for vLLM, as a JSON list.")


class LocalSettings(Room):
    """A transformers model in the server's own process. It writes one answer at a time."""

    model: str = Field(
        default="",
        description="Folder with config.json, tokenizer and *.safetensors, or a name on the model hub, which is "
        "downloaded when it is first loaded.",
    )
    revision: str | None = Field(default=None, description="Of a model on the hub: branch, tag or commit.")
    device: str = Field(
        default="auto", min_length=1, description="auto takes a GPU where torch sees one; or cpu, cuda, cuda:1, mps."
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="Type of weights and activations; auto is the type the weights were saved in."
    )
    quantization: Literal["none", "int8", "int4"] = Field(
        default="none",
        description="Weights quantized while they are loaded, by bitsandbytes, which is installed apart; on CPUs "
        "that saves memory and costs speed. A model that was saved quantized is read as it is, with none.",
    )
    adapters: dict[str, Path] = Field(
        default_factory=dict, description="JSON object of LoRA adapters: name to folder, as PEFT saved it."
    )
    adapter: str | None = Field(
        default=None,
        description="The adapter that answers where none is asked for; unset is the base, which is always to be had "
        "by the name of the model's folder.",
    )
    window: int | None = Field(
        default=None,
        ge=512,
        description="Tokens of prompt and answer together; unset, or more than it has, is the model's own.",
    )
    threads: int | None = Field(default=None, ge=1, description="CPU threads; unset leaves the choice to torch.")
    queue: int = Field(
        default=32, ge=0, description="Requests that may wait, callers in turn; beyond them 503 with Retry-After."
    )

    @model_validator(mode="after")
    def _an_adapter_there_is(self) -> LocalSettings:
        if self.adapter is not None and self.adapter not in self.adapters:
            raise ValueError(f"adapter {self.adapter!r} is not among the adapters")
        return self


class ServingSettings(Room):
    """The generator and its parts."""

    generator: Literal["extractive", "openai_compatible", "local"] = Field(
        default="extractive",
        description="extractive: the documents' own sentences, no model; openai_compatible: a model behind `endpoint`; "
        "local: a model in the server's own process.",
    )
    extractive: ExtractiveSettings = ExtractiveSettings()
    endpoint: EndpointSettings = EndpointSettings()
    local: LocalSettings = LocalSettings()
    adapters: AdapterSettings = AdapterSettings()
    engine: EngineSettings = EngineSettings()
