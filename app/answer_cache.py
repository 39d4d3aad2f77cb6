"""Answers that were written before, given again while nothing has changed that they rest on.

An answer is remembered under a key that holds all it depends on (`app.answer_keys`), the version of the corpus before
its search among it. Before one is given again the store is asked, as for every hit of a search, whether each of its
passages is live, says the same and may be read by whoever asks; so a wrong key could cost sharpness, never tell a
secret. What is given again has an id and a record of its own and says when it was first written.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import TypeAdapter

from app.answer_keys import key_of
from app.cache import Cache
from core.ports import Generator
from core.types import Answer, AnswerEvent, AnswerTrace, Reused, Source, StoredChunk, Usage
from retrieval.ports import ChunkStore

if TYPE_CHECKING:
    from agents.answer import AnswerRequest

log = logging.getLogger("footnote.answers")

_FORMAT = b"footnote answer 1\n"
_LONGEST = 16 * 2**20
"""Bytes of an answer with its trace; what claims to be longer was not written here."""

Outcome = Literal["hit", "miss", "stale", "fresh"]
"""Given again; not there; there, but the store did not confirm it; not looked for, because it was to be new."""


class Answering(Protocol):
    """Answers questions: `agents.answer.Answerer`, and what stands before it."""

    def run(self, request: AnswerRequest) -> AsyncGenerator[AnswerEvent]:
        """The answer as it comes about."""
        ...


class CorpusVersion(Protocol):
    """Tells when what can be found has changed: `app.store.corpus.Corpus`."""

    async def version(self, collections: Sequence[str] = ()) -> str:
        """Equal as long as nothing has changed in these collections, or in any."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What is remembered: an answer, how it came about, when it was written, and the key it belongs to."""

    key: str
    written_at: datetime
    answer: Answer
    trace: AnswerTrace


@dataclass(kw_only=True)
class RememberedAnswers:
    """`Answering` over another, with a memory. `lookups` counts by outcome since the start."""

    answering: Answering
    cache: Cache
    corpus: CorpusVersion
    chunks: ChunkStore
    generator: Generator
    ground: str
    lookups: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("hit", "miss", "stale", "fresh"), 0))

    async def run(self, request: AnswerRequest) -> AsyncGenerator[AnswerEvent]:
        """As the one behind it; what is remembered comes in the same events."""
        since = perf_counter()
        version = await self.corpus.version(request.collections)  # before the search: what changes meanwhile counts
        kept = await self._found(request, version)
        events = _told(kept, request, since) if kept is not None else self._written(request, version)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _found(self, request: AnswerRequest, version: str) -> Kept | None:
        outcome, kept = await self._looked_up(request, version)
        self.lookups[outcome] += 1
        return kept

    async def _looked_up(self, request: AnswerRequest, version: str) -> tuple[Outcome, Kept | None]:
        if request.fresh:
            return "fresh", None
        key = key_of(self.ground, request, version, self.generator.info)
        value = await self.cache.get(key)
        kept = None if value is None else unpacked(key, value)
        if kept is None:
            return "miss", None
        return ("hit", kept) if await self._holds(kept.answer.sources, request) else ("stale", None)

    async def _holds(self, sources: Sequence[Source], request: AnswerRequest) -> bool:
        """Whether each source is what the store would show this principal now, where it was asked for."""
        stored = await self.chunks.confirm([source.chunk_id for source in sources], request.principal)
        found = {chunk.id: chunk for chunk in stored}
        return all(_same(source, found.get(source.chunk_id), request) for source in sources)

    async def _written(self, request: AnswerRequest, version: str) -> AsyncGenerator[AnswerEvent]:
        async with aclosing(self.answering.run(request)) as events:
            async for event in events:
                kept = event.name == "done" and not request.forgotten
                if kept and worth_keeping(event.data["answer"], event.data["trace"]):
                    await self._keep(request, version, event.data["answer"], event.data["trace"])
                yield event

    async def _keep(self, request: AnswerRequest, version: str, answer: Answer, trace: AnswerTrace) -> None:
        # By the generator that wrote it: what a model's server says of itself is known only once it has answered.
        key = key_of(self.ground, request, version, answer.generator)
        await self.cache.put(key, packed(Kept(key=key, written_at=datetime.now(UTC), answer=answer, trace=trace)))


def worth_keeping(answer: Answer, trace: AnswerTrace) -> bool:
    """Whether an answer came about as it always would: from passages, at the first try, as well as configured,
    and no rail changed it."""
    touched = any(finding.action != "marked" for finding in trace.findings)
    if touched or answer.degraded or trace.degraded or not answer.sources:
        return False
    return len(trace.attempts) == 1 and trace.attempts[0].problem is None


def packed(kept: Kept) -> bytes:
    """A remembered answer as bytes."""
    return _FORMAT + zlib.compress(_adapter().dump_json(kept), 1)


def unpacked(key: str, value: bytes) -> Kept | None:
    """What `packed` made of an answer with this key; None for anything else."""
    if not value.startswith(_FORMAT):
        return None
    try:
        whole = zlib.decompressobj()
        kept = _adapter().validate_json(whole.decompress(value[len(_FORMAT) :], _LONGEST))
    except (zlib.error, ValueError):
        log.warning("a remembered answer cannot be read and is passed over")
        return None
    ids = {source.id for source in kept.answer.sources}
    sound = all(ids.issuperset(statement.sources) for statement in kept.answer.statements)
    return kept if whole.eof and kept.key == key and sound and ids else None


async def _told(kept: Kept, request: AnswerRequest, since: float) -> AsyncGenerator[AnswerEvent]:
    """A remembered answer, as the answer to this request."""
    yield AnswerEvent(name="status", data={"stage": "retrieve"})
    yield AnswerEvent(name="sources", data={"sources": kept.answer.sources})
    yield AnswerEvent(name="status", data={"stage": "generate"})
    for index, statement in enumerate(kept.answer.statements):
        yield AnswerEvent(name="delta", data={"index": index, "text": statement.text})
        yield AnswerEvent(name="statement", data={"index": index, "statement": statement})
    took = round((perf_counter() - since) * 1000, 3)
    timings = {"cache": took, "total": took}
    reused = Reused(answer_id=kept.answer.id, written_at=kept.written_at)
    answer = replace(kept.answer, id=request.id, timings_ms=timings, usage=Usage(), reused=reused)
    trace = replace(kept.trace, asked=request.question, timings_ms=timings, search_ms={}, reused=reused)
    yield AnswerEvent(name="done", data={"answer": answer, "trace": trace})


def _same(source: Source, stored: StoredChunk | None, request: AnswerRequest) -> bool:
    if stored is None or (request.collections and stored.collection not in request.collections):
        return False
    shown = (source.document_id, source.version_id, source.title, source.text)
    return shown == (stored.document_id, stored.version_id, stored.title, stored.chunk.text)


@cache
def _adapter() -> TypeAdapter[Kept]:
    return TypeAdapter(Kept)


__all__ = ["Answering", "CorpusVersion", "Kept", "RememberedAnswers", "packed", "unpacked", "worth_keeping"]
