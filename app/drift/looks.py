"""The looks that were kept: a file each below the folder for learning, the newest of them whole.

Ids of answers that show a drift stand in the newest alone, and figures by day, too: what people delete is not named
for longer than until the next look. No file ever holds a text of a question or an answer.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.finetune.one_at_a_time import put
from core.errors import DiskFull

MOST = 400
"""Looks that are kept."""
_FORM = "%Y-%m-%dT%H%M%S"
_LATE = 10
"""Older looks that each new one looks over, should a server have stopped before it had thinned them."""

Row = Mapping[str, Any]


class Looks:
    """Those below one folder. From any thread, one writer at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told: dict[str, dict[str, Any]] = {}

    def latest(self) -> dict[str, Any] | None:
        """The newest report; None before the first look."""
        return next((row for path in reversed(self._paths()) if (row := _read(path)) is not None), None)

    def last(self) -> datetime | None:
        """When the newest look was."""
        with contextlib.suppress(IndexError):
            return datetime.strptime(self._paths()[-1].stem, _FORM).replace(tzinfo=UTC)
        return None

    def first_probe(self, version: str, anchors: Collection[str]) -> dict[str, Any] | None:
        """The oldest probe of a version that is kept and had at least half of these anchors."""
        for row in self._rows():
            probe = row.get("probe") or {}
            if probe.get("version") == version and _most(anchors, probe["scores"]):
                return dict(probe)
        return None

    def told(self, most: int) -> list[dict[str, Any]]:
        """What the newest looks came to, in short, the oldest first."""
        found = []
        for path in self._paths()[-most:]:
            if path.name not in self._told and (row := _read(path)) is not None:
                self._told[path.name] = in_short(row)
            if path.name in self._told:
                found.append(self._told[path.name])
        return found

    def keep(self, at: datetime, row: Row) -> None:
        """Keeps a look, thins those before it, and drops the oldest. Raises `DiskFull`."""
        try:
            put(self._folder / f"{at.strftime(_FORM)}.json", json.dumps(row, ensure_ascii=False))
            paths = self._paths()
            for path in paths[-_LATE - 1 : -1]:
                if (old := _read(path)) is not None and not old.get("thinned"):
                    put(path, json.dumps(thinned(old), ensure_ascii=False))
            for path in paths[:-MOST]:
                path.unlink(missing_ok=True)
                self._told.pop(path.name, None)
        except OSError as error:
            raise DiskFull(f"What the watch saw cannot be kept: {error.strerror}. Make room for it.") from None
        self._told.pop(f"{at.strftime(_FORM)}.json", None)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for path in self._paths():
            if (row := _read(path)) is not None:
                yield row

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("????-??-??T??????.json"))


def _most(anchors: Collection[str], scores: Row) -> bool:
    return 2 * sum(each in scores for each in anchors) >= len(anchors)


def thinned(row: Row) -> dict[str, Any]:
    """A report that names no answer, and without figures by day, which the next one has."""
    found = _without_ids(row)
    for scope in found.get("scopes", ()):
        scope["series"] = []
    return {**found, "thinned": True}


def in_short(row: Row) -> dict[str, Any]:
    """What is drawn of a look: each scope's measures by what they came to, costs, alarms, and the anchors' mean."""
    return {
        "at": row["at"],
        "alarms": [{"scope": each["scope"], "measure": each["measure"]} for each in row["alarms"]],
        "began": [_named(each) for each in row.get("lasting", ()) if each["since"] == row["at"]],
        "over": [_named(each) for each in row.get("over", ())],
        "probe": _probe(row.get("probe")),
        "scopes": {
            each["name"]: {"measures": _measures(each["findings"]), "costs": _costs(each["costs"])}
            for each in row["scopes"]
        },
    }


def _measures(findings: Sequence[Row]) -> dict[str, Any]:
    """The index of a distribution, else the current value; those of which nothing could be told are left out."""
    return {
        each["measure"]: {"value": each["current"] if each["index"] is None else each["index"], "state": each["state"]}
        for each in findings
        if each["state"] != "too_little"
    }


def _costs(costs: Sequence[Row]) -> list[dict[str, Any]]:
    wanted = ("model", "adapter", "answers", "per_answer")
    return [{name: each[name] for name in wanted} for each in costs]


def _named(each: Row) -> dict[str, Any]:
    return {name: each[name] for name in ("scope", "measure", "direction", "since")}


def _probe(probe: Row | None) -> dict[str, Any] | None:
    if probe is None or not probe["scores"]:
        return None
    scores = probe["scores"].values()
    told = {name: probe[name] for name in ("version", "since", "difference", "low", "high", "alarm")}
    return {**told, "mean": sum(scores) / len(scores), "anchors": len(scores)}


def _without_ids(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_ids(each) for name, each in value.items() if name != "ids"}
    return [_without_ids(each) for each in value] if isinstance(value, list) else value


def _read(path: Path) -> dict[str, Any] | None:
    """A report; None for one that is gone or was damaged."""
    with contextlib.suppress(OSError, ValueError):
        row = json.loads(path.read_text("utf-8"))
        return row if isinstance(row, dict) and "at" in row and "scopes" in row else None
    return None


__all__ = ["MOST", "Looks", "in_short", "thinned"]
