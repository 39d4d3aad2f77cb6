"""Old answers quote documents. What a reader may no longer see of those, because a document was deleted or a permission
revoked, is blanked when the answer is read: a delete takes effect on every read path, conversations included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.access import readable
from app.store.records import AnswerRecord
from app.store.tables import documents
from core.types import Answer, Principal, Source

WITHHELD = "(withheld: the document was deleted or is no longer yours to read)"


async def withhold(
    connection: AsyncConnection, records: Sequence[AnswerRecord], principal: Principal
) -> list[AnswerRecord]:
    """The same records with everything blanked that rests on documents the principal may not read now."""
    cited = {source.document_id for record in records if record.answer for source in record.answer.sources}
    if not cited:
        return list(records)
    statement = select(documents.c.id).where(documents.c.id.in_(sorted(cited)), readable(principal))
    seen = frozenset((await connection.execute(statement)).scalars())
    return [_blanked(record, seen) for record in records]


def _blanked(record: AnswerRecord, seen: frozenset[str]) -> AnswerRecord:
    if record.answer is None:
        return record
    hidden = tuple(source.id for source in record.answer.sources if source.document_id not in seen)
    if not hidden:
        return record
    return replace(record, answer=_without(record.answer, frozenset(hidden)), withheld=hidden)


def _without(answer: Answer, hidden: frozenset[str]) -> Answer:
    return replace(
        answer,
        sources=tuple(_empty(source) if source.id in hidden else source for source in answer.sources),
        statements=tuple(
            replace(statement, text=WITHHELD) if hidden.intersection(statement.sources) else statement
            for statement in answer.statements
        ),
    )


def _empty(source: Source) -> Source:
    return replace(source, title=WITHHELD, text="", page=None, boxes=(), heading_path=(), sentences=())
