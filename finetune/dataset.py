"""Datasets as folders that never change: `NAME@DIGEST/`, the digest being that of everything in it.

    manifest.json       name, counts, settings, figures, a summary of what was refused; digests of the files
    KIND.SPLIT.jsonl    one row a line, as `finetune.rows` says; no file where there is no row
    report.jsonl        everything that was refused, set apart or left out: what, at which stage, why

KIND is sft, preference, kto, prompt or retrieval; SPLIT is train, validation (other conversations), test (the latest)
or anchor (what no feedback touches). The same rows and settings make the same bytes: no clock and no chance is in them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from core.errors import ConfigurationError, InvalidInput, NotFound
from core.types import Example, ExampleKind, Split
from finetune.report import Fate, summary
from finetune.rows import COLUMNS, KINDS, canonical, from_row, to_row

FORMAT = 1
MANIFEST, REPORT = "manifest.json", "report.jsonl"
DIGEST_CHARS = 16
SPLITS: tuple[Split, ...] = get_args(Split)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Curated:
    """What curating came to: examples by split, the fate of everything looked at, and figures for the manifest."""

    examples: Mapping[Split, Sequence[Example]]
    fates: Sequence[Fate] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A dataset on disk. `version` is its folder's name, `NAME@DIGEST`."""

    folder: Path
    version: str
    manifest: Mapping[str, Any]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Rows by kind and split; what is not named has none."""
        counts: dict[str, dict[str, int]] = self.manifest["counts"]
        return counts

    def count(self, kind: ExampleKind, split: Split) -> int:
        """Rows of a kind in a split."""
        return self.counts.get(kind, {}).get(split, 0)

    def path(self, kind: ExampleKind, split: Split) -> Path | None:
        """The file of a kind and split, for loaders that read files themselves; None where there is no row."""
        return self.folder / _file(kind, split) if self.count(kind, split) else None

    def rows(self, kind: ExampleKind, split: Split) -> list[dict[str, Any]]:
        """Rows as trainers take them: the columns of the kind and nothing else."""
        return [{name: row[name] for name in COLUMNS[kind]} for row in self._lines(kind, split)]

    def examples(self, kind: ExampleKind, split: Split) -> list[Example]:
        """Rows with all that is known of them."""
        return [from_row(kind, row) for row in self._lines(kind, split)]

    def all_examples(self) -> Iterator[tuple[Split, Example]]:
        """Every row of every kind and split."""
        for kind in KINDS:
            for split in SPLITS:
                yield from ((split, example) for example in self.examples(kind, split))

    def _lines(self, kind: ExampleKind, split: Split) -> Iterator[dict[str, Any]]:
        path = self.path(kind, split)
        if path is not None:
            with path.open(encoding="utf-8") as lines:
                yield from (json.loads(line) for line in lines)


def write_dataset(root: Path, name: str, curated: Curated) -> Dataset:
    """Puts a dataset below `root`; one that is there already is kept as it is.

    Raises `InvalidInput` for a name that cannot be a folder's, or a dataset without a row.
    """
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise InvalidInput(f"{name!r} cannot be a dataset's name: use letters, digits, dots and hyphens.")
    files = _files(curated)
    counts = _counts(curated)
    if not counts:
        raise InvalidInput("Nothing is left to learn from; the report says why. Gather more feedback or import data.")
    manifest = {
        "format": FORMAT,
        "name": name,
        "counts": counts,
        "columns": {kind: list(COLUMNS[kind]) for kind in KINDS if kind in counts},
        "files": {path: _facts(data) for path, data in sorted(files.items())},
        "settings": curated.settings,
        "figures": curated.figures,
        "fates": summary(curated.fates),
    }
    body = (json.dumps(manifest, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()
    version = f"{name}@{hashlib.sha256(body).hexdigest()[:DIGEST_CHARS]}"
    root.mkdir(parents=True, exist_ok=True)
    if not (root / version).exists():
        _put(root, version, {**files, MANIFEST: body})
    return read_dataset(root / version)


def read_dataset(folder: Path) -> Dataset:
    """A dataset, every file of it held against its digest. Raises `NotFound` where there is none, and
    `ConfigurationError` where it is not what it was when it was written."""
    try:
        body = (folder / MANIFEST).read_bytes()
    except OSError:
        raise NotFound(f"There is no dataset in {folder}.") from None
    if hashlib.sha256(body).hexdigest()[:DIGEST_CHARS] != folder.name.rpartition("@")[2]:
        raise _changed(folder, MANIFEST)
    manifest = json.loads(body)
    if manifest["format"] != FORMAT:
        raise ConfigurationError(f"{folder} was written by another version of Footnote. Make the dataset again.")
    for name, facts in manifest["files"].items():
        path = folder / name
        if not path.is_file() or _facts(path.read_bytes()) != facts:
            raise _changed(folder, name)
    return Dataset(folder=folder, version=folder.name, manifest=manifest)


def datasets(root: Path) -> list[str]:
    """The versions below `root`, sorted by name."""
    return sorted(path.parent.name for path in root.glob(f"*@*/{MANIFEST}"))


def _changed(folder: Path, name: str) -> ConfigurationError:
    return ConfigurationError(f"{name} of the dataset {folder.name} is damaged or was changed. Make the dataset again.")


def _file(kind: ExampleKind, split: Split) -> str:
    return f"{kind}.{split}.jsonl"


def _files(curated: Curated) -> dict[str, bytes]:
    lines: dict[str, list[str]] = {REPORT: [canonical(fate.to_row()) for fate in curated.fates]}
    for split, examples in curated.examples.items():
        for example in examples:
            lines.setdefault(_file(example.kind, split), []).append(canonical(to_row(example)))
    return {name: "".join(f"{line}\n" for line in found).encode("utf-8", "replace") for name, found in lines.items()}


def _counts(curated: Curated) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for split, examples in curated.examples.items():
        for kind, number in Counter(example.kind for example in examples).items():
            counts.setdefault(kind, {})[split] = number
    return counts


def _facts(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "rows": data.count(b"\n")}


def _put(root: Path, version: str, files: Mapping[str, bytes]) -> None:
    """All files at once, by a name that is taken when they are whole."""
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=root))
    try:
        for name, data in files.items():
            with (making / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        making.chmod(0o700)
        making.rename(root / version)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)
        if not (root / version).exists():  # another one was quicker, and wrote the same
            raise
