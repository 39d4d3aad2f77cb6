"""Files of outside data: taken in, looked through, kept under a name that cannot be a path."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import tempfile
import threading
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import Conflict, DiskFull, FileTooLarge, InvalidInput, NotFound
from finetune.imports import read_examples
from finetune.report import Report, Stage
from finetune.settings import ImportSettings

NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,100}\.jsonl?")
MAX_BYTES = 32 * 2**20
MAX_LINES = 500_000
MAX_REFUSED = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A row that is no example: its line, and why."""

    line: int
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedFile:
    """A file that was imported. `rows` were taken, `refused` were not; `licence` is what its owner said of it."""

    name: str
    rows: int
    size: int
    created_at: datetime
    refused: tuple[Line, ...] = ()
    licence: str | None = None


@dataclass(kw_only=True, slots=True)
class _Bounded(Report):
    """Gives up on what is no file of examples, before its refusals fill the memory."""

    def refuse(self, subject: str, stage: Stage, reason: str, detail: str) -> None:
        Report.refuse(self, subject, stage, reason, detail)
        if len(self.fates) > MAX_REFUSED:
            raise InvalidInput(f"More than {MAX_REFUSED:,} rows are no examples; the first: {self.fates[0].detail}")


class ImportedFiles:
    """The files below a folder, and beside each what came of looking through it."""

    def __init__(self, root: Path, bounds: ImportSettings | None = None) -> None:
        self._root = root
        self._bounds = bounds or ImportSettings()
        self._hands = threading.Lock()

    async def put(self, name: str, body: AsyncIterator[bytes], licence: str | None = None) -> ImportedFile:
        """Takes in a file, in the place of one that has its name. Raises `InvalidInput` for a name that cannot be one
        and for what holds no example at all, `Conflict` where there are too many files, `FileTooLarge` for one and for
        all together, `DiskFull`; nothing is kept then."""
        if not NAME.fullmatch(name):
            raise InvalidInput("A file's name has letters, digits, dots and hyphens, and ends in .jsonl or .json.")
        await asyncio.to_thread(self._has_room, name, 0)
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            descriptor, making = tempfile.mkstemp(prefix=".making-", dir=self._root)
        except OSError as error:
            raise DiskFull(f"The file cannot be kept: {error.strerror}. Make room for it.") from None
        path = Path(making)
        try:
            with os.fdopen(descriptor, "wb") as file:
                size = 0
                async for part in body:
                    size += len(part)
                    if size > MAX_BYTES:
                        raise FileTooLarge(f"A file has {MAX_BYTES // 2**20} MiB at most. Divide it into several.")
                    await asyncio.to_thread(file.write, part)
            return await asyncio.to_thread(self._kept, name, path, licence)
        except OSError as error:
            raise DiskFull(f"The file cannot be kept: {error.strerror}. Make room for it.") from None
        finally:
            path.unlink(missing_ok=True)

    def all(self) -> list[ImportedFile]:
        """All files, by name."""
        found = (path.name.removesuffix(".about")[1:] for path in self._root.glob(".*.about"))
        return [self._about(name) for name in sorted(found) if (self._root / name).is_file()]

    def path(self, name: str) -> Path:
        """Where a file lies. Raises `NotFound`."""
        path = self._root / name if NAME.fullmatch(name) else None
        if path is None or path.is_symlink() or not path.is_file():
            raise NotFound(f"There is no imported file named {name[:100]}.")
        return path

    def licences(self, names: Iterable[str]) -> list[str]:
        """What is said of the licences of these files, once each."""
        known = {each.name: each.licence for each in self.all()}
        return sorted({licence for name in names if (licence := known.get(name))})

    def remove(self, name: str) -> None:
        """Removes a file. Raises `NotFound`."""
        self.path(name).unlink()
        self._beside(name).unlink(missing_ok=True)

    def _kept(self, name: str, path: Path, licence: str | None) -> ImportedFile:
        data = path.read_bytes()
        if data.count(b"\n") > MAX_LINES:
            raise InvalidInput(f"A file has {MAX_LINES:,} lines at most. Divide it into several.")
        report = _Bounded()
        try:
            rows = len(read_examples(path, "import", report))
        except InvalidInput as error:
            raise InvalidInput(str(error).replace(str(path), name)) from None
        refused = tuple(
            Line(line=int(fate.subject.rpartition(":")[2]), why=fate.detail)
            for fate in report.fates
            if fate.outcome == "refused" and fate.subject.rpartition(":")[2].isdigit()
        )
        if not rows:
            why = f" Line {refused[0].line}: {refused[0].why}" if refused else ""
            raise InvalidInput(f"There is no example in this file.{why}")
        about = ImportedFile(
            name=name, rows=rows, size=len(data), created_at=datetime.now(UTC), refused=refused, licence=licence
        )
        told = asdict(about) | {"created_at": about.created_at.isoformat()}
        making = path.with_name(f"{path.name}.about")
        try:
            making.write_text(json.dumps(told), "utf-8")
            with self._hands:
                self._has_room(name, len(data))
                making.replace(self._beside(name))
                path.replace(self._root / name)
        finally:
            making.unlink(missing_ok=True)
        return about

    def _has_room(self, name: str, size: int) -> None:
        others = []
        for path in self._root.glob("*"):
            if NAME.fullmatch(path.name) and path.name != name:
                with contextlib.suppress(FileNotFoundError):  # removed just now
                    others.append(path.stat().st_size)
        if len(others) >= self._bounds.files:
            raise Conflict(
                f"There are {self._bounds.files} imported files already. Delete some, or raise "
                "FOOTNOTE_FINETUNE__IMPORTS__FILES."
            )
        if sum(others) + size > self._bounds.max_bytes:
            raise FileTooLarge(
                f"Imported files would take more than {self._bounds.max_bytes:,} bytes together. Delete some, or raise "
                "FOOTNOTE_FINETUNE__IMPORTS__MAX_BYTES."
            )

    def _about(self, name: str) -> ImportedFile:
        told = json.loads(self._beside(name).read_text("utf-8"))
        told["created_at"] = datetime.fromisoformat(told["created_at"])
        told["refused"] = tuple(Line(**each) for each in told["refused"])
        return ImportedFile(**told)

    def _beside(self, name: str) -> Path:
        return self._root / f".{name}.about"


__all__ = ["MAX_BYTES", "MAX_LINES", "MAX_REFUSED", "ImportedFile", "ImportedFiles", "Line"]
