"""All settings, read from the environment here and nowhere else.

`FOOTNOTE_` names come first, `__` separates levels: `FOOTNOTE_RETRIEVAL__SEARCH__PREFETCH=100`. A name that no setting
answers to is refused, so that a misspelling is not a silent default. What must not stand in the environment comes from
files: `footnote_auth__keys` in the folder that `FOOTNOTE_SECRETS_DIR` names (`/run/secrets`, where container engines
put them). The environment wins over files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from agents.settings import AgentSettings
from core.errors import ConfigurationError
from finetune.settings import FinetuneSettings
from ingestion.settings import IngestionSettings
from retrieval.settings import RetrievalSettings
from serving.settings import ServingSettings

PREFIX = "FOOTNOTE_"
SECRETS_DIR = "FOOTNOTE_SECRETS_DIR"
OUTSIDE = {
    SECRETS_DIR,
    "FOOTNOTE_URL",
    "FOOTNOTE_KEY",
    "FOOTNOTE_DATA_SETS",
    "FOOTNOTE_TEST_QDRANT_URL",
    "FOOTNOTE_TEST_POSTGRES_URL",
}
"""Names with the prefix that are not settings: where secrets lie, the CLI's address and key, the tests' own."""


class Room(BaseModel):
    """Base of a settings group: frozen, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiKey(Room):
    """One caller: a secret and what it stands for."""

    key: SecretStr = Field(min_length=16, description="The bearer token; at least 16 characters.")
    id: str = Field(
        min_length=1, max_length=128, description="The principal's name, as it appears in feedback and jobs."
    )
    groups: tuple[str, ...] = Field(default=(), description="Groups whose documents this caller may read.")
    admin: bool = Field(default=False, description="May read every document and see every job.")
    metrics_only: bool = Field(default=False, description="May read `/metrics` and nothing else: Prometheus' key.")

    @model_validator(mode="after")
    def _only_measures(self) -> Self:
        if self.metrics_only and (self.admin or self.groups):
            raise ValueError("a key with metrics_only has neither groups nor admin")
        return self


class AuthSettings(Room):
    """Who may call. Without keys the server is open, and therefore refuses to listen beyond loopback."""

    keys: tuple[ApiKey, ...] = Field(
        default=(), description='JSON list: [{"key": "…", "id": "ana", "groups": ["hr"], "admin": false}]'
    )


class HttpSettings(Room):
    """The HTTP server's limits."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    max_upload_bytes: int = Field(default=200 * 2**20, gt=0, description="Largest file accepted, in bytes.")
    max_body_bytes: int = Field(default=2**20, gt=0, description="Largest JSON body accepted, in bytes.")
    allowed_hosts: tuple[str, ...] = Field(
        default=("127.0.0.1", "localhost", "[::1]"),
        description="Host headers answered; stops DNS rebinding. `*` answers any.",
    )
    undo_seconds: float = Field(
        default=30.0,
        ge=0,
        le=604_800,
        description="Seconds in which a deleted document can be restored; 0 deletes for good at once.",
    )
    drain_seconds: float = Field(
        default=15.0, ge=0, le=3600, description="Seconds that answers being written get when the server is stopped."
    )
    stream_retention: float = Field(default=600.0, gt=0, description="Seconds a finished stream can be replayed.")
    streams_per_caller: int = Field(
        default=64,
        ge=1,
        description="Streams, and requests waiting for an answer, that one caller may have open, over all servers that "
        "are joined by Redis.",
    )
    questions_per_minute: int = Field(
        default=0,
        ge=0,
        le=60_000,
        description="Questions and searches that one caller may send in a minute, over all servers that are joined by "
        "Redis; 0 means any number.",
    )
    answers_per_caller: int = Field(
        default=32, ge=1, description="Answers being written at a time for one caller, counted in the same way."
    )
    uploads_per_caller: int = Field(
        default=8, ge=1, description="Files being received at a time from one caller, counted in the same way."
    )
    unfinished_uploads_per_caller: int = Field(
        default=256, ge=1, description="Resumable uploads that one caller may have begun and not ended."
    )
    unfinished_bytes_per_caller: int = Field(
        default=4 * 2**30, ge=1, description="How long these may be together, in bytes."
    )
    upload_retention: float = Field(
        default=86_400.0, gt=0, description="Seconds an unfinished upload is kept after its last byte."
    )


class JobSettings(Room):
    """How ingestion jobs run."""

    workers: int = Field(
        default=1, ge=0, description="Worker processes the server starts; 0 where `footnote worker` runs beside it."
    )
    concurrency: int = Field(default=2, ge=1, description="Documents one worker has in hand at a time.")
    nice: int = Field(default=10, ge=0, le=19, description="Niceness of workers, so that questions come first.")
    embed_batch: int = Field(default=256, ge=1, description="Chunks embedded between two looks at a cancellation.")
    attempts: int = Field(default=3, ge=1, description="Tries of a stage that met an unavailable part.")
    workflow_days: int = Field(
        default=7,
        ge=1,
        description="Days for which the durable queue's own notes on jobs and agents' runs are kept once they ended; "
        "what became of them is in rows of their own.",
    )


class CacheSettings(Room):
    """Answers that are given again while nothing has changed that they rest on."""

    enabled: bool = Field(
        default=True,
        description="Remember answers, in this process or in Redis, and give them again to whoever may read the same.",
    )
    seconds: float = Field(default=3_600.0, gt=0, description="How long an answer is remembered.")
    max_bytes: int = Field(
        default=64 * 2**20,
        ge=2**16,
        description="Memory that remembered answers may take in this process; in Redis its `maxmemory` bounds them.",
    )


class HistorySettings(Room):
    """What is kept of the past."""

    trace_days: int = Field(
        default=30, ge=1, description="Days for which it is kept how an answer came about, with prompt and raw output."
    )
    feedback_trace_days: int = Field(
        default=365,
        ge=1,
        description="The same for answers that somebody has a word on: datasets are made from them (never shorter).",
    )
    purge_datasets: bool = Field(
        default=False,
        description="Each hour, remove datasets with rows from what was deleted or is to be left out since.",
    )


class RunSettings(Room):
    """How agents' runs are done: by servers, which take over what another left."""

    concurrency: int = Field(default=4, ge=1, le=256, description="Runs that one server has in hand at a time.")
    per_caller: int = Field(
        default=2, ge=1, description="Runs of one caller that go on at a time, over all servers; the others wait."
    )
    waiting_per_caller: int = Field(default=64, ge=1, description="Runs of one caller that may wait for their turn.")
    seconds: float = Field(
        default=3_600.0,
        gt=0,
        description="Seconds after which a run is ended as `timeout`, whatever its agent's budget still allows; what "
        "people take to decide does not count.",
    )
    approval_seconds: float = Field(
        default=259_200.0, gt=0, description="Seconds a person has to decide on a call; then it is rejected."
    )
    keep_days: int = Field(
        default=90, ge=1, description="Days for which a thread is kept that nobody uses, with its runs and their steps."
    )


