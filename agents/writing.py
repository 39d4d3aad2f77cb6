"""Generates and verifies: sources in, statements out, each verified as soon as it is whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from agents.asker import Asker
from agents.growing import GrowingAnswer
from agents.judging import Claim, Judge, second_opinion
from agents.packing import arranged
from agents.prompting import answer_messages, unmarked
from agents.rails.guard import AnswerGuard
from agents.schema import Draft, answer_schema, read_answer
from agents.settings import AgentSettings
from agents.stopwatch import Stopwatch
from agents.verify import VERBATIM, Verifier
from core.errors import DeadlineExceeded, FootnoteError, GenerationInvalid, GeneratorUnavailable
from core.ports import Generator
from core.types import (
    AnswerEvent,
    Attempt,
    Delta,
    Generation,
    GenerationRequest,
    Message,
    Method,
    Source,
    Statement,
    Usage,
    Verdict,
)

TEMPERATURES = (0.0, 0.4)
"""One for each try at an output that satisfies its schema: asked the same way, a model would fail the same way."""
ATTEMPTS = len(TEMPERATURES)


@dataclass(kw_only=True)
class Writing:
    """One answer being written. `statements` grows, with a verdict on each; `generation` is set at the end.

    `request` is what the generator was sent last, `attempts` what it wrote each time. `judging` counts the tokens that
    a judge took, and `degraded` says what became of it. `guard` looks at statements: what is kept here is as
    it left it, with placeholders, and events are as their reader may see them. `withheld` are those it blocked.
    `marks` has the sources' spaces marked in the prompt.
    """

    question: str
    sources: tuple[Source, ...]
    history: tuple[Message, ...]
    asker: Asker
    watch: Stopwatch
    statements: list[Statement] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    generation: Generation | None = None
    request: GenerationRequest | None = None
    attempts: list[Attempt] = field(default_factory=list)
    judging: Usage = field(default_factory=Usage)
    degraded: tuple[str, ...] = ()
    guard: AnswerGuard = field(default_factory=AnswerGuard)
    withheld: set[int] = field(default_factory=set)
    marks: bool = False


class Writer:
    """Asks a generator for statements under the schema of an answer, and a verifier for their support; once all are
    there, a judge for a second opinion, if there is one."""

    def __init__(
        self, generator: Generator, verifier: Verifier, settings: AgentSettings, judge: Judge | None = None
    ) -> None:
        self._generator = generator
        self._verifier = verifier
        self._settings = settings
        self._judge = judge

    async def write(self, writing: Writing) -> AsyncGenerator[AnswerEvent]:
        """Events up to the last statement; the result is left in `writing`.

        An output that breaks the schema is asked for once more, then `GenerationInvalid` is raised. Raises
        `DeadlineExceeded` and what the generator raises.
        """
        deadline = time.perf_counter() + self._settings.generate_seconds
        for attempt in range(1, ATTEMPTS + 1):
            writing.statements.clear()
            writing.verdicts.clear()
            writing.withheld.clear()
            writing.guard.again()
            yield status("generate")
            ids = [source.id for source in writing.sources]
            growing = GrowingAnswer(ids=ids, settings=self._settings.output, max_chars=self._most_chars())
            try:
                async with aclosing(self._attempt(writing, growing, deadline, TEMPERATURES[attempt - 1])) as events:
                    async for event in events:
                        yield event
                writing.attempts.append(Attempt(output=await writing.guard.kept(growing.text)))
                break
            except FootnoteError as error:
                writing.attempts.append(Attempt(output=await writing.guard.kept(growing.text), problem=error.message))
                if attempt == ATTEMPTS or not isinstance(error, GenerationInvalid):
                    raise
        for event in await self._judged(writing):
            yield event

    async def hold(self, writing: Writing, drafts: Sequence[Draft]) -> None:
        """Holds statements that are written already against their sources; the result is left in `writing`.

        Raises `EmbedderUnavailable` if the verifier needs an embedder that does not answer.
        """
        for draft in drafts:
            await self._verified(writing, draft)
        await self._judged(writing)

    async def _attempt(
        self, writing: Writing, growing: GrowingAnswer, deadline: float, temperature: float
    ) -> AsyncGenerator[AnswerEvent]:
        ids = list(growing.ids)
        writing.request = self._request(writing, ids, deadline, temperature)
        stream = self._generator.stream(writing.request)
        final: Generation | None = None
        try:
            while (delta := await self._next(writing, stream, deadline)) is not None:
                writing.watch.mark("first_token")
                final = delta.final or final
                for grown in growing.feed(delta.text):
                    if grown.draft is not None:
                        for event in await self._told(writing, grown.draft):
                            yield event
                    elif shown := writing.guard.grown(grown.index, _said(writing, grown.text)):
                        yield AnswerEvent(name="delta", data={"index": grown.index, "text": shown})
        finally:
            await _close(stream)
        if final is None:
            raise GeneratorUnavailable("The generator stopped before its answer was complete. Try again.")
        if final.text != growing.text:
            raise GenerationInvalid("The generator's whole output is not what it streamed. Ask again.")
        output = read_answer(final.text, ids, self._settings.output)
        yield status("verify")
        for draft in output.statements[len(writing.statements) :]:
            for event in await self._told(writing, draft):
                yield event
        writing.generation = final

    async def _next(self, writing: Writing, stream: AsyncIterator[Delta], deadline: float) -> Delta | None:
        """The next piece, or None at the end. The timeout spans no yield, so it can only strike here."""
        try:
            with writing.watch.stage("generate"):
                async with asyncio.timeout(max(deadline - time.perf_counter(), 0.0)):
                    return await anext(stream, None)
        except TimeoutError:
            raise DeadlineExceeded("The answer took too long to write. Ask again, or ask for less at once.") from None

    async def _told(self, writing: Writing, draft: Draft) -> list[AnswerEvent]:
        """A statement that is whole: what was held back of it, and the statement as it may be said."""
        index = len(writing.statements)
        screened = await writing.guard.statement(_said(writing, draft.text))
        if screened.blocked is None:
            await self._verified(writing, replace(draft, text=screened.text))
        else:
            self._withheld(writing, screened.blocked)
        writing.watch.mark("first_statement")
        statement = writing.guard.shown(writing.statements[index])
        event = AnswerEvent(name="statement", data={"index": index, "statement": statement})
        if rest := writing.guard.rest(index, statement.text):
            return [AnswerEvent(name="delta", data={"index": index, "text": rest}), event]
        return [event]

    async def _verified(self, writing: Writing, draft: Draft) -> None:
        cited = [source for source in writing.sources if source.id in draft.sources]
        with writing.watch.stage("verify"):
            support = await self._verifier.support(draft.text, cited)
        supported = support >= self._settings.verify.threshold
        statement = Statement(text=draft.text, sources=draft.sources, support=support, supported=supported)
        method: Method = "verbatim" if support == VERBATIM else "similarity"
        writing.verdicts.append(Verdict(support=support, supported=supported, method=method, similarity=support))
        writing.statements.append(statement)

    def _withheld(self, writing: Writing, reason: str) -> None:
        """In place of a statement that a rail blocked: that it was, and why."""
        text = f"[A statement is withheld: {reason}]"
        writing.withheld.add(len(writing.statements))
        writing.statements.append(Statement(text=text, sources=(), support=0.0, supported=False))
        writing.verdicts.append(Verdict(support=0.0, supported=False, method="similarity", similarity=0.0))

    async def _judged(self, writing: Writing) -> list[AnswerEvent]:
        """What the judge says of every statement that is not a source's own words; where it fails, nothing changes."""
        known = enumerate(writing.verdicts)
        asked = [index for index, each in known if each.method != "verbatim" and index not in writing.withheld]
        if self._judge is None or not asked:
            return []
        claims = [_claim(writing, index) for index in asked]
        with writing.watch.stage("verify"):
            heard = await second_opinion(self._judge, claims, writing.asker, self._settings.judge.seconds)
        writing.degraded = heard.degraded
        if heard.judgement is None:
            return []
        writing.judging = heard.judgement.usage
        events = []
        for index, opinion in zip(asked, heard.judgement.opinions, strict=True):
            writing.verdicts[index] = Verdict(
                support=opinion.support,
                supported=opinion.supported,
                method=self._judge.method,
                similarity=writing.verdicts[index].similarity,
                reason=opinion.reason,
            )
            statement = replace(writing.statements[index], support=opinion.support, supported=opinion.supported)
            writing.statements[index] = statement
            shown = writing.guard.shown(statement)
            events.append(AnswerEvent(name="verdict", data={"index": index, "statement": shown}))
        return events

    def _request(self, writing: Writing, ids: list[str], deadline: float, temperature: float) -> GenerationRequest:
        return GenerationRequest(
            task="answer",
            messages=answer_messages(writing.question, arranged(writing.sources), marks=writing.marks),
            schema=answer_schema(ids, self._settings.output),
            question=writing.question,
            history=writing.history,
            sources=writing.sources,
            adapter=writing.asker.adapter,
            caller=writing.asker.caller,
            scope=writing.asker.scope,
            max_tokens=self._settings.max_tokens,
            temperature=temperature,
            timeout=max(deadline - time.perf_counter(), 0.001),
        )

    def _most_chars(self) -> int:
        """More than any output under the schema has, escapes included."""
        output = self._settings.output
        return 2_000 + output.max_statements * (6 * output.max_statement_chars + 40 * output.max_citations + 200)


def status(stage: str) -> AnswerEvent:
    """The event that a stage begins."""
    return AnswerEvent(name="status", data={"stage": stage})


def _said(writing: Writing, text: str) -> str:
    return unmarked(text) if writing.marks else text


def _claim(writing: Writing, index: int) -> Claim:
    statement = writing.statements[index]
    cited = tuple(source for source in writing.sources if source.id in statement.sources)
    return Claim(text=statement.text, sources=cited)


async def _close(stream: AsyncIterator[Delta]) -> None:
    """Ends a stream that was not read to its end, so that the generator stops writing."""
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()
