"""The wire to a model's server, over a scripted server on loopback: time limits, retries, refusals, broken streams."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.errors import (
    DeadlineExceeded,
    FootnoteError,
    GenerationInvalid,
    GeneratorMissing,
    GeneratorRefused,
    GeneratorUnavailable,
)
from core.types import GenerationRequest, Message
from serving.openai_compatible import OpenAICompatibleGenerator
from serving.settings import EndpointSettings

SCHEMA = {"type": "object", "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 9}}}
Step = str | float | None
"""A server's line, seconds of silence, or the connection's sudden end."""


def words(*pieces: str, finish: str | None = "stop", done: bool = True) -> list[Step]:
    """The lines of a stream."""
    chunks: list[dict[str, Any]] = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    if finish:
        chunks.append({"choices": [{"delta": {}, "finish_reason": finish}], "system_fingerprint": "fp1"})
    chunks.append({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": len(pieces)}})
    lines: list[Step] = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return [": a comment\n\n", *lines, *(["data: [DONE]\n\n"] if done else [])]


@dataclass
class Host:
    """Plays one script a connection: a status, then steps."""

    scripts: list[tuple[int, Sequence[Step]] | None] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.requests.append((head[0], headers, json.loads(body) if body else None))
            script = self.scripts.pop(0)
            if script is not None:
                status, steps = script
                writer.write(f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n".encode())
                await self._play(reader, writer, steps)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, steps: Sequence[Step]) -> None:
        for step in steps:
            if step is None:
                writer.transport.abort()
            elif isinstance(step, float):
                try:
                    if not await asyncio.wait_for(reader.read(1), step):
                        self.left.set()
                        return
                except TimeoutError:
                    pass
            else:
                writer.write(step.encode())
                await writer.drain()


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = Host()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield made
    server.close()


Make = Callable[..., OpenAICompatibleGenerator]


@pytest.fixture
async def make(host: Host) -> AsyncIterator[Make]:
    made: list[OpenAICompatibleGenerator] = []

    def build(**settings: Any) -> OpenAICompatibleGenerator:
        given = {"base_url": host.url, "model": "m", **settings}
        made.append(OpenAICompatibleGenerator(EndpointSettings(**given)))
        return made[-1]

    yield build
    for each in made:
        await each.close()


def asked(**rest: Any) -> GenerationRequest:
    given = {"timeout": 10.0, "messages": (Message(role="user", content="Why \ud800?"),), **rest}
    return GenerationRequest(task="answer", schema=SCHEMA, question="Why?", **given)


async def test_what_is_sent_and_what_comes_back(host: Host, make: Make) -> None:
    host.scripts = [(200, words('{"te', 'xt": "é"}'))]
    generator = make(api_key="sk-secret", extra={"seed": 7})
    found = [delta async for delta in generator.stream(asked(max_tokens=99, scope="hr", adapter="a@1"))]
    assert [delta.text for delta in found] == ['{"te', 'xt": "é"}', ""]
    final = found[-1].final
    assert final is not None
    assert final.text == '{"text": "é"}'
    assert (final.usage.prompt_tokens, final.usage.completion_tokens) == (11, 2)
    assert (final.generator.name, final.generator.fingerprint, final.generator.adapter) == ("m", "m:fp1", "a@1")
    line, headers, body = host.requests[0]
    assert line == "POST /v1/chat/completions HTTP/1.1"
    assert headers["authorization"] == "bearer sk-secret"
    assert body == {
        "model": "a@1",
        "messages": [{"role": "user", "content": "Why ??"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
        },
        "max_tokens": 99,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": 7,
    }


async def test_only_vllm_is_told_who_may_share_its_cache(host: Host, make: Make) -> None:
    host.scripts = [(200, words("{}")) for _ in range(3)]
    for scope in ("hr", "hr", "it"):
        await make(flavour="vllm").complete(asked(scope=scope))
    salts = [body["cache_salt"] for _, _, body in host.requests]
    assert salts[0] == salts[1] != salts[2]
    assert "hr" not in salts[0]


async def test_lengths_and_the_limits_name_are_as_the_server_wants_them(host: Host, make: Make) -> None:
    host.scripts = [(200, words("{}"))]
    await make(string_lengths=False, max_tokens_field="max_completion_tokens").complete(asked(max_tokens=5))
    body = host.requests[0][2]
    assert body["response_format"]["json_schema"]["schema"]["properties"] == {"text": {"type": "string"}}
    assert (body["max_completion_tokens"], "max_tokens" in body) == (5, False)


async def test_a_failed_connection_is_tried_again(host: Host, make: Make) -> None:
    host.scripts = [None, None, (200, words("{}"))]
    assert (await make(retries=2).complete(asked())).text == "{}"
    host.scripts = [None, None]
    with pytest.raises(GeneratorUnavailable, match="cannot be reached"):
        await make(retries=1).complete(asked())
    assert not host.scripts


async def test_nobody_there_is_said_so(make: Make) -> None:
    with pytest.raises(GeneratorUnavailable, match="FOOTNOTE_SERVING__ENDPOINT__BASE_URL"):
        await make(base_url="http://127.0.0.1:9/v1", retries=0).complete(asked())
    with pytest.raises(GeneratorUnavailable, match="cannot be reached"):
        await make(base_url="http://127.0.0.1:9/v1", retries=0).check()


@pytest.mark.parametrize(
    "steps",
    [
        [*words('{"a', finish=None, done=False), None],
        words('{"a', finish=None, done=False),
        words('{"a', finish=None),
        [*words('{"a', finish=None, done=False), 'data: {"error": {"message": "engine died", "code": 500}}\n\n'],
    ],
    ids=["reset", "end", "no-finish", "error-event"],
)
async def test_a_stream_that_breaks_off_is_not_begun_again(host: Host, make: Make, steps: list[Step]) -> None:
    host.scripts = [(200, steps), (200, words("{}"))]
    with pytest.raises(GeneratorUnavailable, match="broke off"):
        await make().complete(asked())
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "API_KEY"), (404, "MODEL"), (400, "log"), (429, "again"), (503, "again")],
)
async def test_a_refusal_says_what_to_do_and_keeps_the_servers_words(
    host: Host, make: Make, caplog: pytest.LogCaptureFixture, status: int, advice: str
) -> None:
    host.scripts = [(status, ['{"error": "the inside story"}'])]
    with pytest.raises(GeneratorUnavailable, match=advice) as raised:
        await make().complete(asked())
    assert isinstance(raised.value, GeneratorRefused) == (status in (400, 404))  # those are about the request
    assert isinstance(raised.value, GeneratorMissing) == (status == 404)
    assert "inside story" not in raised.value.message
    assert "inside story" in caplog.text
    assert len(host.requests) == 1


async def test_silence_before_the_first_word_is_bounded(host: Host, make: Make) -> None:
    host.scripts = [(200, [60.0])]
    with pytest.raises(DeadlineExceeded):
        await make(first_token_seconds=0.3).complete(asked(timeout=60))
    await asyncio.wait_for(host.left.wait(), 5)


async def test_the_whole_is_bounded_however_it_trickles(host: Host, make: Make) -> None:
    trickle = [step for line in words(*"abcdefgh", finish=None) for step in (line, 0.05)]
    host.scripts = [(200, [*trickle, 60.0])]
    with pytest.raises(DeadlineExceeded):
        await make(first_token_seconds=10).complete(asked(timeout=0.3))
    await asyncio.wait_for(host.left.wait(), 5)


async def test_leaving_a_stream_closes_its_connection(host: Host, make: Make) -> None:
    host.scripts = [(200, [*words("a", "b", finish=None, done=False), 60.0])]
    async with aclosing(make().stream(asked())) as stream:
        assert (await anext(stream)).text == "a"
    await asyncio.wait_for(host.left.wait(), 5)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (words('{"text": "', finish="length"), "limit of 1,024 tokens"),
        (words("{", *[" \n" * 30] * 9), "white space"),
        (['data: {"choices": [{"delta": {"refusal": "No."}}]}\n\n'], "refused to answer"),
    ],
)
async def test_what_cannot_be_an_answer_is_invalid(host: Host, make: Make, steps: list[Step], says: str) -> None:
    host.scripts = [(200, steps)]
    with pytest.raises(GenerationInvalid, match=says):
        await make().complete(asked())


async def test_what_is_no_such_server_is_said_so(host: Host, make: Make) -> None:
    host.scripts = [(200, ["data: <html>\n\n"]), (200, ["<html>"])]
    for call in (make().complete(asked()), make().check()):
        with pytest.raises(FootnoteError, match="OpenAI's protocol"):
            await call


@pytest.mark.parametrize("tokens", [-5, 10**400])
async def test_counts_that_are_none_are_refused(host: Host, make: Make, tokens: int) -> None:
    usage = json.dumps({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": tokens}})
    host.scripts = [(200, [f"data: {usage}\n\n"])]
    with pytest.raises(GeneratorUnavailable, match="OpenAI's protocol"):
        await make().complete(asked())


async def test_short_calls_end_however_their_answer_trickles(
    host: Host, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = make()._endpoint
    drip: list[Step] = [piece for _ in range(200) for piece in ("x", 0.05)]
    host.scripts = [(200, drip), (200, ["[" * 100_000]), (200, ["x" * 2_000])]
    with pytest.raises(GeneratorUnavailable, match="cannot be reached"):
        await endpoint.text("GET", "/models", None, 0.5)
    with pytest.raises(GeneratorUnavailable, match="OpenAI's protocol"):
        await endpoint.ask("GET", "/models", None, 5.0)
    monkeypatch.setattr("serving.endpoint._LONGEST", 1_000)
    with pytest.raises(GeneratorUnavailable, match="OpenAI's protocol"):
        await endpoint.text("GET", "/models", None, 5.0)


async def test_a_look_finds_the_model_or_names_those_there_are(host: Host, make: Make) -> None:
    listing = json.dumps({"data": [{"id": "m", "max_model_len": 4096}, {"id": "n"}]})
    host.scripts = [(200, [listing])] * 2
    await make().check()
    with pytest.raises(GeneratorUnavailable, match=r"it has m, n\. Set FOOTNOTE_SERVING__ENDPOINT__MODEL"):
        await make(model="x").check()


async def test_the_window_is_asked_of_vllm_once(host: Host, make: Make) -> None:
    host.scripts = [(200, [json.dumps({"data": [{"id": "m", "max_model_len": 4096}]})])]
    generator = make(flavour="vllm")
    assert [await generator.room(1000), await generator.room(96)] == [3096, 4000]
    assert await make().room(192) == 8000
    assert await make(window=2000).room(500) == 1500


async def test_tokens_are_vllms_count_or_at_least_as_many(host: Host, make: Make) -> None:
    host.scripts = [(200, ['{"count": 12, "tokens": []}']), (404, ["no"])]
    said = (Message(role="user", content="Grüße 😀"),)
    generator = make(flavour="vllm")
    assert await generator.count(said) == 12
    assert host.requests[0][0] == "POST /tokenize HTTP/1.1"
    assert await generator.count(said) == await make().count(said) >= len("Grüße 😀".encode())


async def test_an_outage_makes_no_prompt_too_long(make: Make) -> None:
    said = (Message(role="user", content="How many days of leave are there? " * 40),)
    whole = await make().count(said)
    away = make(flavour="vllm", base_url="http://127.0.0.1:9/v1", retries=0)
    assert whole / 4 < await away.count(said) < whole / 2


async def test_a_default_adapter_answers_unless_another_one_or_the_base_is_asked_for(host: Host, make: Make) -> None:
    generator = make(adapter="hr@1")
    assert generator.info.adapter == "hr@1"
    for asked_for, sent, told in ((None, "hr@1", "hr@1"), ("b@2", "b@2", "b@2"), ("m", "m", None)):
        host.scripts = [(200, words("{}"))]
        final = await generator.complete(asked(adapter=asked_for))
        assert (host.requests[-1][2]["model"], final.generator.adapter) == (sent, told)
    host.scripts = [(200, [json.dumps({"data": [{"id": "m"}]})])]
    with pytest.raises(GeneratorUnavailable, match="adapter 'hr@1'"):
        await generator.check()
    host.scripts = [(200, [json.dumps({"data": [{"id": "m"}, {"id": "hr@1"}]})])]
    await generator.check()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
async def test_an_event_ends_where_its_line_does_and_at_no_other_character(host: Host, make: Make, end: str) -> None:
    said = "one\u2028two\u2029three\x85four"
    chunk = {"choices": [{"delta": {"content": said}, "finish_reason": "stop"}]}
    line = json.dumps(chunk, ensure_ascii=False)
    host.scripts = [(200, [f"data: {line[:40]}", 0.01, f"{line[40:]}{end}{end}data: [DONE]{end}{end}"])]
    assert (await make().complete(asked())).text == said


def sure(piece: str, written: float, other: float) -> Step:
    """A piece whose one token is told of with another likely one."""
    listed = [{"token": piece, "logprob": written}, {"token": "?", "logprob": other}]
    told = {"content": [{"token": piece, "logprob": written, "top_logprobs": listed}]}
    return f"data: {json.dumps({'choices': [{'delta': {'content': piece}, 'logprobs': told}]})}\n\n"


async def test_how_sure_it_is_is_asked_for_and_told(host: Host, make: Make) -> None:
    host.scripts = [(200, [sure("{", math.log(0.5), math.log(0.5)), sure("}", 0.0, -9999.0), *words()])] * 2
    generator = make()
    usage = (await generator.complete(asked(alternatives=5))).usage
    body = host.requests[0][2]
    assert (body["logprobs"], body["top_logprobs"]) == (True, 5)
    assert usage.scored_tokens == 2
    assert usage.mean_entropy == pytest.approx(math.log(2) / 2)
    assert usage.mean_surprisal == pytest.approx(math.log(2) / 2)
    await generator.complete(asked())
    assert "logprobs" not in host.requests[1][2]


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_what_refuses_to_tell_is_asked_without_and_that_is_said_once(
    host: Host, make: Make, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    host.scripts = [(status, ["no logprobs here"]), (200, words("{}")), (200, words("{}"))]
    generator = make()
    for _ in range(2):
        final = await generator.complete(asked(alternatives=5))
        assert (final.text, final.usage.mean_entropy) == ("{}", None)
    assert ["logprobs" in body for _, _, body in host.requests] == [True, False, False]
    assert caplog.text.count("refuses `logprobs`") == 1


async def test_another_refusal_says_nothing_of_how_sure_it_can_be(host: Host, make: Make) -> None:
    host.scripts = [(400, ["too long"]), (400, ["too long"]), (200, [sure("{}", -1.0, -2.0), *words()])]
    generator = make()
    with pytest.raises(GeneratorRefused):
        await generator.complete(asked(alternatives=5))
    assert (await generator.complete(asked(alternatives=5))).usage.scored_tokens == 1
    assert ["logprobs" in body for _, _, body in host.requests] == [True, False, True]


async def test_what_breaks_off_is_not_asked_without(host: Host, make: Make) -> None:
    host.scripts = [(200, [sure("{", -1.0, -2.0), None])]
    with pytest.raises(GeneratorUnavailable, match="broke off"):
        await make().complete(asked(alternatives=5))
    assert len(host.requests) == 1
