"""The same answers for OpenAI's clients: chat completions whose content carries [n] marks, and the models behind them.

Follows https://platform.openai.com/docs/api-reference/chat. The last user message is the question, what came before it
is the conversation; system messages are not taken for documents or rules. What an answer rests on is in the extension
field `footnote` of the message, or of the last chunk.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from fastapi import Response as HttpResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from app.api import sse
from app.api.answers_shapes import ANSWER
from app.api.completions import chunks, completion
from app.api.deps import RATED, AtEnd, CacheControl, Limited, Parts, Running, Wired, forbids_cache
from app.api.shapes import MAX_QUESTION, Response, openai_problems, shown, streamed
from app.auth import Caller
from app.errors import ModelNotFound
from app.runs import Question
from core.errors import InvalidInput, NotFound
from core.types import Message

router = APIRouter(prefix="/v1", tags=["openai"])

MODEL = "footnote"

_UNSUPPORTED = ("tools", "functions", "audio", "logprobs", "prediction")
"""Parameters that would change what comes back and cannot be honoured; sampling parameters are passed over."""


class TextPart(BaseModel):
    """A part of a message."""

    type: Literal["text"]
    text: str = Field(max_length=MAX_QUESTION)


class ChatMessage(BaseModel):
    """A turn; fields that a client repeats from an earlier answer are passed over."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str, Field(max_length=MAX_QUESTION)] | Annotated[list[TextPart], Field(max_length=50)] | None = (
        None
    )

    @property
    def text(self) -> str:
        """The turn's words."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """What else a stream tells."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """OpenAI's request. Clients send more fields than are listed; they are passed over unless they ask for more text
    forms than there are."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(max_length=128, examples=["footnote"])
    messages: list[ChatMessage] = Field(
        min_length=1, max_length=200, examples=[[{"role": "user", "content": "How many days of leave do I have?"}]]
    )
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = Field(default=None, ge=1, le=1)
    conversation_id: str | None = Field(default=None, max_length=64, description="Extension: a stored conversation.")
    cache: bool | None = Field(default=None, description="Extension: false writes the answer anew.")


class Model(Response):
    """`footnote` answers from every collection, `footnote/NAME` from one."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "footnote"


class Models(Response):
    """The models."""

    object: Literal["list"] = "list"
    data: list[Model]


_MODEL: dict[str, Any] = {"id": "footnote", "object": "model", "created": 1763600000, "owned_by": "footnote"}
_COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-3c1f9e57-5b6e-4b0c-8a58-0d6c8a9b1c22",
    "object": "chat.completion",
    "created": 1763631120,
    "model": "footnote",
    "system_fingerprint": "extractive-1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": "Every employee has 28 days of paid leave a year. [1]",
                "refusal": None,
                "footnote": {
                    "answer_id": ANSWER["id"],
                    **{name: ANSWER[name] for name in ("conversation_id", "answerable", "statements", "sources")},
                },
            },
        }
    ],
    "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
}
_CHUNKS = (
    'data: {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Every … [1]"}}], …}\n\n'
    'data: {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], '
    '"footnote": {…}, …}\n\ndata: [DONE]\n\n'
)


@router.post(
    "/chat/completions",
    summary="Ask as OpenAI's clients do",
    operation_id="create_chat_completion",
    dependencies=RATED,
    responses={
        200: {
            "description": "A completion, or with `stream` its chunks: one for each statement once it was checked.",
            "content": {**shown(_COMPLETION)[200]["content"], **streamed("", _CHUNKS)[200]["content"]},
        },
        **openai_problems(404, 429, 502, 504),
    },
)
async def create_chat_completion(
    body: ChatRequest,
    services: Wired,
    runs: Running,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
    cache_control: CacheControl = None,
) -> HttpResponse:
    """Errors have OpenAI's shape."""
    _check_supported(body)
    question, history = _split(body.messages)
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    run = await runs.start(
        services,
        Question(
            text=question,
            caller=caller,
            conversation_id=body.conversation_id,
            collections=await _collections(services, body.model),
            history=history,
            fresh=body.cache is False or forbids_cache(cache_control),
        ),
    )
    if body.stream:
        usage = body.stream_options is not None and body.stream_options.include_usage
        pieces = chunks(services.streams.read(run.answer_id), run, body.model, int(time.time()), usage)
        headers = {**sse.HEADERS, "X-Answer-Id": run.answer_id}
        return StreamingResponse(pieces, media_type=sse.MEDIA_TYPE, headers=headers)
    record = await run.result()
    return HttpResponse(completion(record, body.model, int(time.time())), media_type="application/json")


@router.get(
    "/models",
    summary="List models",
    operation_id="list_models",
    responses={**shown({"object": "list", "data": [_MODEL]}), **openai_problems()},
)
async def list_models(services: Wired, caller: Caller) -> Models:
    """One that answers from everything the caller may read, and one for each collection."""
    found = await services.store.collections.list()
    first = int(min((item.created_at for item in found), default=_epoch()).timestamp())
    named = [Model(id=f"{MODEL}/{item.name}", created=int(item.created_at.timestamp())) for item in found]
    return Models(data=[Model(id=MODEL, created=first), *named])


@router.get(
    "/models/{model:path}",
    summary="One model",
    operation_id="get_model",
    responses={**shown(_MODEL), **openai_problems(404)},
)
async def get_model(
    model: Annotated[str, Path(max_length=128, examples=["footnote"])], services: Wired, caller: Caller
) -> Model:
    """A model by its id."""
    await _collections(services, model)
    listed = await list_models(services, caller)
    return next(item for item in listed.data if item.id == model)


async def _collections(services: Parts, model: str) -> tuple[str, ...]:
    """The collections that a model answers from. Raises `ModelNotFound`."""
    name, slash, collection = model.partition("/")
    if name == MODEL and not slash:
        return ()
    if name == MODEL and collection:
        try:
            await services.store.collections.require(collection)
        except NotFound:
            raise ModelNotFound(f"The model {model!r} does not exist: there is no such collection.") from None
        return (collection,)
    raise ModelNotFound(f"The model {model!r} does not exist; GET /v1/models lists those that do.")


def _split(messages: list[ChatMessage]) -> tuple[str, tuple[Message, ...]]:
    """The question, and the conversation before it."""
    said = [message for message in messages if message.role in ("user", "assistant") and message.text.strip()]
    if not said or said[-1].role != "user":
        raise InvalidInput("The last message must be the user's question.")
    history = tuple(
        Message(role="user" if message.role == "user" else "assistant", content=message.text) for message in said[:-1]
    )
    return said[-1].text.strip(), history


def _check_supported(body: ChatRequest) -> None:
    asked = body.model_extra or {}
    for name in _UNSUPPORTED:
        if asked.get(name):
            raise InvalidInput(f"`{name}` is not supported.")
    form = asked.get("response_format")
    if isinstance(form, dict) and form.get("type", "text") != "text":
        raise InvalidInput("`response_format` other than text is not supported; the field `footnote` is structured.")


def _epoch() -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(0, UTC)
