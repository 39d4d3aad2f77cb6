"""How recipes, findings and runs of training are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, field_validator

from app.api.shapes import Request, Response

RunState = Literal["queued", "starting", "running", "done", "failed", "cancelled", "interrupted"]
_RECIPE = (
    "YAML text, or the same as an object. `data` is a dataset's version or an imported file; `model` one that the "
    "settings name or allow, or a version of the registry."
)


class RecipeBody(Request):
    """A recipe to look over."""

    recipe: str | dict[str, Any] = Field(
        description=_RECIPE,
        examples=["name: handbook\nmethod: sft\nmodel: /models/llama\ndata: handbook@4f5c0f7f0a3b9c21\n"],
    )

    @field_validator("recipe")
    @classmethod
    def _not_too_long(cls, given: str | dict[str, Any]) -> str | dict[str, Any]:
        if isinstance(given, str) and len(given) > 64_000:
            raise ValueError("a recipe has at most 64000 characters")
        return given


class NewRun(RecipeBody):
    """A run to create."""

    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}$",
        description="Unset: the recipe's name with a number.",
        examples=["handbook-1"],
    )
    start: bool = Field(default=True, description="False: it waits until it is resumed.")


class LintFinding(Response):
    """What is wrong. Errors keep a run from starting, warnings do not."""

    level: Literal["error", "warning"]
    code: str = Field(description="Stable; made for programs.")
    place: str = Field(description="Where in the recipe, as far as it is one place: `train.max_length`.")
    message: str
    change: str = Field(description="What to change.")


class Memory(Response):
    """Bytes on each device, estimated from the model's own files."""

    needed_bytes: int
    free_bytes: int
    parts: dict[str, int]


class Lint(Response):
    """A recipe looked over. `resolved` is the recipe with nothing left out, as YAML."""

    ok: bool
    findings: list[LintFinding]
    memory: Memory | None
    resolved: str | None


class RunFinding(Response):
    """What was found when the run began."""

    level: str
    code: str
    message: str
    remedy: str


class RunAlarm(Response):
    """What the curves show that a reward should not do."""

    code: str
    message: str


class RunMetrics(Response):
    """Metrics on rows kept back, before and after training."""

    before: dict[str, float] | None
    after: dict[str, float] | None


class TrainingRun(Response):
    """A run of training. `progress` is in [0, 1]; `eta_seconds` is told while it trains; `published` names the version
    that came of it."""

    name: str
    title: str
    method: str
    model: str
    data: str
    state: RunState
    stage: str
    step: int
    steps: int
    epoch: float
    loss: float | None
    progress: float
    error: str | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int
    eta_seconds: float | None
    findings: list[RunFinding]
    metrics: RunMetrics
    alarms: list[RunAlarm]
    published: str | None


class RunList(Response):
    """All runs, the newest first."""

    items: list[TrainingRun]


class Curves(Response):
    """Lines of a run's curves: `step`, `time` (seconds since 1970) and what was measured, by the trainer's names."""

    items: list[dict[str, int | float | None]]
    next: int = Field(description="Pass as `after` to read on.")


class AuditRow(Response):
    """Who did what, with which run or version; `why` is told of what a rule did."""

    at: datetime
    by: str
    did: str
    run: str | None = None
    version: str | None = None
    why: str = ""


class AuditRows(Response):
    """Rows of the audit, the oldest first."""

    items: list[AuditRow]
    next: int = Field(description="Pass as `after` to read on.")


class RunLog(Response):
    """The end of what a run's process said."""

    lines: list[str]


RUN: dict[str, Any] = {
    "name": "handbook-1", "title": "handbook", "method": "sft", "model": "/models/llama",
    "data": "handbook@4f5c0f7f0a3b9c21", "state": "running", "stage": "", "step": 40, "steps": 160, "epoch": 0.25,
    "loss": 1.21, "progress": 0.25, "error": None, "created_by": "root", "created_at": "2026-11-20T09:30:00Z",
    "started_at": "2026-11-20T09:30:02Z", "ended_at": None, "attempts": 1, "eta_seconds": 312.5, "findings": [],
    "metrics": {"before": {"eval_loss": 2.31}, "after": None}, "alarms": [], "published": None,
}  # fmt: skip
LINT: dict[str, Any] = {
    "ok": False,
    "findings": [
        {
            "level": "error",
            "code": "use_dora",
            "place": "lora.use_dora",
            "message": "vLLM serves no DoRA.",
            "change": "Remove `use_dora`.",
        }
    ],
    "memory": None,
    "resolved": "name: handbook\n…",
}
AUDIT: dict[str, Any] = {
    "items": [
        {"at": "2026-11-20T09:30:00Z", "by": "root", "did": "created", "run": "handbook-1", "version": None, "why": ""},
    ],
    "next": 1,
}  # fmt: skip
CURVES: dict[str, Any] = {"items": [{"step": 1, "time": 1795167002.5, "loss": 2.4, "learning_rate": 0.0002}], "next": 1}
