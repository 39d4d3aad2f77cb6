"""Answers in the making. Each is written by a task of its own, so that a reader who leaves does not stop it."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.api.answers_shapes import event_data, shown_answer
from app.errors import Cancelled, problem_of
from app.limits import Share
from app.metrics import Metrics
from app.middleware import request_id_var
from app.tracing import Tracing
from core.errors import Conflict, FootnoteError, GenerationInvalid, InvalidInput, Unavailable
from core.types import Filters, Message, Principal

if TYPE_CHECKING:
    from agents.answer import AnswerRequest
    from app.services import Services
    from app.store.records import AnswerRecord

logger = logging.getLogger("footnote.answers")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, by whom and where. `history` replaces a stored conversation where the caller keeps its own;
    `fresh` wants an answer that is written anew, `regenerates` names the one in whose place it is wanted."""

    text: str
    caller: Principal
    conversation_id: str | None = None
    collections: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    history: tuple[Message, ...] | None = None
    adapter: str | None = None
    fresh: bool = False
    regenerates: str | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """An answer being written: its ids, and the task whose result is the finished record."""

    answer_id: str
    conversation_id: str
    task: asyncio.Task[AnswerRecord]

    async def result(self) -> AnswerRecord:
        """The finished answer; leaving does not stop it. Raises what kept it from being finished."""
        return await asyncio.shield(self.task)


