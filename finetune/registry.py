"""What was trained, in versions that never change: `title@digest`, a folder each, with a card.

    handbook@4f0c…/   the files as they were trained, for vLLM to load from where they are
        card.json     lineage, settings, curves, metrics, licences; card.md says the same to people
        version.json  kind, when it was made, and the digest of every file

An adapter's digest is that of its two files, as `serving` names it: what was measured under a name is what is served
under it. The card is no part of it. `finetune/bucket_registry.py` keeps the same in S3.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import ConfigurationError, InvalidInput, NotFound
from finetune.result import ADAPTER_FILES

log = logging.getLogger("footnote.training")

VersionKind = Literal["adapter", "reward", "reranker", "embedder", "model"]
CARD, CARD_TEXT, VERSION = "card.json", "card.md", "version.json"
DAY = 86_400.0
_BESIDE = (CARD, CARD_TEXT, VERSION)
_DIGEST_CHARS = 16
PINS = ".pins"
_UNSAFE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".h5", ".py", ".so")
"""Endings of files that may hold code: weights are kept as safetensors alone."""
_TITLE = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")
_NAME = re.compile(rf"{_TITLE.pattern}@[0-9a-f]{{{_DIGEST_CHARS}}}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One of the things that were trained. `made_at` are seconds since 1970, `size` the bytes of its `files`, which are
    told with their digests. `folder` is where they lie, or will once they are fetched (`sound`)."""

    name: str
    kind: VersionKind
    folder: Path
    made_at: float
    size: int
    files: Mapping[str, str] = field(default_factory=dict)
    kept_card: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """What all its versions share."""
        return self.name.rpartition("@")[0]

    def card(self) -> dict[str, Any]:
        """Where it comes from and what it can do. Raises `OSError`, `ValueError` where that cannot be read."""
        if self.kept_card is not None:
            return dict(self.kept_card)
        found: dict[str, Any] = json.loads((self.folder / CARD).read_text("utf-8"))
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """The versions below a folder."""

    root: Path

    def publish(
        self, title: str, kind: VersionKind, source: Path, card: Mapping[str, Any], text: str, now: float | None = None
    ) -> Version:
        """Copies what was trained into a version of its own; the same files under the same title are one, and keep
        their first card. Raises `InvalidInput` for a title that cannot be one, `ConfigurationError` for a folder
        without what the kind needs."""
        name = name_of(title, kind, source)
        if (self.root / name / VERSION).is_file():
            return self.get(name)
        self.root.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=self.root))
        try:
            self._fill(making, kind, source, card, text, time.time() if now is None else now)
            making.chmod(0o755)
            making.rename(self.root / name)
        except BaseException as error:
            shutil.rmtree(making, ignore_errors=True)
            # Another one may have been quicker: it published the same.
            if not isinstance(error, OSError) or not (self.root / name / VERSION).is_file():
                raise
        return self.get(name)

    def versions(self, title: str | None = None) -> list[Version]:
        """All there are, the newest first; or those of a title."""
        found = []
        for path in self.root.glob(f"*@*/{VERSION}"):
            try:
                found.append(_read(path.parent))
            except NotFound as error:  # removed meanwhile, or damaged: it hides no other
                log.warning("%s", error)
        wanted = [each for each in found if title is None or each.title == title]
        return sorted(wanted, key=lambda version: (-version.made_at, version.name))

    def get(self, name: str) -> Version:
        """A version by its whole name. Raises `NotFound`."""
        if not _NAME.fullmatch(name) or not (self.root / name / VERSION).is_file():
            raise NotFound(f"There is no version named {name[:120]}.")
        return _read(self.root / name)

    def verify(self, name: str) -> list[str]:
        """What is wrong with a version's files: gone, changed, or not those its name was made from; nothing where it
        is whole. Raises `NotFound`."""
        version = self.get(name)
        wrong = []
        for path, said in version.files.items():
            there = version.folder / path
            if not there.is_file():
                wrong.append(f"{path} is missing")
            elif _sha256(there) != said:
                wrong.append(f"{path} was changed")
        added = sorted(set(_files(version.folder)) - set(version.files))
        wrong += [f"{path} was added" for path in added]
        if not wrong and digest(version.kind, version.folder) != name.rpartition("@")[2]:
            wrong.append("its name is not that of its files")
        return wrong

    def sound(self, name: str) -> Version:
        """A version whose files are whole. Raises `ConfigurationError` where they are not, `NotFound`."""
        wrong = self.verify(name)
        if wrong:
            raise ConfigurationError(f"{name} is damaged: {'; '.join(wrong)}. Restore it, or train again.")
        return self.get(name)

    def pins(self) -> dict[str, str]:
        """Who pinned which version."""
        return {path.name: path.read_text("utf-8") for path in self.root.glob(f"{PINS}/*@*")}

    def pin(self, name: str, who: str) -> None:
        """Has a version stay whatever the rule says. Raises `NotFound`."""
        pin = self.root / PINS / self.get(name).name
        pin.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError), pin.open("x", encoding="utf-8") as file:
            file.write(who)

    def unpin(self, name: str) -> None:
        """Leaves a version to the rule again. Raises `NotFound`."""
        (self.root / PINS / self.get(name).name).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Forgets a version: at once by its name, then file by file. Raises `NotFound`."""
        folder = self.get(name).folder
        (self.root / PINS / name).unlink(missing_ok=True)
        leaving = Path(tempfile.mkdtemp(prefix=".leaving-", dir=self.root))
        folder.rename(leaving / "version")
        shutil.rmtree(leaving)

    def sweep(self) -> None:
        """Removes what processes that were killed left half done, once it is a day old."""
        for path in (*self.root.glob(".making-*"), *self.root.glob(".leaving-*")):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > DAY:
                    shutil.rmtree(path, ignore_errors=True)

    def check(self) -> str:
        """Says where versions are kept."""
        return str(self.root)

    def _fill(
        self, making: Path, kind: VersionKind, source: Path, card: Mapping[str, Any], text: str, now: float
    ) -> None:
        for path in _needed(kind, source):
            if path.lower().endswith(_UNSAFE):
                raise ConfigurationError(f"{path} may hold code and is not published: weights are kept as safetensors.")
            if source.resolve() not in (source / path).resolve().parents:
                raise ConfigurationError(f"{path} leads out of {source} and is not published.")
            (making / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, making / path)
            _sync(making / path)
        files = {path: _sha256(making / path) for path in _files(making)}
        put_beside(making, {"kind": kind, "made_at": now, "files": files}, card, text)


def name_of(title: str, kind: VersionKind, source: Path) -> str:
    """What a version of these files is named. Raises `InvalidInput` for a title that cannot be one, and what `digest`
    raises."""
    if not _TITLE.fullmatch(title):
        raise InvalidInput(f"{title[:100]!r} cannot be a title: use letters, digits, dots and hyphens.")
    return f"{title}@{digest(kind, source)}"


def digest(kind: VersionKind, folder: Path) -> str:
    """The digest of what was trained. Raises `ConfigurationError` where the folder lacks what the kind needs."""
    return digest_of(kind, {path: _sha256(folder / path) for path in _needed(kind, folder)})


def digest_of(kind: VersionKind, files: Mapping[str, str]) -> str:
    """The digest of files that have these digests.

    An adapter's, and an adapter's alone, is that of the two files vLLM loads: `serving.adapters.adapter_digest`.
    """
    found = hashlib.sha256()
    for path in sorted(files):
        if kind != "adapter":
            found.update(path.encode() + b"\0")
        found.update(bytes.fromhex(files[path]))
    return found.hexdigest()[:_DIGEST_CHARS]


def trained(versions: Iterable[Version]) -> dict[str, tuple[str, ...]]:
    """The datasets that each version was trained on; a version whose card cannot be read tells none."""
    found: dict[str, tuple[str, ...]] = {}
    for version in versions:
        try:
            dataset = version.card().get("data", {}).get("dataset")
        except (OSError, ValueError):
            dataset = None
        found[version.name] = (dataset,) if dataset else ()
    return found


def is_name(name: str) -> bool:
    """Whether a version could be named so."""
    return _NAME.fullmatch(name) is not None


def put_beside(folder: Path, said: Mapping[str, Any], card: Mapping[str, Any], text: str) -> None:
    """Writes what lies beside a version's files."""
    (folder / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    (folder / CARD_TEXT).write_text(text, "utf-8")
    (folder / VERSION).write_text(json.dumps(said, indent=1) + "\n", "utf-8")
    for name in _BESIDE:
        _sync(folder / name)


def _needed(kind: VersionKind, folder: Path) -> list[str]:
    """The files that make it, in order."""
    if kind not in get_args(VersionKind):
        raise InvalidInput(f"{kind!r} is nothing that is kept; it is one of {', '.join(get_args(VersionKind))}.")
    if kind == "adapter" or (kind == "reward" and (folder / ADAPTER_FILES[0]).is_file()):
        missing = [name for name in ADAPTER_FILES if not (folder / name).is_file()]
        if missing:
            raise ConfigurationError(f"{folder} holds no adapter: {missing[0]} is missing.")
        return list(ADAPTER_FILES)
    found = _files(folder) if folder.is_dir() else []
    if not any(path.endswith((".safetensors", ".gguf")) for path in found):
        raise ConfigurationError(f"{folder} holds no model: there are no .safetensors in it, and no .gguf.")
    return found


def _files(folder: Path) -> list[str]:
    """Paths of the files below a folder that are part of what was trained, sorted."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if path not in _BESIDE)


def _read(folder: Path) -> Version:
    try:
        said = json.loads((folder / VERSION).read_text("utf-8"))
        there = [path for path in map(folder.joinpath, said["files"]) if path.is_file()]
        return Version(
            name=folder.name,
            kind=said["kind"],
            folder=folder.absolute(),
            made_at=said["made_at"],
            size=sum(path.stat().st_size for path in there),
            files=said["files"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotFound(
            f"{folder.name} is damaged: its {VERSION} cannot be read. Restore it, or train again."
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
