"""Questions that show a drift, in words: those that an administrator may read anyway.

That are one's own, and those on whose answers somebody said a word, which is how they come into datasets. Questions of
others stay theirs. What was deleted or left out since is not shown, and personal data is masked as in datasets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.finetune.purge import lost
from core.types import DocumentVersion, Lineage, Principal

if TYPE_CHECKING:
    from app.services import Services
    from app.store.records import AnswerRecord

LONGEST = 300
"""Characters of a question that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleQuestion:
    """A question, in one line. `id` is its answer's, by which a report names it."""

    id: str
    question: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Those that may be shown; `hidden` is how many more the report names."""

    items: tuple[ExampleQuestion, ...]
    hidden: int


async def examples(services: Services, report: Mapping[str, Any] | None, scope: str, caller: Principal) -> Examples:
    """The questions that a report names in a scope. Raises `StoreUnavailable`."""
    ids = named(report, scope)
    records = await services.store.seen.shown(ids, caller)
    gone = await lost(services.store.learning, [_lineage(each) for each in records])
    found = []
    for record in (each for each, is_gone in zip(records, gone, strict=True) if not is_gone):
        text = await _masked(services, record.question, caller)
        if text is not None:
            found.append(ExampleQuestion(id=record.id, question=in_a_line(text), at=record.created_at))
    return Examples(items=tuple(found), hidden=len(ids) - len(found))


def named(report: Mapping[str, Any] | None, scope: str) -> list[str]:
    """The ids of answers that a report names in a scope, each once."""
    found: dict[str, None] = {}
    for each in (report or {}).get("scopes", ()):
        if each["name"] == scope:
            topics = [*each["topics"]["grew"], *each["topics"]["shrank"]]
            found |= dict.fromkeys(id for part in (*topics, *each["findings"]) for id in part.get("ids", ()))
    return list(found)


def in_a_line(text: str) -> str:
    """A text that nothing can be done with but reading: one line, of limited length, without characters that control
    a terminal or turn the direction of what stands beside them."""
    plain = "".join(" " if unicodedata.category(each) in _UNSEEN else each for each in text[: 4 * LONGEST])
    line = " ".join(plain.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


async def _masked(services: Services, question: str, caller: Principal) -> str | None:
    if services.rails is None:
        return question
    from app.rails import TrainingMasker

    masked = await TrainingMasker(services.rails, caller).mask([question])
    return None if masked.blocked else masked.texts[0]


def _lineage(record: AnswerRecord) -> Lineage:
    answer = record.answer
    sources: Sequence[Any] = answer.sources if answer else ()
    return Lineage(
        maker="thumb",
        answer_id=record.id,
        first=answer.reused.answer_id if answer and answer.reused else None,
        conversation_id=record.conversation_id,
        person=record.principal_id,
        asker=record.principal_id,
        documents=tuple(
            DocumentVersion(document_id=each.document_id, version_id=each.version_id)
            for each in sources
            if each.document_id
        ),
    )


__all__ = ["LONGEST", "ExampleQuestion", "Examples", "examples", "in_a_line", "named"]
