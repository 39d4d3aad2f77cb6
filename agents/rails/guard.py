"""The rails around one answer: question, conversation, passages, statements, and what is kept of how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agents.ports import Screened
from agents.rails.output import OutputRail
from agents.rails.screen import Watch
from core.errors import Blocked
from core.types import Candidate, Finding, Message, PersonalPolicy, SearchResult, Source, Statement

PASSAGE_WITHHELD, STATEMENT_WITHHELD = "passage_withheld", "statement_withheld"


@dataclass(kw_only=True)
class AnswerGuard:
    """Passes everything on where there are no rails (`watch` is None). `degraded` says what was held back.

    What generator and judge read and write has placeholders for personal data; `shown` takes them off again.
    """

    watch: Watch | None = None
    personal: PersonalPolicy = "allow"
    degraded: dict[str, None] = field(default_factory=dict)
    _sent: dict[int, str] = field(default_factory=dict)
    _held: set[int] = field(default_factory=set)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rails did so far."""
        return tuple(self.watch.findings) if self.watch else ()

    async def question(self, text: str) -> str:
        """The question as it may go on. Raises `Blocked`."""
        if self.watch is None:
            return text
        self.personal = await self.watch.personal()
        screened = await self.watch.look(text, "question")
        if screened.blocked is not None:
            raise Blocked(f"The question is not taken up. {screened.blocked} Put it in another way.")
        return screened.text

    async def history(self, turns: tuple[Message, ...]) -> tuple[Message, ...]:
        """The conversation, which was looked at when it was said, without personal data."""
        if self.watch is None or self.personal == "allow":
            return turns
        kept = []
        for turn in turns:
            screened = await self.watch.look(turn.content, "question" if turn.role == "user" else "answer")
            if screened.blocked is None:
                kept.append(replace(turn, content=screened.text))
        return tuple(kept)

    def searched(self, question: str) -> str:
        """The question as it is searched for: searching stays in the house."""
        return self.watch.vault.restore(question) if self.watch else question

    async def found(self, result: SearchResult) -> SearchResult:
        """A search result whose trace may be kept."""
        if self.watch is None or self.personal == "allow" or result.trace is None:
            return result
        query = await self.kept(result.trace.query)
        candidates = [await self._candidate(each) for each in result.trace.candidates]
        return replace(result, trace=replace(result.trace, query=query, candidates=tuple(candidates)))

    async def sources(self, offered: Sequence[Source]) -> tuple[Source, ...]:
        """The passages that may go on; their ids stay as they are."""
        if self.watch is None:
            return tuple(offered)
        if not self._reads_whole():  # nothing looks at passages but for the links in them
            for source in offered:
                self.watch.links.note(source.text)
            return tuple(offered)
        kept = []
        for source in offered:
            parts = [await self._passage(self.watch, text, source) for text in _texts(source)]
            if any(part.blocked is not None for part in parts):
                self.degraded[PASSAGE_WITHHELD] = None
                continue
            title, text, *headings = (part.text for part in parts)
            spans = source.sentences if text == source.text else ()
            kept.append(replace(source, title=title, text=text, heading_path=tuple(headings), sentences=spans))
        return tuple(kept)

    async def statement(self, text: str) -> Screened:
        """A whole statement as it may be said."""
        if self.watch is None:
            return Screened(text=text)
        screened = await self.watch.look(text, "answer")
        if screened.blocked is not None:
            self.degraded[STATEMENT_WITHHELD] = None
        return screened

    async def kept(self, text: str) -> str:
        """A text as it may be written down."""
        return text if self.watch is None or self.personal == "allow" else await self.watch.masked(text)

    def again(self) -> None:
        """The generator is asked again: what was shown of its statements is taken back."""
        self._sent.clear()
        self._held.clear()

    def grown(self, index: int, piece: str) -> str:
        """What may be shown of a statement at once as it grows; the rest comes with `rest` once it is whole."""
        if self.watch is None:
            return piece
        sent = self._sent.get(index, "")
        tail = sent[-_TAIL:] + piece
        rails = (rail for rail in self.watch.rails.rails if isinstance(rail, OutputRail))
        if index in self._held or self._reads_whole() or any(rail.holds_back(tail) for rail in rails):
            self._held.add(index)
            return ""
        self._sent[index] = sent + piece
        return piece

    def rest(self, index: int, text: str) -> str:
        """What of a statement was not shown yet; nothing where what was shown does not stand in it."""
        if self.watch is None or index not in self._held:
            return ""
        sent = self._sent.get(index, "")
        return text[len(sent) :] if text.startswith(sent) else ""

    def shown(self, statement: Statement) -> Statement:
        """A statement as its reader may see it."""
        return replace(statement, text=self.text(statement.text)) if self._masks() else statement

    def shown_sources(self, sources: tuple[Source, ...], offered: Sequence[Source]) -> tuple[Source, ...]:
        """The sources as their reader may see them: as they stand in the documents, or masked."""
        if self.watch is None or not self._masks() or not self.watch.rails.reveals(self.watch.principal):
            return sources
        whole = {source.id: source for source in offered}
        return tuple(whole.get(source.id, source) if _uncut(source, whole, self) else source for source in sources)

    def text(self, text: str) -> str:
        """A text as its reader may see it."""
        return self.watch.shown(text) if self.watch else text

    def _masks(self) -> bool:
        return self.watch is not None and bool(self.watch.vault.values)

    def _reads_whole(self) -> bool:
        """Whether there are rails that have to read texts whole, beside that for what answers may hold."""
        known = self.watch.rails.rails if self.watch else ()
        return self.personal != "allow" or any(rail.name not in ("output", "personal") for rail in known)

    async def _passage(self, watch: Watch, text: str, source: Source) -> Screened:
        return await watch.look(text, "passage", document=source.document_id) if text else Screened(text="")

    async def _candidate(self, candidate: Candidate) -> Candidate:
        excerpt, title = await self.kept(candidate.excerpt), await self.kept(candidate.title)
        headings = [await self.kept(heading) for heading in candidate.heading_path]
        return replace(candidate, excerpt=excerpt, title=title, heading_path=tuple(headings))


_TAIL = 400
"""Characters of what was shown that are read again with what is new."""


def _texts(source: Source) -> tuple[str, ...]:
    return (source.title, source.text, *source.heading_path)


def _uncut(source: Source, whole: dict[str, Source], guard: AnswerGuard) -> bool:
    """Whether a source is the whole passage, masked; one that was cut to a model's window stays as it was read."""
    return source.id in whole and guard.text(source.text) == whole[source.id].text


__all__ = ["PASSAGE_WITHHELD", "STATEMENT_WITHHELD", "AnswerGuard"]
