"""From a question to a cited answer: condense → retrieve → generate → verify."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from agents.asker import Asker
from agents.condense import condense, is_pleasantry
from agents.judging import Judge
from agents.packing import Packed, fitting
from agents.rails.guard import AnswerGuard
from agents.rails.screen import Rails
from agents.settings import AgentSettings
from agents.stopwatch import Stopwatch
from agents.verify import SimilarityVerifier, Verifier
from agents.writing import Writer, Writing, status
from core.errors import FootnoteError, InvalidInput
from core.ports import Embedder, Generator, PromptWindow, Searcher
from core.types import (
    Answer,
    AnswerEvent,
    AnswerTrace,
    Filters,
    Hit,
    Message,
    Principal,
    Retrieval,
    SearchRequest,
    SearchResult,
    Source,
    Usage,
)

ANSWERED = "The question was answered from the passages found."
NO_QUESTION = "The message asks nothing, so no document was consulted."
NO_PASSAGE = "No passage matched the question."
NOT_ANSWERED = "The passages found do not answer the question."


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerRequest:
    """A question on behalf of a principal. `history` is the conversation before it, oldest first.

    `fresh` asks whoever remembers answers to let this one be written anew, `forgotten` not to remember it.
    """

    id: str
    question: str
    principal: Principal
    history: tuple[Message, ...] = ()
    collections: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    adapter: str | None = None
    fresh: bool = False
    forgotten: bool = False


class Answerer:
    """Answers questions in statements that cite what was retrieved for them.

    The sources of an answer are the passages offered to the generator, cited or not, numbered from "1" in the
    searcher's order. They keep their ids from the `sources` event on.
    """

    def __init__(
        self,
        searcher: Searcher,
        generator: Generator,
        embedder: Embedder,
        settings: AgentSettings,
        *,
        verifier: Verifier | None = None,
        window: PromptWindow | None = None,
        judge: Judge | None = None,
        rails: Rails | None = None,
    ) -> None:
        self._rails = rails
        self._searcher = searcher
        self._generator = generator
        self._settings = settings
        self._window = window
        self._writer = Writer(generator, verifier or SimilarityVerifier(embedder, settings.verify), settings, judge)

    async def run(self, request: AnswerRequest) -> AsyncGenerator[AnswerEvent]:
        """The answer as it comes about; the last event is `done`. Close the iterator to stop the generator.

        A second `status` event of the stage "generate" takes back every `delta` and `statement` before it: the
        generator broke its schema and is asked again. Events `verdict` come after the last statement, where a judge was
        asked. Raises `InvalidInput` for an empty or over-long question, `Blocked` for one that a rail does not let
        through, `GenerationInvalid` when the second try fails too, `DeadlineExceeded`, and what searcher and generator
        raise.
        """
        watch = Stopwatch()
        guard = AnswerGuard(watch=self._rails.watch(request.principal, request.collections) if self._rails else None)
        asked = await guard.question(self._checked(request.question))
        request = replace(request, question=asked, history=await guard.history(request.history))
        if is_pleasantry(asked):
            yield self._done(request, self._writing(request, asked, (), watch, guard), NO_QUESTION)
            return
        yield status("condense")
        with watch.stage("condense"):
            asker = Asker.of(request.principal, request.adapter)
            condensed = await condense(
                asked, request.history, self._generator, asker, self._settings, window=self._window
            )
        yield status("retrieve")
        with watch.stage("retrieve"):
            found = await guard.found(await self._retrieve(request, guard.searched(condensed.question)))
        offered = [_source(n, hit) for n, hit in enumerate(found.hits[: self._settings.sources], start=1)]
        packed = await self._packed(condensed.question, await guard.sources(offered))
        writing = self._writing(request, condensed.question, packed.sources, watch, guard)
        shown = guard.shown_sources(packed.sources, offered)
        yield AnswerEvent(name="sources", data={"sources": shown})
        narrowed = ("context_cut",) if packed.cut else ()
        degraded = tuple(dict.fromkeys((*condensed.degraded, *found.degraded, *narrowed)))
        if packed.sources:
            try:
                async with aclosing(self._writer.write(writing)) as events:
                    async for event in events:
                        yield event
            except FootnoteError:
                yield AnswerEvent(name="failed", data={"trace": _trace(request, writing, found, degraded)})
                raise
        degraded = (*degraded, *writing.degraded, *guard.degraded)
        reason = ANSWERED if writing.statements else NOT_ANSWERED if packed.sources else NO_PASSAGE
        yield self._done(request, writing, reason, found, degraded, shown)

    async def answer(self, request: AnswerRequest) -> Answer:
        """The finished answer. Raises what `run` raises."""
        async with aclosing(self.run(request)) as events:
            async for event in events:
                if event.name == "done":
                    answer: Answer = event.data["answer"]
                    return answer
        raise AssertionError("run ends in done or raises")

    def _checked(self, question: str) -> str:
        question = question.strip()
        if not question:
            raise InvalidInput("The question is empty. Write what you want to know.")
        if len(question) > (most := self._settings.max_question_chars):
            raise InvalidInput(f"The question has {len(question):,} characters; at most {most:,} are read. Shorten it.")
        return question

    async def _retrieve(self, request: AnswerRequest, question: str) -> SearchResult:
        return await self._searcher.search(
            SearchRequest(
                query=question,
                principal=request.principal,
                collections=request.collections,
                limit=self._settings.sources,
                filters=request.filters,
                trace=True,
            )
        )

    async def _packed(self, question: str, offered: Sequence[Source]) -> Packed:
        marks = self._settings.rails.marks
        return await fitting(question, offered, self._window, self._settings.max_tokens, marks=marks)

    def _writing(
        self,
        request: AnswerRequest,
        question: str,
        sources: tuple[Source, ...],
        watch: Stopwatch,
        guard: AnswerGuard,
    ) -> Writing:
        return Writing(
            question=question,
            sources=sources,
            history=request.history,
            asker=Asker.of(request.principal, request.adapter),
            watch=watch,
            guard=guard,
            marks=self._settings.rails.marks,
        )

    def _done(
        self,
        request: AnswerRequest,
        writing: Writing,
        reason: str,
        found: SearchResult | None = None,
        degraded: tuple[str, ...] = (),
        shown: tuple[Source, ...] = (),
    ) -> AnswerEvent:
        writing.watch.mark("total")
        generation = writing.generation
        answer = Answer(
            id=request.id,
            question=writing.guard.text(writing.question),
            statements=tuple(writing.guard.shown(statement) for statement in writing.statements),
            sources=shown,
            answerable=bool(writing.statements),
            retrieval=Retrieval(used=found is not None, reason=reason, n=len(writing.sources)),
            generator=generation.generator if generation else self._generator.info,
            timings_ms=writing.watch.timings_ms,
            degraded=degraded,
            usage=(generation.usage if generation else Usage()) + writing.judging,
        )
        return AnswerEvent(name="done", data={"answer": answer, "trace": _trace(request, writing, found, degraded)})


def _trace(
    request: AnswerRequest, writing: Writing, found: SearchResult | None, degraded: tuple[str, ...]
) -> AnswerTrace:
    """How the answer came about so far, from what is in hand."""
    sent = writing.request
    return AnswerTrace(
        asked=request.question,
        question=writing.question,
        collections=request.collections,
        filters=request.filters,
        search=found.trace if found else None,
        offered=tuple(source.chunk_id for source in writing.sources),
        messages=sent.messages if sent else (),
        schema=sent.schema if sent else {},
        attempts=tuple(writing.attempts),
        verdicts=tuple(writing.verdicts),
        timings_ms=dict(writing.watch.timings_ms),
        search_ms=found.timings_ms if found else {},
        degraded=degraded,
        findings=writing.guard.findings,
    )


def _source(number: int, hit: Hit) -> Source:
    return Source(
        id=str(number),
        chunk_id=hit.chunk_id,
        document_id=hit.document_id,
        version_id=hit.version_id,
        title=hit.title,
        text=hit.text,
        page=hit.page,
        boxes=hit.boxes,
        heading_path=hit.heading_path,
        language=hit.language,
        kind=hit.kind,
        sentences=hit.sentences,
        score=hit.score,
    )
