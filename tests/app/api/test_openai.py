"""The official client, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from core.errors import GeneratorUnavailable


@pytest.fixture
async def client(live: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{live.base_url}/v1", api_key="none", max_retries=0) as made:
        yield made


def _said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


async def test_a_completion_carries_marks_and_footnotes(client: Any, world: Any) -> None:
    document = await world.handbook()
    made = await client.chat.completions.create(model="footnote", messages=_said("How much leave?"), temperature=0.2)
    message = made.choices[0].message
    assert message.content == "Leave is 28 days. [1] Leave may be carried over. [2]"
    assert made.choices[0].finish_reason == "stop"
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens
    note = message.model_extra["footnote"]
    assert [s["chunk_id"] for s in note["sources"]] == document["chunks"]
    assert [s["sources"] for s in note["statements"]] == [["1"], ["2"]]
    kept = (await world.http.get(f"/v1/answers/{note['answer_id']}")).json()
    assert kept["statements"] == note["statements"]


async def test_a_streamed_completion_says_the_same(client: Any, world: Any) -> None:
    await world.handbook()
    stream = await client.chat.completions.create(
        model="footnote", messages=_said("How much leave?"), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == "Leave is 28 days. [1] Leave may be carried over. [2]"
    assert len([piece for piece in pieces if piece]) == 2
    assert chunks[0].choices[0].delta.role == "assistant"
    last = next(chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason)
    assert last.choices[0].finish_reason == "stop"
    assert [s["id"] for s in last.model_extra["footnote"]["sources"]] == ["1", "2"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 0
    assert len({chunk.id for chunk in chunks}) == 1


async def test_what_the_documents_do_not_say(client: Any, world: Any) -> None:
    whole = await client.chat.completions.create(model="footnote", messages=_said("Who won?"))
    assert whole.choices[0].message.content == "The documents do not answer this question."
    assert whole.choices[0].message.model_extra["footnote"]["answerable"] is False
    stream = await client.chat.completions.create(model="footnote", messages=_said("Who won?"), stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == "The documents do not answer this question."


async def test_statements_that_were_taken_back_are_corrected(client: Any, world: Any) -> None:
    await world.handbook()
    world.generator.outputs = [
        '{"answerable": true, "statements": [{"text": "Wrong.", "sources": ["1"]}, {"text": 5',
        '{"answerable": true, "statements": [{"text": "Right.", "sources": ["2"]}]}',
    ]
    stream = await client.chat.completions.create(model="footnote", messages=_said("How much leave?"), stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    assert text.endswith("Correction: Right. [2]")


async def test_earlier_messages_are_the_conversation(client: Any, world: Any) -> None:
    await world.handbook()
    await client.chat.completions.create(
        model="footnote",
        messages=[
            {"role": "system", "content": "Speak like a pirate."},
            {"role": "user", "content": "How much leave?"},
            {"role": "assistant", "content": "28 days. [1]"},
            {"role": "user", "content": [{"type": "text", "text": "May leave be kept?"}]},
        ],
    )
    condensing = next(r for r in world.generator.requests if r.task == "condense")
    assert condensing.question == "May leave be kept?"
    assert [(m.role, m.content) for m in condensing.history] == [
        ("user", "How much leave?"),
        ("assistant", "28 days. [1]"),
    ]


async def test_models_are_everything_and_each_collection(client: Any, world: Any) -> None:
    await world.http.post("/v1/collections", json={"name": "handbook"})
    listed = [model.id async for model in client.models.list()]
    assert listed == ["footnote", "footnote/default", "footnote/handbook"]
    assert (await client.models.retrieve("footnote")).id == "footnote"
    await client.chat.completions.create(model="footnote/handbook", messages=_said("leave?"))
    assert world.searcher.requests[-1].collections == ("handbook",)


WRONG: list[tuple[str, dict[str, Any], type[openai.APIStatusError], str, str]] = [
    ("model", {"model": "gpt-4o"}, openai.NotFoundError, "model_not_found", "does not exist"),
    ("collection", {"model": "footnote/none"}, openai.NotFoundError, "model_not_found", "collection"),
    ("no messages", {"messages": []}, openai.BadRequestError, "invalid_input", "messages"),
    (
        "no question",
        {"messages": [{"role": "system", "content": "x"}]},
        openai.BadRequestError,
        "invalid_input",
        "last",
    ),
    ("long", {"messages": _said("x" * 5000)}, openai.BadRequestError, "invalid_input", "5,000"),
    ("n", {"n": 2}, openai.BadRequestError, "invalid_input", "n:"),
    (
        "tools",
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        openai.BadRequestError,
        "invalid_input",
        "tools",
    ),
    (
        "format",
        {"response_format": {"type": "json_object"}},
        openai.BadRequestError,
        "invalid_input",
        "response_format",
    ),
]


async def test_wrong_requests_have_openais_shape(client: Any, world: Any, subtests: pytest.Subtests) -> None:
    for name, change, kind, code, words in WRONG:
        with subtests.test(name):
            with pytest.raises(kind) as caught:
                await client.chat.completions.create(**{"model": "footnote", "messages": _said("x"), **change})
            assert caught.value.code == code
            assert words in caught.value.message
            assert caught.value.body["request_id"] == caught.value.response.headers["x-request-id"]


async def test_keys_are_bearer_tokens(keyed: Any, ana: str) -> None:
    asked = {"model": "footnote", "messages": _said("leave?")}
    refused = await keyed.http.post("/v1/chat/completions", json=asked)
    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
    assert (await keyed.as_(ana).post("/v1/chat/completions", json=asked)).status_code == 200


async def test_a_failure_in_a_stream_reaches_the_client(client: Any, world: Any) -> None:
    await world.handbook()
    world.generator.error = GeneratorUnavailable("The generator does not answer.")
    stream = await client.chat.completions.create(model="footnote", messages=_said("How much leave?"), stream=True)
    with pytest.raises(openai.APIError, match="does not answer"):
        _ = [chunk async for chunk in stream]
    with pytest.raises(openai.InternalServerError) as caught:
        await client.chat.completions.create(model="footnote", messages=_said("How much leave?"))
    assert caught.value.status_code == 503
