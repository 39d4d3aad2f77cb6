"""Answers: asked for in whole or as a stream that can be left and come back to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Path
from fastapi import Response as HttpResponse
from pydantic import BaseModel, Field

from app.api import idempotency, sse
from app.api.answers_shapes import ANSWER, Answer, shown_answer
from app.api.deps import RATED, AtEnd, CacheControl, Limited, Parts, Running, Wired, forbids_cache
from app.api.filters import Filters
from app.api.shapes import COLLECTION_PATTERN, MAX_QUESTION, Request, problems, shown, streamed
from app.auth import Caller
from app.errors import problem
from app.runs import AnswerRuns, Question
from app.streams import StreamEvent
from core.errors import Conflict, Forbidden, NotFound
from core.types import Principal

if TYPE_CHECKING:
    from app.store.records import AnswerRecord

router = APIRouter(prefix="/v1/answers", tags=["answers"])

AnswerId = Annotated[str, Path(max_length=64, description="An answer's id.")]
_ROUTE = "answers"


class AskRequest(Request):
    """A question, and the conversation and collection it belongs to."""

    question: str = Field(min_length=1, max_length=MAX_QUESTION, examples=["How many days of leave do I have?"])
    conversation_id: str | None = Field(default=None, max_length=64, description="Left away: a new conversation.")
    collection: str | None = Field(default=None, pattern=COLLECTION_PATTERN, description="Else all of them.")
    filters: Filters = Field(default_factory=Filters)
    cache: bool = Field(
        default=True,
        description="false: write the answer anew, though one may be remembered. So does `Cache-Control: no-cache`.",
    )
    regenerates: str | None = Field(
        default=None,
        max_length=64,
        description="Your answer in whose place this one is asked for, in the same conversation: it is written anew, "
        "and a good word on it is a bad one on that answer.",
    )
    adapter: str | None = Field(
        default=None, min_length=1, max_length=128, description="The adapter to write it, for administrators to choose."
    )
    stream: bool = Field(default=False, description="Answer with server-sent events.")


class _Kept(BaseModel):
    """What is kept of an answer for a repeated request: its text is read again, as the caller may read it then."""

    id: str


_STREAM = (
    'retry: 2000\n\nid: 1\nevent: status\ndata: {"stage": "accepted", "answer_id": "3c1f…"}\n\n'
    'id: 4\nevent: sources\ndata: {"sources": [{"id": "1", "title": "Leave policy", "page": 2, "text": "…"}]}\n\n'
    'id: 6\nevent: delta\ndata: {"index": 0, "text": "Every employee has "}\n\n'
    'id: 8\nevent: statement\ndata: {"index": 0, "statement": {"text": "…", "sources": ["1"], "support": 0.7}}\n\n'
    'id: 9\nevent: verdict\ndata: {"index": 0, "statement": {"text": "…", "sources": ["1"], "support": 1.0}}\n\n'
    'id: 10\nevent: done\ndata: {"id": "3c1f…", "statements": […], "sources": […], "answerable": true, …}\n\n'
)
_EVENTS = (
    "The answer, or with `stream` the events `status`, `sources`, `delta` (text to append to statement `index`), "
    "`statement` (the whole statement, checked), `verdict` (the same once a judge has spoken, where one is set), "
    "`ping`, and last `done` (the answer) or `error` (a problem). A second `status` of the stage `generate` takes back "
    "all statements so far."
)


def _both() -> dict[int | str, dict[str, Any]]:
    content = {**shown(ANSWER)[200]["content"], **streamed("", _STREAM)[200]["content"]}
    return {200: {"description": _EVENTS, "content": content}}


@router.post(
    "",
    summary="Ask a question",
    operation_id="ask",
    response_model=Answer,
    responses={**_both(), **problems(403, 404, 409, 429, 502, 504)},
    dependencies=RATED,
)
async def ask(
    body: AskRequest,
    services: Wired,
    runs: Running,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
    key: idempotency.Key = None,
    cache_control: CacheControl = None,
) -> HttpResponse:
    """Leaving a stream does not stop the answer: read on with `GET /v1/answers/{id}/events`, or cancel it."""
    if body.adapter is not None:
        if not caller.admin:
            raise Forbidden("Only administrators choose the adapter that answers. Ask without one.")
        await services.adapters.require(body.adapter)
    # Streamed or not, the connection is held until the answer is there.
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    question = Question(
        text=body.question,
        caller=caller,
        conversation_id=body.conversation_id,
        collections=(body.collection,) if body.collection else (),
        filters=body.filters.narrowed(),
        adapter=body.adapter,
        regenerates=body.regenerates,
        fresh=not body.cache or body.regenerates is not None or forbids_cache(cache_control),
    )
    answer_id = await _begin(services, runs, question, key, body.model_dump_json())
    if body.stream:
        return sse.sse_response(_events(services, runs, answer_id, caller, 0), {"X-Answer-Id": answer_id})
    run = runs.get(answer_id)
    record = await (run.result() if run is not None else services.store.answers.get(answer_id, caller))
    if record.answer is None:
        raise _unfinished(record)
    return HttpResponse(shown_answer(record).model_dump_json(), media_type="application/json")


async def _begin(services: Parts, runs: AnswerRuns, question: Question, key: str | None, body: str) -> str:
    """The id of the answer that this request begins, or began when it was sent before with the same key."""
    if key is None:
        return (await runs.start(services, question)).answer_id
    kept = await idempotency.begin(services.store, _ROUTE, key, question.caller, body)
    if kept is not None:
        return _Kept.model_validate_json(kept.body).id
    try:
        run = await runs.start(services, question)
    except BaseException:
        await services.store.idempotency.release(key, question.caller.id, _ROUTE)
        raise
    text = _Kept(id=run.answer_id).model_dump_json()
    await idempotency.complete(services.store, _ROUTE, key, question.caller, 200, text, {})
    return run.answer_id


@router.get(
    "/{id}",
    summary="One of your answers",
    operation_id="get_answer",
    responses={**shown(ANSWER), **problems(404)},
)
async def get_answer(id: AnswerId, services: Wired, caller: Caller) -> Answer:
    """Passages of documents that were deleted or are no longer the caller's to read are withheld."""
    return shown_answer(await services.store.answers.get(id, caller))


