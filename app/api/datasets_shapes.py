"""What routes of datasets take and tell."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from app.api.shapes import COLLECTION_PATTERN, Request, Response
from app.finetune.build_state import Build
from core.types import ExampleKind, Split

Kind = Literal["document", "person", "answer"]
_VERSION = "handbook@4f0c5f7f0a3b9c21"


class NewDataset(Request):
    """What a dataset is built from."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$", examples=["handbook"])
    collections: list[Annotated[str, Field(pattern=COLLECTION_PATTERN)]] = Field(
        default_factory=list, max_length=64, description="Only answers that rest on documents of these; else all."
    )
    since: AwareDatetime | None = Field(default=None, description="Only answers given from then on.")
    until: AwareDatetime | None = Field(default=None, description="Only answers given before.")
    imports: list[str] = Field(default_factory=list, max_length=64, description="Imported files to learn from as well.")
    general: str | None = Field(
        default=None, max_length=110, description="Imported file of general instructions, in place of the configured."
    )
    augment: bool = Field(default=False, description="Let the model write examples, as many as the settings say.")


class Dataset(Response):
    """A dataset: rows by kind and split, and what was refused, set apart or left out by stage and reason."""

    version: str
    name: str
    created_at: datetime
    counts: dict[str, dict[str, int]]
    answers: int = Field(description="Answers with a word on them that were looked at.")
    refused: dict[str, dict[str, int]]
    figures: dict[str, Any]
    settings: dict[str, Any]
    size: int = Field(description="Bytes.")
    damaged: bool


class DatasetList(Response):
    """Datasets and builds, the newest first."""

    items: list[Dataset]
    builds: list[Build]


class Fate(Response):
    """What became of one thing, and why."""

    row: str
    stage: str
    outcome: str
    reason: str
    detail: str


class Fates(Response):
    """A part of a report; `next` asks for more as `after`."""

    items: list[Fate]
    next: int | None


class Rows(Response):
    """Rows as they are learnt from, with `lineage`. A row is `withheld` where what it comes from was deleted or is to
    be left out since; only its id and maker are told then."""

    items: list[dict[str, Any]]
    next: int | None


class RefusedLine(Response):
    """A row of a file that is no example."""

    line: int
    why: str


class ImportedFile(Response):
    """A file of outside data."""

    name: str
    rows: int
    size: int
    created_at: datetime
    refused: list[RefusedLine]
    licence: str | None = Field(default=None, description="What was said of its licence; the cards of models name it.")


class FileList(Response):
    """Imported files by name."""

    items: list[ImportedFile]


class LearntRow(Response):
    """A row of a dataset and where it comes from."""

    dataset: str
    kind: ExampleKind
    split: Split
    id: str
    maker: str
    answer: str | None
    person: str | None
    documents: list[str]


class LineageShown(Response):
    """The rows that come from something, their datasets, and what was trained on those. `damaged` datasets could not be
    looked through; `more` rows are not listed."""

    rows: list[LearntRow]
    more: int
    datasets: list[str]
    adapters: list[str]
    damaged: list[str]


class NewExclusion(Request):
    """What shall not be learnt from."""

    kind: Kind = Field(examples=["document"])
    id: str = Field(min_length=1, max_length=255, examples=["5f3c4b9a-8e0d-4e57-8c43-2b1b7f2f3a10"])
    reason: str | None = Field(default=None, max_length=1000)


class Exclusion(Response):
    """What is left out of datasets from now on, and who said so."""

    kind: Kind
    id: str
    reason: str | None
    by: str
    created_at: datetime


class ExclusionList(Response):
    """All exclusions, the newest first."""

    items: list[Exclusion]


class Purged(Response):
    """A dataset with rows from what was deleted or left out since, or a damaged one that cannot be looked through.
    `runs` read it, `versions` were trained on it; `kept` says why it was not removed."""

    dataset: str
    rows: int
    runs: list[str]
    versions: list[str]
    removed: bool
    kept: str | None


class PurgeList(Response):
    """The datasets concerned; with `dry_run` none was removed."""

    dry_run: bool
    items: list[Purged]


class Advice(Response):
    """Which rung of the ladder is next, why, and how many rows each method still wants."""

    rung: str
    why: str
    methods: list[str]
    missing: dict[str, int]
    counts: dict[str, Any]


BUILD: dict[str, Any] = {
    "id": "3c1f9e57-5b6e-4b0c-8a58-0d6c8a9b1c22",
    "name": "handbook",
    "state": "building",
    "stage": "blame",
    "progress": 0.25,
    "done": 412,
    "total": 412,
    "error": None,
    "started_at": "2026-11-20T09:32:00Z",
    "ended_at": None,
    "dataset": None,
}
DATASET: dict[str, Any] = {
    "version": _VERSION,
    "name": "handbook",
    "created_at": "2026-11-20T09:33:00Z",
    "counts": {"sft": {"train": 240, "validation": 24, "test": 22}},
    "answers": 412,
    "refused": {"blame": {"unsupported_correction": 9}},
    "figures": {"words": {"given": 430, "joined": 412, "people": 17}},
    "settings": {"support": 0.4},
    "size": 1_204_711,
    "damaged": False,
}
FATE: dict[str, Any] = {
    "row": "feedback:e5c2c3f2-54b1-4d6b-a0a3-4a1d9d0c7b55",
    "stage": "blame",
    "outcome": "refused",
    "reason": "unsupported_correction",
    "detail": "No source carries what the correction says.",
}
ROW: dict[str, Any] = {
    "id": "0b9c5d0b4f5e4d9a8c43aa10",
    "question": "How many days of leave do I have?",
    "prompt": [{"role": "user", "content": "…"}],
    "completion": [{"role": "assistant", "content": "…"}],
    "lineage": {"maker": "correction", "person": "ana"},
}
FILE: dict[str, Any] = {
    "name": "handbook.jsonl",
    "rows": 120,
    "size": 48_211,
    "created_at": "2026-11-20T09:33:00Z",
    "refused": [{"line": 7, "why": "The row is no JSON object."}],
}
LINEAGE: dict[str, Any] = {
    "rows": [
        {
            "dataset": _VERSION,
            "kind": "sft",
            "split": "train",
            "id": "0b9c5d0b4f5e4d9a8c43aa10",
            "maker": "correction",
            "answer": "3c1f9e57-5b6e-4b0c-8a58-0d6c8a9b1c22",
            "person": "ana",
            "documents": ["5f3c4b9a-8e0d-4e57-8c43-2b1b7f2f3a10"],
        }
    ],
    "more": 0,
    "datasets": [_VERSION],
    "adapters": ["hr-style@4f5c0f7f0a3b9c21"],
    "damaged": [],
}
PURGED: dict[str, Any] = {
    "dataset": _VERSION,
    "rows": 4,
    "runs": ["handbook-sft"],
    "versions": ["hr-style@4f5c0f7f0a3b9c21"],
    "removed": False,
    "kept": None,
}
EXCLUSION: dict[str, Any] = {
    "kind": "person",
    "id": "ana",
    "reason": "She asked for it.",
    "by": "root",
    "created_at": "2026-11-20T09:33:00Z",
}
ADVICE: dict[str, Any] = {
    "rung": "gather",
    "why": "12 answers were judged; with 50 it shows what is wrong.",
    "methods": [],
    "missing": {"sft": 200},
    "counts": {"judged": 12, "good": 8, "missing": 1, "misused": 3, "rows": {"sft": 0}},
}
