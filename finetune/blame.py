"""Whose fault a bad answer is, and whether a better one may be learnt: decided by what the sources carry.

The evidence was offered and misused: the generator's. It was missing and stands elsewhere: retrieval's. A correction
that no passage carries, near or far, is refused, whoever wrote it; so is one that has less to do with the question than
what it corrects. Where nothing shows whose fault it is, nobody is trained.

`odd` marks words that go against the sources. One is nothing; many by one person are `finetune.trust`'s matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.ports import Embedder
from core.types import Source, Statement
from finetune.correction import attribute, max_statement_chars, read
from finetune.join import Word
from finetune.ports import Evidence, Support
from finetune.report import Report
from finetune.settings import CurateSettings
from finetune.target import parsed, plain, statements

AWAY = 0.05
"""Likeness that a correction may lose without being at odds: a corrected number moves a sentence by less."""

Fault = Literal["none", "generation", "retrieval", "unclear", "refused"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A word with its blame. `correction` are the statements of a correction that its sources carry; `supported` says
    whether the given answer's are; `evidence` are the passages that were not offered and should have been, `useful` the
    ids of sources that were offered and carry a part of the correction."""

    word: Word
    fault: Fault
    reason: str
    supported: bool
    correction: tuple[Statement, ...] | None = None
    evidence: tuple[Source, ...] = ()
    useful: tuple[str, ...] = ()
    odd: bool = False


DETAILS = {
    "unsupported_correction": "No passage, offered or not, carries what the correction says.",
    "less_relevant": "The correction has less to do with the question than the answer it corrects.",
    "empty_correction": "The correction says nothing.",
    "unsupported_answer": "It was found good, and its sources do not carry it.",
    "no_answer_given": "It says that the sources do not answer, and nobody wrote what they do.",
    "no_sign": "Its statements rest on their sources, and nothing shows what was wrong with it.",
    "outdated": "The documents were out of date, which no model can learn.",
}
"""What a report says of each reason for training nobody."""


async def blame(
    words: Sequence[Word],
    support: Support,
    embedder: Embedder,
    evidence: Evidence | None,
    settings: CurateSettings,
    report: Report,
) -> list[Judged]:
    """Each word with its blame, in order. Raises `EmbedderUnavailable` and `IndexUnavailable`."""
    turn = asyncio.Semaphore(settings.at_once)
    judge = _Judge(support, embedder, evidence, settings)

    async def one(word: Word) -> Judged:
        async with turn:
            return await judge.judged(word)

    found = list(await asyncio.gather(*(one(word) for word in words)))
    for each in found:
        if each.fault in ("unclear", "refused"):
            report.refuse(each.word.subject, "blame", each.reason, DETAILS[each.reason])
    report.figures["blame"] = {
        fault: sum(each.fault == fault for each in found)
        for fault in ("none", "generation", "retrieval", "unclear", "refused")
    }
    return found