class Settings(BaseSettings):
    """Everything that can be configured, one group a room."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Field(default=Path(".footnote"), description="Where everything is kept.")
    database_url: SecretStr | None = Field(
        default=None,
        description="postgresql://user:password@host:5432/name; the default is SQLite in the data folder.",
    )
    shared_dir: Path | None = Field(
        default=None,
        description="Folder of uploaded files and what was computed from them, which all servers and workers of one "
        "database share; the default is the data folder.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="redis://:password@host:6379/0 joins several servers behind one address: streams are read and "
        "stopped on any of them. Two installations need two databases (the number).",
    )
    log_level: Annotated[str, NoDecode] = Field(default="info", description="debug, info, warning or error.")
    http: HttpSettings = HttpSettings()
    auth: AuthSettings = AuthSettings()
    jobs: JobSettings = JobSettings()
    runs: RunSettings = RunSettings()
    cache: CacheSettings = CacheSettings()
    history: HistorySettings = HistorySettings()
    ingestion: IngestionSettings = IngestionSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    agents: AgentSettings = AgentSettings()
    serving: ServingSettings = ServingSettings()
    finetune: FinetuneSettings = FinetuneSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = NestedSecretsSettingsSource(file_secret_settings, secrets_dir=_secrets_dir(), secrets_dir_missing="ok")
        return init_settings, env_settings, files

    @property
    def files_dir(self) -> Path:
        """Where uploaded files lie, and what was computed from them."""
        return self.shared_dir or self.data_dir

    @field_validator("data_dir", "shared_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("redis_url")
    @classmethod
    def _known_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("must be debug, info, warning or error")
        return value.lower()


def load_settings(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from the environment, `overrides` on top. Raises `ConfigurationError` naming what is wrong."""
    environment = os.environ if environment is None else environment
    files = [path.name.upper() for path in _secrets_dir().glob(f"{PREFIX.lower()}*")]
    unknown = [name for name in (*environment, *files) if name.startswith(PREFIX) and not _known(name)]
    if unknown:
        raise ConfigurationError(
            f"Unknown setting{'s' if len(unknown) > 1 else ''} {', '.join(sorted(unknown))}. "
            f"Settings begin with {', '.join(PREFIX + field.upper() for field in Settings.model_fields)}."
        )
    try:
        return Settings(**overrides)
    except SettingsError as error:  # it names the group; the value may be a secret and is not repeated
        group = "".join(re.findall(r'field "(\w+)"', str(error))).upper()
        named = sorted(name for name in environment if name.startswith(PREFIX + group))
        raise ConfigurationError(f"Lists and mappings are JSON, and one of these is not: {', '.join(named)}.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"A secret in {_secrets_dir()} cannot be read: {reason}.") from None
    except ValidationError as error:
        lines = [f"{PREFIX}{'__'.join(str(part) for part in e['loc']).upper()}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError("These settings cannot be used:\n  " + "\n  ".join(lines)) from None


def _secrets_dir() -> Path:
    return Path(os.environ.get(SECRETS_DIR, "/run/secrets"))


def _known(name: str) -> bool:
    first = name.removeprefix(PREFIX).split("__")[0].lower()
    return name in OUTSIDE or first in Settings.model_fields
