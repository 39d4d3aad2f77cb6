"""What was computed from a blob, kept beside it: parsed blocks, chunks and vectors, each named by what it depends on.

A file exists only when it is whole (written beside and renamed), so a stage that finds its artefact has nothing to do.
That is how the same bytes are never embedded twice, how a retry resumes, and how an index is rebuilt without a model.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from core.types import Chunk, ParsedDocument, Vectors

_PARSED = TypeAdapter(ParsedDocument)
_CHUNKS = TypeAdapter(list[Chunk])


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """What an artefact depends on besides the bytes: reading, chunking and embedding, each a short string."""

    parse: str
    chunk: str
    embed: str

    @property
    def pipeline(self) -> str:
        """Reading and chunking together, as stored with a version."""
        return f"{self.parse}.{self.chunk}"


class Artefacts:
    """A folder of artefacts, one subfolder a blob.

    Files: `parsed-<parse>.json`, `chunks-<parse>.<chunk>-<title>.json`, `vectors-<chunks' key>-<embed>.f32`.
    The title counts because what is embedded begins with it.
    """

    def __init__(self, root: Path, fingerprints: Fingerprints) -> None:
        self._root = root
        self.fingerprints = fingerprints

    def parsed(self, sha256: str) -> ParsedDocument | None:
        """The blob's blocks, if it was read before."""
        path = self._parsed_path(sha256)
        return _PARSED.validate_json(path.read_bytes()) if path.exists() else None

    def keep_parsed(self, sha256: str, document: ParsedDocument) -> None:
        """Keeps the blob's blocks."""
        _write(self._parsed_path(sha256), _PARSED.dump_json(document))

    def chunks(self, sha256: str, title: str) -> list[Chunk] | None:
        """The blob's chunks under this title, if it was cut before."""
        path = self._chunks_path(sha256, title)
        return _CHUNKS.validate_json(path.read_bytes()) if path.exists() else None

    def keep_chunks(self, sha256: str, title: str, chunks: list[Chunk]) -> None:
        """Keeps the blob's chunks under this title."""
        _write(self._chunks_path(sha256, title), _CHUNKS.dump_json(chunks))

    def vectors(self, sha256: str, title: str, size: int) -> Vectors | None:
        """The chunks' vectors in order, if they were embedded before."""
        path = self._vectors_path(sha256, title)
        return Vectors(data=path.read_bytes(), size=size) if path.exists() else None

    def partial_vectors(self, sha256: str, title: str, job_id: str, size: int) -> PartialVectors:
        """The file in which a job collects vectors batch by batch."""
        final = self._vectors_path(sha256, title)
        return PartialVectors(path=final.with_name(f".{final.name}.{job_id}"), final=final, row=4 * size)

    def forget(self, sha256: str) -> None:
        """Removes everything that was computed from a blob."""
        shutil.rmtree(self._folder(sha256), ignore_errors=True)

    def _folder(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def _parsed_path(self, sha256: str) -> Path:
        return self._folder(sha256) / f"parsed-{self.fingerprints.parse}.json"

    def _chunks_path(self, sha256: str, title: str) -> Path:
        return self._folder(sha256) / f"chunks-{self.fingerprints.pipeline}-{_digest(title)}.json"

    def _vectors_path(self, sha256: str, title: str) -> Path:
        embed = _digest(self.fingerprints.embed)
        return self._folder(sha256) / f"vectors-{self.fingerprints.pipeline}-{_digest(title)}-{embed}.f32"


@dataclass(frozen=True, kw_only=True)
class PartialVectors:
    """Vectors on their way to disk: whole rows appended in order, renamed into place when all are there."""

    path: Path
    final: Path
    row: int

    def rows(self) -> int:
        """How many whole rows are there; a torn row at the end, left by a crash, is cut off."""
        if not self.path.exists():
            return 0
        rows = self.path.stat().st_size // self.row
        os.truncate(self.path, rows * self.row)
        return rows

    def append(self, vectors: Vectors) -> None:
        """Adds rows at the end."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(vectors.data)

    def finish(self) -> Vectors:
        """Makes the collected rows the artefact and returns them."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            os.fsync(file.fileno())
        self.path.replace(self.final)
        return Vectors(data=self.final.read_bytes(), size=self.row // 4)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
