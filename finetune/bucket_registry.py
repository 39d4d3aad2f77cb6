"""The registry in a bucket of S3: what `finetune/registry.py` keeps in a folder.

    versions/handbook@4f0c….json   kind, when it was made, digests and sizes of the files, the card, and `at`
    files/AT/…                     the files; AT belongs to one publication alone
    pins/handbook@4f0c…            who pinned it

A version is there when its record is, and the record is put last, where there is none, in one request: nobody ever
sees half a version, and of several that publish the same the first one's stays. Files are fetched into a folder that
has the form of the registry in a folder, and are held against their digests before anybody reads them.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from core.errors import ConfigurationError, Conflict, DiskFull, NotFound
from finetune.bucket import Bucket
from finetune.registry import (
    DAY,
    Registry,
    Version,
    VersionKind,
    digest_of,
    is_name,
    name_of,
    put_beside,
)
from finetune.settings import RegistrySettings

_AT = re.compile(r"[0-9a-f]{32}")
_SHA = re.compile(r"[0-9a-f]{64}")
_RECORDS, _FILES, _PINS = "versions/", "files/", "pins/"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Record:
    """A version's record, as its object holds it."""

    version: Version
    at: str
    sizes: Mapping[str, int]
    text: str

    def key(self, path: str) -> str:
        """Where one of its files is."""
        return f"{_FILES}{self.at}/{path}"


class BucketRegistry:
    """The versions in a bucket, fetched into the folder `cache` when they are needed. It is a `Versions`."""

    def __init__(self, settings: RegistrySettings, cache: Path) -> None:
        self._bucket = Bucket(settings)
        self._cache = Registry(root=cache.absolute())
        self._records: dict[str, tuple[str, _Record]] = {}
        self._hands = threading.Lock()

    def publish(
        self, title: str, kind: VersionKind, source: Path, card: Mapping[str, Any], text: str, now: float | None = None
    ) -> Version:
        """See `Versions`. The fetched copy is made on the way, so that what is sent is what has been looked over."""
        name = name_of(title, kind, source)
        with contextlib.suppress(NotFound):
            return self.get(name)
        local = self._whole_here(name)
        if local is None:
            with contextlib.suppress(NotFound):
                self._cache.remove(name)  # a damaged copy
            local = self._cache.publish(title, kind, source, card, text, now)
        at = uuid.uuid4().hex
        sent = [f"{_FILES}{at}/{path}" for path in local.files]
        sizes = {path: (local.folder / path).stat().st_size for path in local.files}
        said = {
            "kind": kind,
            "made_at": time.time() if now is None else now,
            "files": {path: {"sha256": sha, "bytes": sizes[path]} for path, sha in local.files.items()},
            "card": dict(card),
            "text": text,
            "at": at,
        }
        try:
            for path, key in zip(local.files, sent, strict=True):
                self._bucket.upload(key, local.folder / path)
            self._bucket.put(f"{_RECORDS}{name}.json", json.dumps(said, ensure_ascii=False).encode())
        except Conflict:  # another one was quicker, and published the same
            self._bucket.delete(*sent)
            self._cache.remove(name)  # its card is not the one that is kept
        except BaseException:
            with contextlib.suppress(Exception):  # what cannot be removed now is swept later
                self._bucket.delete(*sent)
            raise
        return self.get(name)

    def versions(self, title: str | None = None) -> list[Version]:
        """See `Versions`. A record that cannot be read hides no other."""
        found = []
        for each in self._bucket.list(_RECORDS):
            name = each.key.removeprefix(_RECORDS).removesuffix(".json")
            if is_name(name) and title in (None, name.rpartition("@")[0]):
                with contextlib.suppress(NotFound):
                    found.append(self._record(name, each.etag).version)
        return sorted(found, key=lambda version: (-version.made_at, version.name))

    def get(self, name: str) -> Version:
        """See `Versions`."""
        return self._record(name).version

    def verify(self, name: str) -> list[str]:
        """See `Versions`. Every object is read."""
        record, wrong = self._record(name), []
        for path, said in record.version.files.items():
            try:
                if self._bucket.download(record.key(path), None) != said:
                    wrong.append(f"{path} was changed")
            except NotFound:
                wrong.append(f"{path} is missing")
        below = f"{_FILES}{record.at}/"
        there = {each.key.removeprefix(below) for each in self._bucket.list(below)}
        return wrong + [f"{path} was added" for path in sorted(there - set(record.version.files))]

    def sound(self, name: str) -> Version:
        """See `Versions`. What was fetched before is read again, and fetched again where it was changed."""
        record = self._record(name)
        if self._whole_here(name) is None:
            try:
                self._fetch(record)
            except ConfigurationError:
                again = self._record(name)  # it may have been removed meanwhile, and published again
                if again.at == record.at:
                    raise
                self._fetch(again)
        return record.version

    def remove(self, name: str) -> None:
        """See `Versions`: at once by its record, then file by file."""
        record = self._record(name)
        self._bucket.delete(f"{_RECORDS}{name}.json", f"{_PINS}{name}")
        self._bucket.delete(*(record.key(path) for path in record.version.files))
        with contextlib.suppress(NotFound):
            self._cache.remove(name)

    def pins(self) -> dict[str, str]:
        """See `Versions`."""
        keys = [each.key for each in self._bucket.list(_PINS)]
        return {key.removeprefix(_PINS): self._bucket.read(key, 200).decode("utf-8", "replace") for key in keys}

    def pin(self, name: str, who: str) -> None:
        """See `Versions`."""
        with contextlib.suppress(Conflict):  # it is pinned already
            self._bucket.put(f"{_PINS}{self.get(name).name}", who.encode())

    def unpin(self, name: str) -> None:
        """See `Versions`."""
        self._bucket.delete(f"{_PINS}{self.get(name).name}")

    def sweep(self) -> None:
        """See `Versions`: files of no record once they are a day old, and fetched copies of what is gone."""
        loose = [each for each in self._bucket.list(_FILES) if time.time() - each.changed_at > DAY]
        names = {version.name for version in self.versions()}
        known = {self._record(name).at for name in names}  # read after the files: a newer record is of newer files
        self._bucket.delete(*(each.key for each in loose if each.key.split("/")[1] not in known))
        for version in self._cache.versions():
            if version.name not in names and time.time() - version.made_at > DAY:
                self._cache.remove(version.name)
        self._cache.sweep()

    def check(self) -> str:
        """See `Versions`."""
        self._bucket.list(_PINS)
        return self._bucket.address

    def _record(self, name: str, etag: str | None = None) -> _Record:
        """A version's record; the one that was read before where it is known to be the same. Raises `NotFound`."""
        if not is_name(name):
            raise NotFound(f"There is no version named {name[:120]}.")
        with self._hands:
            known = self._records.get(name)
        if known is not None and etag is not None and known[0] == etag:
            return known[1]
        try:
            data = self._bucket.read(f"{_RECORDS}{name}.json")
        except NotFound:
            raise NotFound(f"There is no version named {name[:120]}.") from None
        record = _read(name, data, self._cache.root / name)
        if etag is not None:
            with self._hands:
                self._records[name] = (etag, record)
        return record

    def _whole_here(self, name: str) -> Version | None:
        """The fetched copy, where there is one and its files are whole."""
        try:
            return None if self._cache.verify(name) else self._cache.get(name)
        except NotFound:
            return None

    def _fetch(self, record: _Record) -> None:
        """Puts the files into the cache: whole, or not at all. Raises `ConfigurationError` where the bucket's are
        damaged, `DiskFull`."""
        version, root = record.version, self._cache.root
        making = root
        try:
            root.mkdir(parents=True, exist_ok=True)
            making = Path(tempfile.mkdtemp(prefix=".making-", dir=root))
            for path, said in version.files.items():
                (making / path).parent.mkdir(parents=True, exist_ok=True)
                self._fetch_file(record, path, said, making / path)
            files = {"kind": version.kind, "made_at": version.made_at, "files": dict(version.files)}
            put_beside(making, files, version.card(), record.text)
            making.chmod(0o755)
            self._put_in_place(making, version)
        except OSError as error:
            raise DiskFull(
                f"{version.name} cannot be fetched into {root}: {error.strerror}. Make room for it."
            ) from error
        finally:
            if making != root:
                shutil.rmtree(making, ignore_errors=True)

    def _fetch_file(self, record: _Record, path: str, said: str, into: Path) -> None:
        try:
            with into.open("wb") as file:
                found = self._bucket.download(record.key(path), file)
        except NotFound:
            found = None
        if found != said:
            what = "is missing" if found is None else "was changed"
            raise ConfigurationError(f"{record.version.name} is damaged: {path} {what}. Restore it, or train again.")

    def _put_in_place(self, making: Path, version: Version) -> None:
        """Takes the place of a copy that is damaged; one that another process has put there meanwhile stays."""
        with self._hands:
            if self._whole_here(version.name) is not None:
                return
            if version.folder.exists():
                leaving = Path(tempfile.mkdtemp(prefix=".leaving-", dir=self._cache.root))
                version.folder.rename(leaving / "version")
                shutil.rmtree(leaving, ignore_errors=True)
            with contextlib.suppress(FileExistsError):
                making.rename(version.folder)
        if self._whole_here(version.name) is None:
            raise ConfigurationError(f"{version.name} was changed in {version.folder} while it was fetched. Try again.")


