"""Answers put into OpenAI's completions and chunks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from app.api.answers_shapes import shown_answer
from app.api.sse import paced
from app.errors import openai_error
from app.runs import Run
from app.streams import StreamEvent
from core import types

if TYPE_CHECKING:
    from app.store.records import AnswerRecord

ABSTAINED = "The documents do not answer this question."
NOT_ASKED = "Ask a question about your documents."

_CARRIED = (
    "conversation_id",
    "answerable",
    "statements",
    "sources",
    "retrieval",
    "generator",
    "degraded",
    "cached",
    "timings_ms",
)


def completion(record: AnswerRecord, model: str, created: int) -> str:
    """A finished answer as the JSON of a `chat.completion`."""
    answer = shown_answer(record).model_dump(mode="json")
    message = {"role": "assistant", "content": _content(answer), "refusal": None, "footnote": _footnote(answer)}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    return json.dumps(
        {
            "id": f"chatcmpl-{record.id}",
            "object": "chat.completion",
            "created": created,
            "model": model,
            "system_fingerprint": answer["generator"]["fingerprint"],
            "choices": [choice],
            "usage": _usage(answer),
        }
    )


async def chunks(
    events: AsyncIterator[StreamEvent], run: Run, model: str, created: int, usage: bool
) -> AsyncIterator[bytes]:
    """An answer's stream as `chat.completion.chunk` events.

    Text is sent a statement at a time, once it was checked: what OpenAI's protocol has sent it cannot take back. Where
    the generator is asked again, or gives its statements up, the answer that holds follows as a correction.
    """
    head = {"id": f"chatcmpl-{run.answer_id}", "object": "chat.completion.chunk", "created": created, "model": model}
    sent: list[str] = []
    yield _chunk(head, {"role": "assistant", "content": ""})
    async for event in paced(events):
        if event is None:
            yield b": ping\n\n"
        elif event.name == "statement":
            text = _marked(json.loads(event.data)["statement"])
            yield _chunk(head, {"content": (" " if sent else "") + text})
            sent.append(text)
        elif event.name == "error":
            yield _data(openai_error(json.loads(event.data)))
        elif event.name == "done":
            answer = json.loads(event.data)
            if sent != [_marked(statement) for statement in answer["statements"]] or not sent:
                yield _chunk(head, {"content": ("\n\nCorrection: " if sent else "") + _content(answer)})
            head["system_fingerprint"] = answer["generator"]["fingerprint"]
            yield _chunk(head, {}, finish_reason="stop", footnote=_footnote(answer))
            if usage:
                yield _data({**head, "choices": [], "usage": _usage(answer)})
    yield b"data: [DONE]\n\n"


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish_reason: str | None = None, **extension: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return _data({**head, "choices": [choice], **extension})


def _data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _content(answer: dict[str, Any]) -> str:
    if answer["statements"]:
        return " ".join(_marked(statement) for statement in answer["statements"])
    return ABSTAINED if answer["retrieval"]["used"] else NOT_ASKED


def _marked(statement: dict[str, Any]) -> str:
    marks = "".join(f"[{source}]" for source in statement["sources"])
    return f"{statement['text']} {marks}" if marks else str(statement["text"])


def _footnote(answer: dict[str, Any]) -> dict[str, Any]:
    return {"answer_id": answer["id"], **{name: answer[name] for name in _CARRIED}}


def _usage(answer: dict[str, Any]) -> dict[str, int]:
    usage = types.Usage(**answer["usage"])
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
