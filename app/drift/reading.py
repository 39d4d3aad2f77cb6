"""Answers as the watch is told of them: figures, a vector of the question, never a text."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.store.records import AnswerRecord
from core.ports import Embedder
from finetune.watch.records import Seen

if TYPE_CHECKING:
    from app.store.learning import Learning

_BATCH = 64


async def seen(records: Sequence[AnswerRecord], embedder: Embedder, learning: Learning) -> list[Seen]:
    """The figures of finished answers. Raises `EmbedderUnavailable`, `StoreUnavailable`."""
    answered = [each for each in records if each.answer is not None]
    vectors = await _vectors([each.question for each in answered], embedder)
    named = {source.document_id for each in answered for source in (each.answer.sources if each.answer else ())}
    places = await learning.places(named - {""})
    return await asyncio.to_thread(
        lambda: [_seen(each, vector, places) for each, vector in zip(answered, vectors, strict=True)]
    )


async def _vectors(questions: Sequence[str], embedder: Embedder) -> list[NDArray[np.float32]]:
    found: list[NDArray[np.float32]] = []
    for start in range(0, len(questions), _BATCH):
        vectors = await embedder.passages(questions[start : start + _BATCH])
        found += list(np.frombuffer(vectors.data, dtype="<f4").reshape(-1, vectors.size))
    return found


def _seen(record: AnswerRecord, vector: NDArray[np.float32], places: Mapping[str, str]) -> Seen:
    from ingestion.language import detect

    answer = record.answer
    assert answer is not None
    supports = [statement.support for statement in answer.statements]
    collections = {places[source.document_id] for source in answer.sources if source.document_id in places}
    return Seen(
        id=record.id,
        at=record.created_at,
        collection=collections.pop() if len(collections) == 1 else None,
        language=detect(record.question),
        vector=vector,
        words=sum(len(statement.text.split()) for statement in answer.statements),
        answerable=answer.answerable,
        support=sum(supports) / len(supports) if supports else None,
        statements=len(supports),
        unsupported=sum(not statement.supported for statement in answer.statements),
        entropy=answer.usage.mean_entropy,
        tokens_in=answer.usage.prompt_tokens,
        tokens_out=answer.usage.completion_tokens,
        model=answer.generator.name,
        adapter=answer.generator.adapter,
        milliseconds=answer.timings_ms.get("generate", 0.0),
        group=record.conversation_id,
    )


__all__ = ["seen"]
