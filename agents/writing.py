"""Generates and verifies: sources in, statements out, each verified as soon as it is whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

from agents.asker import Asker
from agents.growing import GrowingAnswer
from agents.packing import arranged
from agents.prompting import answer_messages
from agents.schema import Draft, answer_schema, read_answer
from agents.settings import AgentSettings
from agents.stopwatch import Stopwatch
from agents.verify import Verifier
from core.errors import DeadlineExceeded, FootnoteError, GenerationInvalid, GeneratorUnavailable
from core.ports import Generator
from core.types import AnswerEvent, Attempt, Delta, Generation, GenerationRequest, Message, Source, Statement

TEMPERATURES = (0.0, 0.4)
"""One for each try at an output that satisfies its schema: asked the same way, a model would fail the same way."""
ATTEMPTS = len(TEMPERATURES)


@dataclass(kw_only=True)
class Writing:
    """One answer being written. `statements` grows; `generation` is set at the end.

    `request` is what the generator was sent last, `attempts` what it wrote each time.
    """

    question: str
    sources: tuple[Source, ...]
    history: tuple[Message, ...]
    asker: Asker
    watch: Stopwatch
    statements: list[Statement] = field(default_factory=list)
    generation: Generation | None = None
    request: GenerationRequest | None = None
    attempts: list[Attempt] = field(default_factory=list)


class Writer:
    """Asks a generator for statements under the schema of an answer, and a verifier for their support."""

    def __init__(self, generator: Generator, verifier: Verifier, settings: AgentSettings) -> None:
        self._generator = generator
        self._verifier = verifier
        self._settings = settings

    async def write(self, writing: Writing) -> AsyncGenerator[AnswerEvent]:
        """Events up to the last statement; the result is left in `writing`.

        An output that breaks the schema is asked for once more, then `GenerationInvalid` is raised. Raises
        `DeadlineExceeded` and what the generator raises.
        """
        deadline = time.perf_counter() + self._settings.generate_seconds
        for attempt in range(1, ATTEMPTS + 1):
            writing.statements.clear()
            yield status("generate")
            ids = [source.id for source in writing.sources]
            growing = GrowingAnswer(ids=ids, settings=self._settings.output, max_chars=self._most_chars())
            try:
                async with aclosing(self._attempt(writing, growing, deadline, TEMPERATURES[attempt - 1])) as events:
                    async for event in events:
                        yield event
                writing.attempts.append(Attempt(output=growing.text))
                return
            except FootnoteError as error:
                writing.attempts.append(Attempt(output=growing.text, problem=error.message))
                if attempt == ATTEMPTS or not isinstance(error, GenerationInvalid):
                    raise

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
                    if grown.draft is None:
                        yield AnswerEvent(name="delta", data={"index": grown.index, "text": grown.text})
                    else:
                        yield await self._verified(writing, grown.draft)
        finally:
            await _close(stream)
        if final is None:
            raise GeneratorUnavailable("The generator stopped before its answer was complete. Try again.")
        if final.text != growing.text:
            raise GenerationInvalid("The generator's whole output is not what it streamed. Ask again.")
        output = read_answer(final.text, ids, self._settings.output)
        yield status("verify")
        for draft in output.statements[len(writing.statements) :]:
            yield await self._verified(writing, draft)
        writing.generation = final

    async def _next(self, writing: Writing, stream: AsyncIterator[Delta], deadline: float) -> Delta | None:
        """The next piece, or None at the end. The timeout spans no yield, so it can only strike here."""
        try:
            with writing.watch.stage("generate"):
                async with asyncio.timeout(max(deadline - time.perf_counter(), 0.0)):
                    return await anext(stream, None)
        except TimeoutError:
            raise DeadlineExceeded("The answer took too long to write. Ask again, or ask for less at once.") from None

    async def _verified(self, writing: Writing, draft: Draft) -> AnswerEvent:
        cited = [source for source in writing.sources if source.id in draft.sources]
        with writing.watch.stage("verify"):
            support = await self._verifier.support(draft.text, cited)
        supported = support >= self._settings.verify.threshold
        statement = Statement(text=draft.text, sources=draft.sources, support=support, supported=supported)
        writing.statements.append(statement)
        writing.watch.mark("first_statement")
        return AnswerEvent(name="statement", data={"index": len(writing.statements) - 1, "statement": statement})

    def _request(self, writing: Writing, ids: list[str], deadline: float, temperature: float) -> GenerationRequest:
        return GenerationRequest(
            task="answer",
            messages=answer_messages(writing.question, arranged(writing.sources)),
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


async def _close(stream: AsyncIterator[Delta]) -> None:
    """Ends a stream that was not read to its end, so that the generator stops writing."""
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()