def _read(name: str, data: bytes, folder: Path) -> _Record:
    """A record out of its object: whoever may write into the bucket might write anything into it."""
    try:
        said = json.loads(data)
        files = {str(path): facts for path, facts in said["files"].items()}
        digests = {path: str(facts["sha256"]) for path, facts in files.items()}
        sizes = {path: int(facts["bytes"]) for path, facts in files.items()}
        plain = all(_inside(path) and _SHA.fullmatch(sha) for path, sha in digests.items())
        if not plain or not _AT.fullmatch(said["at"]) or said["kind"] not in get_args(VersionKind):
            raise ValueError("it is no record")
        if not isinstance(said["card"], dict):
            raise ValueError("it has no card")
        if digest_of(said["kind"], digests) != name.rpartition("@")[2]:
            raise ValueError("its name is not that of its files")
        version = Version(
            name=name, kind=said["kind"], folder=folder, made_at=float(said["made_at"]), files=digests,
            size=sum(sizes.values()), kept_card=said["card"],
        )  # fmt: skip
        return _Record(version=version, at=said["at"], sizes=sizes, text=str(said["text"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotFound(f"{name} is damaged: its record cannot be read ({error}). Train again.") from None


def _inside(path: str) -> bool:
    """Whether it names a file below the folder that it counts from."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and "\\" not in path and not {"..", "."} & set(path.split("/"))


__all__ = ["BucketRegistry"]