class AnswerRuns:
    """The answers that this process is writing, so many for one caller as `share` allows."""

    def __init__(self, metrics: Metrics, share: Share, tracing: Tracing) -> None:
        self._metrics = metrics
        self._share = share
        self._tracing = tracing
        self._runs: dict[str, Run] = {}
        self._leaving = False
        self._closing = False

    @property
    def leaving(self) -> bool:
        """Whether the server is stopping and takes no more questions."""
        return self._leaving

    async def start(self, services: Services, question: Question) -> Run:
        """Records the question, opens its stream and begins to answer.

        Raises `NotFound` for an unknown conversation or collection, `InvalidInput` for an over-long question,
        `TooManyRequests` where the caller has its share already and `Unavailable` while too much is being written in
        all. From then on errors are the stream's and the record's to tell.
        """
        if self._leaving:
            raise Unavailable("The server is stopping; ask again in a moment.")
        _check_length(question.text, services.settings.agents.max_question_chars)
        give_back = await self._share.hold(question.caller, services.sharing.leases)
        try:
            run = await self._begin(services, question)
        except BaseException:
            give_back()
            raise
        run.task.add_done_callback(lambda _: give_back())
        await asyncio.sleep(0)  # a task that is cancelled before its first step would leave the stream open
        return run

    async def _begin(self, services: Services, question: Question) -> Run:
        from agents.answer import AnswerRequest

        for name in question.collections:
            await services.store.collections.require(name)
        request = AnswerRequest(
            id=str(uuid.uuid4()),
            question=question.text,
            principal=question.caller,
            history=await _history(services, question),
            collections=question.collections,
            filters=question.filters,
            adapter=question.adapter,
            fresh=question.fresh,
        )
        await services.streams.open(request.id, question.caller.id)
        try:
            record = await services.store.answers.begin(
                request.id, question.conversation_id, question.caller, question.text, question.regenerates
            )
        except BaseException:
            await services.streams.finish(request.id)
            raise
        return self._launch(services, request, record.conversation_id)

    def _launch(self, services: Services, request: AnswerRequest, conversation_id: str) -> Run:
        task = asyncio.create_task(self._write(services, request, conversation_id), name=f"answer {request.id}")
        run = Run(answer_id=request.id, conversation_id=conversation_id, task=task)
        self._runs[request.id] = run
        self._metrics.streams(len(self._runs))
        task.add_done_callback(lambda _: self._ended(run))
        return run

    def get(self, answer_id: str) -> Run | None:
        """The run of an answer that is being written here."""
        return self._runs.get(answer_id)

    def cancel(self, answer_id: str) -> None:
        """Stops an answer; its stream then ends in an error. Raises `Conflict` where it is not being written."""
        run = self._runs.get(answer_id)
        if run is None:
            raise Conflict("This answer is not being written any more; there is nothing to cancel.")
        _stop(run.task)

    async def drain(self, seconds: float) -> None:
        """Takes no more questions, and gives the answers being written so long to be finished."""
        self._leaving = True
        if tasks := [run.task for run in self._runs.values()]:
            await asyncio.wait(tasks, timeout=seconds)

    async def close(self) -> None:
        """Stops every answer, and waits until each has said so and how each came about is kept."""
        self._leaving = self._closing = True
        tasks = [run.task for run in self._runs.values()]
        for task in tasks:
            _stop(task)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._tracing.settled()

    def _ended(self, run: Run) -> None:
        self._runs.pop(run.answer_id, None)
        self._metrics.streams(len(self._runs))
        if not run.task.cancelled():
            run.task.exception()  # it was told on the stream; unasked for, asyncio would log it as never retrieved

    async def _write(self, services: Services, request: AnswerRequest, conversation_id: str) -> AnswerRecord:
        streams = services.streams
        accepted = {"stage": "accepted", "answer_id": request.id, "conversation_id": conversation_id}
        try:
            await streams.append(request.id, "status", json.dumps(accepted))
            return await self._answer(services, request)
        except asyncio.CancelledError:
            words = "The server stopped while this answer was being written; ask again."
            error = Unavailable(words) if self._closing else Cancelled("This answer was cancelled.")
            await self._failed(services, request.id, error)
            raise error from None
        except Exception as error:
            if not isinstance(error, FootnoteError):
                logger.exception("answer %s failed", request.id)
            await self._failed(services, request.id, error)
            raise
        finally:
            await streams.finish(request.id)

    async def _answer(self, services: Services, request: AnswerRequest) -> AnswerRecord:
        async with aclosing(services.asked.run(request)) as events:
            async for event in events:
                if event.name == "failed":
                    self._metrics.invalid_outputs(max(0, len(event.data["trace"].attempts) - 1))
                    self._tracing.keep(services.store.traces, request.id, event.data["trace"])
                    continue
                if event.name != "done":
                    await services.streams.append(request.id, event.name, event_data(event))
                    continue
                answer = event.data["answer"]
                record = await services.store.answers.finish(answer)
                self._metrics.answer(answer.answerable)
                self._metrics.support(answer.statements)
                self._metrics.invalid_outputs(sum(each.problem is not None for each in event.data["trace"].attempts))
                self._metrics.tokens(answer.usage.prompt_tokens, answer.usage.completion_tokens)
                self._metrics.stages("answer", answer.timings_ms)
                self._metrics.degraded(answer.degraded)
                await services.streams.append(request.id, "done", shown_answer(record).model_dump_json())
                self._tracing.keep(services.store.traces, request.id, event.data["trace"])
                return record
        raise AssertionError("an answer ends in done or raises")

    async def _failed(self, services: Services, answer_id: str, error: BaseException) -> None:
        problem = problem_of(error, request_id_var.get())
        self._metrics.error(problem["code"])
        if isinstance(error, GenerationInvalid):
            self._metrics.invalid_outputs(1)
        try:
            await services.store.answers.fail(answer_id, problem["code"], problem["detail"])
        except FootnoteError as unkept:
            logger.warning("answer %s: its failure could not be kept: %s", answer_id, unkept)
        await services.streams.append(answer_id, "error", json.dumps(problem))


async def _history(services: Services, question: Question) -> tuple[Message, ...]:
    """The conversation so far. What may no longer be read is left out of it."""
    if question.history is not None:
        return question.history
    if question.conversation_id is None:
        return ()
    turns = services.settings.agents.history_turns
    detail = await services.store.conversations.get(question.conversation_id, question.caller, last=max(turns, 1))
    messages: list[Message] = []
    for record in detail.answers:
        if record.id == question.regenerates:
            break  # asked again from where it was asked first
        if record.answer is None:
            continue
        said = " ".join(
            statement.text
            for statement in record.answer.statements
            if not set(statement.sources) & set(record.withheld)
        )
        messages += [Message(role="user", content=record.question), Message(role="assistant", content=said)]
    return tuple(messages)


def _stop(task: asyncio.Task[AnswerRecord]) -> None:
    """Once: a second time would break off the telling that it was stopped."""
    if not task.cancelling():
        task.cancel()


def _check_length(text: str, most: int) -> None:
    if len(text) > most:
        raise InvalidInput(f"The question has {len(text):,} characters; at most {most:,} are read. Shorten it.")