class _Judge:
    def __init__(
        self, support: Support, embedder: Embedder, evidence: Evidence | None, settings: CurateSettings
    ) -> None:
        self._support = support
        self._embedder = embedder
        self._evidence = evidence
        self._settings = settings

    async def judged(self, word: Word) -> Judged:
        if word.logged.step not in (None, "answer"):  # a call claims nothing that sources could carry
            up = word.feedback.rating == "up"
            return Judged(word=word, fault="none" if up else "generation", reason="step", supported=True)
        supported = await self._carried(word)
        if (word.feedback.corrected or "").strip():
            return await self._of_correction(word, supported)
        if word.feedback.rating == "up":
            if supported:
                return Judged(word=word, fault="none", reason="up", supported=True)
            return Judged(word=word, fault="refused", reason="unsupported_answer", supported=False, odd=True)
        return await self._of_thumb(word, supported)

    async def _carried(self, word: Word) -> bool:
        """Do its sources carry every statement of the answer? One that says nothing claims nothing."""
        for said in statements(parsed(word.logged.output)) or ():
            if await self._support.support(said.text, word.cited(said.sources)) < self._settings.support:
                return False
        return True

    async def _of_thumb(self, word: Word, supported: bool) -> Judged:
        """A thumb down without a correction trains the generator only where the answer itself shows its fault."""
        if not supported:
            return Judged(word=word, fault="generation", reason="unsupported_statement", supported=False)
        if await self._cited_wrongly(word):
            return Judged(word=word, fault="generation", reason="wrong_citation", supported=True)
        reason = "no_sign" if word.logged.answer.answerable else "no_answer_given"
        if word.feedback.reason == "outdated":
            reason = "outdated"
        return Judged(word=word, fault="unclear", reason=reason, supported=True, odd=reason == "no_sign")

    async def _cited_wrongly(self, word: Word) -> bool:
        """Is there a citation marked as wrong, whose source alone indeed does not carry its statement?"""
        wrong = {mark.source for mark in word.feedback.citations if not mark.correct}
        for said in statements(parsed(word.logged.output)) or ():
            for source in word.cited([each for each in said.sources if each in wrong]):
                if await self._support.support(said.text, [source]) < self._settings.support:
                    return True
        return False

    async def _of_correction(self, word: Word, supported: bool) -> Judged:
        offered = word.logged.answer.sources
        ids = [source.id for source in offered]
        most = max_statement_chars(word.logged.schema)
        value = parsed(word.feedback.corrected or "")
        said = read(word.feedback.corrected or "", ids, most)
        if not said and statements(value) is None:
            return Judged(word=word, fault="refused", reason="empty_correction", supported=supported)
        found = await attribute(said, offered, self._support, self._settings.support, self._settings.citations)
        if all(each.supported for each in found):
            nearer = await self._nearer(word, found)
            if nearer < -self._settings.quality.relevance_margin:
                return Judged(word=word, fault="refused", reason="less_relevant", supported=supported, odd=True)
            return Judged(
                word=word,
                fault="generation",
                reason="evidence_misused",
                supported=supported,
                correction=tuple(found),
                odd=nearer < -AWAY,
            )
        passages = await self._elsewhere(word, [each.text for each in found if not each.supported])
        if passages:
            return Judged(
                word=word,
                fault="retrieval",
                reason="evidence_missing",
                supported=supported,
                evidence=passages,
                useful=tuple(source for each in found if each.supported for source in each.sources),
            )
        return Judged(word=word, fault="refused", reason="unsupported_correction", supported=supported, odd=True)

    async def _elsewhere(self, word: Word, missing: Sequence[str]) -> tuple[Source, ...]:
        """A passage for each of these statements that was not offered and carries it; none where one has none."""
        if self._evidence is None:
            return ()
        offered = {source.chunk_id for source in word.logged.answer.sources}
        found: dict[str, Source] = {}
        for text in missing:
            query = f"{word.logged.answer.question} {text}"
            passages = await self._evidence.passages(query, word.logged.principal_id, self._settings.evidence)
            best, highest = None, self._settings.support
            for passage in passages:
                if passage.chunk_id not in offered:
                    carried = await self._support.support(text, [passage])
                    if carried > highest or (best is None and carried >= highest):
                        best, highest = passage, carried
            if best is None:
                return ()
            found[best.chunk_id] = best
        return tuple(found.values())

    async def _nearer(self, word: Word, correction: Sequence[Statement]) -> float:
        """How much nearer to the question, in meaning, the correction is than the answer was, or than the sources are
        where there was none; negative where it leads away."""
        if not correction:
            return 0.0
        given = plain(word.logged.output).strip()
        beside = [given] if given else [source.text for source in word.logged.answer.sources]
        better = " ".join(each.text for each in correction)
        rows = await self._embedder.passages([word.logged.answer.question, better, *beside])
        matrix = np.frombuffer(rows.data, dtype="<f4").reshape(-1, rows.size).astype(np.float64)
        likeness = matrix[1:] @ matrix[0]
        return float(likeness[0]) - float(np.median(likeness[1:]))