@router.get(
    "/{id}/events",
    summary="Read an answer's stream, from any point",
    operation_id="follow_answer",
    response_class=HttpResponse,
    responses={
        **streamed("The events after `Last-Event-ID`, as they come.", _STREAM),
        204: {"description": "`Last-Event-ID` was the last event; nothing more will come."},
        **problems(404, 429),
    },
)
async def follow_answer(
    id: AnswerId,
    services: Wired,
    runs: Running,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
    last_event_id: Annotated[str | None, Header(max_length=32, description="The last event seen.")] = None,
) -> HttpResponse:
    """A finished answer whose stream is no longer kept is told in one event, `done` or `error`."""
    seen = sse.last_event_id(last_event_id)
    await services.store.answers.get(id, caller)
    try:
        end = await services.streams.ended_at(id)
    except NotFound:
        end = None
    if end is not None and seen >= end:
        return sse.nothing_more()
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    return sse.sse_response(_events(services, runs, id, caller, seen))


@router.post(
    "/{id}/cancel",
    status_code=202,
    summary="Stop an answer",
    operation_id="cancel_answer",
    response_model=Answer,
    responses={**shown({**ANSWER, "status": "running", "statements": []}, 202), **problems(404, 409)},
)
async def cancel_answer(id: AnswerId, services: Wired, runs: Running, caller: Caller) -> Answer:
    """Its stream ends in an `error` with the code `cancelled`."""
    record = await services.store.answers.get(id, caller)
    if record.status == "running" and runs.get(id) is None:
        await services.sharing.cancel(id)
    else:
        runs.cancel(id)
    return shown_answer(record)


async def _events(
    services: Parts, runs: AnswerRuns, answer_id: str, caller: Principal, seen: int
) -> AsyncIterator[StreamEvent]:
    """The stream after the event `seen`.

    The log holds passages as they were when they were found. Once the answer is finished the store says what of them
    may still be read; where that is less, or where the log is gone, the record is told instead.
    """
    if runs.get(answer_id) is None:
        record = await services.store.answers.get(answer_id, caller)
        hidden = record.withheld or not await _kept(services, answer_id)
        failed = record.answer is None and record.status != "running"  # a running one is written by another server
        if hidden or (failed and await _tells_too_much(services, answer_id, caller)):
            yield _told(record, seen)
            return
    async for event in services.streams.read(answer_id, seen):
        yield event


async def _kept(services: Parts, answer_id: str) -> bool:
    try:
        await services.streams.ended_at(answer_id)
    except NotFound:
        return False
    return True


async def _tells_too_much(services: Parts, answer_id: str, caller: Principal) -> bool:
    """Whether the log of an answer that came to nothing has passages that the caller may not read now. Its record has
    no sources by which the store could tell."""
    named: set[str] = set()
    async for event in services.streams.read(answer_id):
        if event.name == "sources":
            named.update(source["document_id"] for source in json.loads(event.data)["sources"])
    try:
        for document_id in sorted(named):
            await services.store.documents.get(document_id, caller)
    except NotFound:
        return True
    return False


def _told(record: AnswerRecord, seen: int) -> StreamEvent:
    if record.answer is not None:
        return StreamEvent(id=seen + 1, name="done", data=shown_answer(record).model_dump_json())
    error = _unfinished(record)
    status, code = (409, error.code) if record.error is None else (500, record.error.code)
    return StreamEvent(id=seen + 1, name="error", data=json.dumps(problem(status, code, error.message, None)))


def _unfinished(record: AnswerRecord) -> Conflict:
    """Why there is no answer to show."""
    if record.error is None:
        return Conflict("This answer is still being written; read its events, or ask for it again.")
    return Conflict(record.error.message)
