"""How the building of a dataset fares, kept as a file; the kernel's lock says whether anybody works on it."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.finetune.one_at_a_time import OneAtATime, put
from core.errors import NotFound

_ID = re.compile(r"[0-9a-f-]{36}")
INTERRUPTED = "The server stopped while this dataset was being built; begin it again."


class Build(BaseModel):
    """The building of one dataset."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    state: Literal["building", "done", "failed", "cancelled", "interrupted"]
    stage: str = Field(description="What is being done: reading, join, blame, build, check, topics, split, write.")
    progress: float = Field(ge=0, le=1)
    done: int = Field(default=0, description="Answers read.")
    total: int = Field(default=0, description="Answers to read.")
    error: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    dataset: str | None = Field(default=None, description="The version that came of it.")


class BuildFiles:
    """The files of all builds below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._turn = OneAtATime(root=root)

    def hold(self, build_id: str) -> IO[str] | None:
        """The right to build, as long as this stays open; None where somebody has it, in whichever process."""
        return self._turn.hold(build_id)

    def save(self, build: Build) -> None:
        """Keeps a state, whole or not at all. Raises `OSError`."""
        put(self._root / f"{build.id}.json", build.model_dump_json())

    def get(self, build_id: str) -> Build:
        """A build; one that nobody works on any more was interrupted. Raises `NotFound`."""
        path = self._root / f"{build_id}.json"
        if not _ID.fullmatch(build_id) or not path.is_file():
            raise NotFound("There is no such build.")
        return self._seen(path, self._turn.at_work())

    def all(self) -> list[Build]:
        """All builds, the newest first."""
        at_work = self._turn.at_work()
        found = [self._seen(path, at_work) for path in self._root.glob("*.json")]
        return sorted(found, key=lambda build: build.started_at, reverse=True)

    def drop_but(self, keep: int) -> None:
        """Forgets all but the newest `keep`."""
        for build in self.all()[keep:]:
            (self._root / f"{build.id}.json").unlink(missing_ok=True)

    def _seen(self, path: Path, at_work: str | None) -> Build:
        build = Build.model_validate_json(path.read_text("utf-8"))
        if build.state == "building" and build.id != at_work:
            return build.model_copy(update={"state": "interrupted", "error": INTERRUPTED})
        return build


__all__ = ["INTERRUPTED", "Build", "BuildFiles"]
