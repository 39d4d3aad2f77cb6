"""A run as it is told: where it stands, how long it will take, what its curves look like."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from app.finetune.keeper import asked, published, resolved
from core.errors import NotFound
from finetune.hacking import alarms
from finetune.recipe import ONLINE, DataFiles, Recipe
from finetune.run_folder import RunFolder, Status

_LATEST = 40
"""Lines of the curves from which the time that is left is told."""
_LOG_BYTES, _LOG_LINES = 65_536, 200


def view(folder: RunFolder) -> dict[str, Any]:
    """All that is told of a run. Raises `NotFound` where it is gone."""
    try:
        status, recipe, report, who = folder.status(), resolved(folder), folder.report(), asked(folder)
    except FileNotFoundError:
        raise NotFound(f"There is no run named {folder.path.name}.") from None
    lines = list(folder.metrics()) if status.state == "running" or recipe.method in ONLINE else []
    came = published(folder)
    return {
        "name": folder.path.name,
        "title": recipe.name,
        "method": recipe.method,
        "model": recipe.model,
        "data": _data(recipe),
        "state": status.state,
        "stage": status.stage,
        "step": status.step,
        "steps": status.steps,
        "epoch": status.epoch,
        "loss": status.loss,
        "progress": 1.0 if status.state == "done" else min(1.0, status.step / status.steps) if status.steps else 0.0,
        "error": status.error or came.get("error"),
        "created_by": who["by"],
        "created_at": _time(who["at"]),
        "started_at": _time(status.started_at),
        "ended_at": _time(status.ended_at),
        "attempts": status.attempts,
        "eta_seconds": eta(status, lines),
        "findings": report.get("findings", []),
        "metrics": {"before": report.get("before"), "after": report.get("after")},
        "alarms": _alarms(recipe, lines),
        "published": came.get("version"),
    }


def eta(status: Status, lines: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds that are left by the latest steps' median; pauses between two processes of a run count for nothing. None
    where too few steps were taken, or it is not training."""
    if status.state != "running" or not status.steps:
        return None
    told = [line for line in lines if "time" in line and "loss" in line][-_LATEST:]
    each = [
        (after["time"] - before["time"]) / (after["step"] - before["step"])
        for before, after in pairwise(told)
        if after["step"] > before["step"] and after["time"] > before["time"]
    ]
    if len(each) < 2:
        return None
    return round(max(0, status.steps - status.step) * float(median(each)), 1)


def log_lines(folder: RunFolder) -> list[str]:
    """The end of what the process said."""
    try:
        with (folder.path / "log.txt").open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return list(deque(text.splitlines(), _LOG_LINES))


def _alarms(recipe: Recipe, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    if recipe.method not in ONLINE:
        return []
    taught: dict[str, float] = {reward.name: reward.weight for reward in recipe.rewards}
    return [{"code": each.code, "message": each.message} for each in alarms(lines, taught)]


def _data(recipe: Recipe) -> str:
    """The dataset or the file by its name: where it lies on the machine is nobody's concern."""
    return (recipe.data.train if isinstance(recipe.data, DataFiles) else Path(recipe.data)).name


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


__all__ = ["eta", "log_lines", "view"]
