"""Datasets as they are shown: what is in them, what was refused and why, and a look at their rows."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, Conflict, NotFound
from core.types import ExampleKind, Split
from finetune.dataset import MANIFEST, REPORT, datasets, read_dataset
from finetune.join import Exclusions
from finetune.lineage import Traced, trace
from finetune.ports import Versions
from finetune.registry import trained

VERSION = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}@[0-9a-f]{16}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A dataset. `refused` counts by stage and reason; `damaged` ones have the counts that they still tell."""

    version: str
    name: str
    created_at: datetime
    counts: Mapping[str, Mapping[str, int]]
    answers: int
    refused: Mapping[str, Mapping[str, int]]
    figures: Mapping[str, Any]
    settings: Mapping[str, Any]
    size: int
    damaged: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Some of what a file has, and from which line on there is more."""

    items: list[dict[str, Any]]
    next: int | None


class DatasetShelf:
    """The datasets below a folder, and what the registry says was trained on them."""

    def __init__(self, root: Path, registry: Versions) -> None:
        self._root = root
        self._registry = registry

    def all(self) -> list[Shown]:
        """All of them, the newest first; files are held against their sizes only."""
        found = [self._shown(self._root / version, deep=False) for version in self.versions()]
        return sorted(found, key=lambda each: (each.created_at, each.version), reverse=True)

    def get(self, version: str) -> Shown:
        """One, every file of it held against its digest. Raises `NotFound`."""
        return self._shown(self._folder(version), deep=True)

    def report(self, version: str, stage: str | None, reason: str | None, after: int, limit: int) -> Part:
        """What was refused, set apart or left out, from a line on. Raises `NotFound`."""
        lines = _lines(self._folder(version) / REPORT)
        wanted = (
            (number, line)
            for number, line in lines
            if number > after and stage in (None, line["stage"]) and reason in (None, line["reason"])
        )
        return _part([(number, {**line, "row": line["subject"]}) for number, line in islice(wanted, limit + 1)], limit)

    def rows(self, version: str, kind: ExampleKind, split: Split, after: int, limit: int) -> Part:
        """Rows, from a line on. Raises `NotFound`, `Conflict` where they were changed."""
        try:
            path = read_dataset(self._folder(version)).path(kind, split)
        except ConfigurationError as error:  # of what was asked for, not of this server
            raise Conflict(error.message) from None
        found = islice((each for each in _lines(path) if each[0] > after), limit + 1) if path else ()
        return _part(list(found), limit)

    def ids(self, version: str, kind: ExampleKind, split: Split = "train") -> frozenset[str]:
        """What rows are named by, which is the same in every dataset. Raises `NotFound`, `ConfigurationError` where
        they were changed."""
        path = read_dataset(self._folder(version)).path(kind, split)
        return frozenset(line["id"] for _, line in _lines(path)) if path else frozenset()

    def remove(self, version: str) -> None:
        """Removes one. Raises `NotFound`."""
        folder = self._folder(version)
        going = folder.with_name(f".making-gone-{version}")
        shutil.rmtree(going, ignore_errors=True)
        folder.rename(going)
        shutil.rmtree(going)

    def traced(self, of: Exclusions) -> tuple[Traced, list[str]]:
        """What comes from these, and the datasets that are damaged and could not be looked through. Raises
        `StoreUnavailable` where the registry does not answer."""
        whole, damaged = [], []
        for version in self.versions():
            try:
                whole.append(read_dataset(self._root / version))
            except ConfigurationError:
                damaged.append(version)
        return trace(whole, trained(self._registry.versions()), of), damaged

    def versions(self) -> list[str]:
        """The names of all of them."""
        return [version for version in datasets(self._root) if VERSION.fullmatch(version)]

    def _folder(self, version: str) -> Path:
        folder = self._root / version
        if not VERSION.fullmatch(version) or folder.is_symlink() or not (folder / MANIFEST).is_file():
            raise NotFound(f"There is no dataset {version[:100]}.")
        return folder

    def _shown(self, folder: Path, *, deep: bool) -> Shown:
        manifest, damaged = _manifest(folder)
        files: Mapping[str, Any] = manifest.get("files", {})
        if deep:
            try:
                read_dataset(folder)
            except ConfigurationError:
                damaged = True
        else:
            damaged = damaged or any(_size(folder / name) != facts["bytes"] for name, facts in files.items())
        made = (folder / MANIFEST).stat()
        figures = manifest.get("figures", {})
        return Shown(
            version=folder.name,
            name=folder.name.rpartition("@")[0],
            created_at=datetime.fromtimestamp(made.st_mtime, UTC),
            counts=manifest.get("counts", {}),
            answers=figures.get("words", {}).get("joined", 0),
            refused=_refused(folder / REPORT),
            figures=figures,
            settings=manifest.get("settings", {}),
            size=made.st_size + sum(facts["bytes"] for facts in files.values()),
            damaged=damaged,
        )


def _manifest(folder: Path) -> tuple[Mapping[str, Any], bool]:
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}, True
    return (found, False) if isinstance(found, dict) else ({}, True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _refused(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    try:
        counted = Counter((line["stage"], line["reason"]) for _, line in _lines(path) if line["outcome"] != "kept")
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    for (stage, reason), number in sorted(counted.items()):
        found.setdefault(stage, {})[reason] = number
    return found


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            yield number, json.loads(line)


def _part(found: list[tuple[int, dict[str, Any]]], limit: int) -> Part:
    shown = found[:limit]
    return Part(items=[line for _, line in shown], next=shown[-1][0] if len(found) > limit else None)


__all__ = ["DatasetShelf", "Part", "Shown"]
