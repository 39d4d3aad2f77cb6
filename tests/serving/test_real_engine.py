"""The generator over a real vLLM with a model of random weights: whatever it would say, it is held to the schema.

The main of it holds over a trained model in eight bits, too; `test_quantized_engine.py` is about what that one says.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from safetensors.torch import load_file, save_file

from agents.answer import Answerer, AnswerRequest
from agents.prompting import answer_messages
from agents.schema import answer_schema
from agents.settings import AgentSettings
from core.errors import ConfigurationError, Conflict, GenerationInvalid, GeneratorUnavailable, NotFound, Unavailable
from core.types import GenerationRequest, Message, Principal, SearchRequest, SearchResult, Source
from serving.adapters import EngineAdapters
from serving.openai_compatible import OpenAICompatibleGenerator
from serving.queue import QueuedGenerator
from tests.engine_process import Engine
from tests.many_answers import BOUNDS, COUNT, are_held_to_their_schemas, hit

LONG = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 1_500, "maxLength": 2_000}},
    "required": ["text"],
    "additionalProperties": False,
}
"""Whatever the model would like to say, it has to go on for a while."""
LONGER = {**LONG, "properties": {"text": {"type": "string", "minLength": 3_000, "maxLength": 3_200}}}
ENDLESS = {**LONG, "properties": {"text": {"type": "string", "minLength": 9_000, "maxLength": 9_999}}}
"""For what is cut off."""

pytestmark = pytest.mark.slow


@pytest.fixture
async def generator(engine: Engine) -> AsyncIterator[OpenAICompatibleGenerator]:
    made = OpenAICompatibleGenerator(engine.endpoint())
    yield made
    await made.close()


@pytest.fixture(params=["engine", "trained_engine"])
def either_engine(request: pytest.FixtureRequest) -> Engine:
    """The engine with a model of random weights, and the one with a trained model in eight bits."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture
async def of_either(either_engine: Engine) -> AsyncIterator[OpenAICompatibleGenerator]:
    made = OpenAICompatibleGenerator(either_engine.endpoint())
    yield made
    await made.close()


def long_request(adapter: str | None = None, schema: dict[str, Any] = LONG) -> GenerationRequest:
    return GenerationRequest(
        task="answer",
        messages=(Message(role="user", content="Tell a story."),),
        schema=schema,
        question="",
        adapter=adapter,
        max_tokens=6_000,
        timeout=200,
    )


async def test_two_hundred_answers_are_valid_and_cite_only_what_was_offered_for_them(
    of_either: OpenAICompatibleGenerator, word_embedder: Any, request: pytest.FixtureRequest
) -> None:
    queued = QueuedGenerator(of_either, concurrency=32, waiting=COUNT)
    outputs = await are_held_to_their_schemas(queued, of_either, word_embedder)
    if request.node.callspec.params["either_engine"] == "engine":  # the other one has learned when to say nothing
        assert len(outputs) > 50


async def test_words_arrive_one_after_another_and_are_counted(generator: OpenAICompatibleGenerator) -> None:
    request = replace(long_request(), messages=answer_messages("Why?", []))
    counted = await generator.count(request.messages)
    pieces = [piece async for piece in generator.stream(request)]
    final = pieces[-1].final
    assert final is not None
    assert len(pieces) > 100
    assert "".join(piece.text for piece in pieces) == final.text
    jsonschema.validate(json.loads(final.text), LONG)
    assert final.usage.prompt_tokens == counted
    assert final.usage.completion_tokens >= len(pieces) - 1
    assert final.generator.fingerprint.startswith("tiny:vllm")


async def test_it_tells_how_sure_it_is_of_each_token(generator: OpenAICompatibleGenerator) -> None:
    request = replace(long_request(), max_tokens=4_000)
    plain = await generator.complete(request)
    told = (await generator.complete(replace(request, alternatives=20))).usage
    assert plain.usage.mean_entropy is None
    assert told.completion_tokens - 1 <= told.scored_tokens <= told.completion_tokens
    ten = (await generator.complete(replace(request, alternatives=10))).usage
    assert told.mean_entropy is not None
    assert ten.mean_entropy is not None
    assert 0 < ten.mean_entropy < told.mean_entropy <= math.log(22), "the more alternatives, the nearer to the whole"


async def test_the_base_and_each_adapter_answer_by_name_and_differently(of_either: OpenAICompatibleGenerator) -> None:
    short = {"type": "string", "minLength": 40, "maxLength": 60}
    schema = {**LONG, "properties": {"text": short}}
    said = [await of_either.complete(long_request(name, schema)) for name in (None, "a", "b", None)]
    assert [each.generator.adapter for each in said] == [None, "a", "b", None]
    assert len({each.text for each in said}) == 3
    assert said[0].text == said[3].text
    with pytest.raises(GeneratorUnavailable, match="404"):
        await of_either.complete(long_request("c"))


async def test_who_leaves_frees_the_engine(engine: Engine, generator: OpenAICompatibleGenerator) -> None:
    most = 1_500  # tokens; the whole would be more than 2,000
    before = engine.written()
    async with aclosing(generator.stream(long_request(schema=ENDLESS))) as stream:
        await anext(stream)
    assert await asyncio.to_thread(engine.idle)
    left = engine.written()
    assert before < left < before + most
    task = asyncio.create_task(generator.complete(long_request(schema=ENDLESS)))
    while await asyncio.to_thread(engine.written) == left:
        assert not task.done()
    task.cancel()
    assert await asyncio.to_thread(engine.idle)
    assert engine.written() < left + most


async def test_only_so_many_are_at_the_engine_at_a_time(engine: Engine, generator: OpenAICompatibleGenerator) -> None:
    queued = QueuedGenerator(generator, concurrency=2, waiting=10)
    tasks = [asyncio.create_task(queued.complete(long_request(schema=ENDLESS))) for _ in range(5)]
    seen = [0.0]
    while seen.count(2) < 3:
        assert not any(task.done() for task in tasks)
        seen.append(await asyncio.to_thread(engine.running))
    assert max(seen) == 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (queued.running, queued.waiting) == (0, 0)
    assert await asyncio.to_thread(engine.idle)


async def test_the_prompt_is_packed_to_the_models_window(engine: Engine, word_embedder: Any) -> None:
    generator = OpenAICompatibleGenerator(engine.endpoint(window=1_400))

    class Wordy:
        async def search(self, request: SearchRequest) -> SearchResult:
            hits = tuple(hit(n, f"Überlänge {n}: " + "every word is a token or two. " * 20) for n in range(1, 9))
            return SearchResult(hits=hits, timings_ms={})

    settings = AgentSettings(output=BOUNDS, max_tokens=256, generate_seconds=100)
    answer = await Answerer(Wordy(), generator, word_embedder, settings, window=generator).answer(
        AnswerRequest(id="a", question="How long?", principal=Principal(id="ana"))
    )
    assert 1 <= len(answer.sources) < 8
    assert answer.degraded == ("context_cut",)
    assert 700 < answer.usage.prompt_tokens <= 1_400 - 256
    await generator.close()


async def test_what_the_engine_refuses_is_an_error_and_not_an_answer(generator: OpenAICompatibleGenerator) -> None:
    source = Source(id="1", chunk_id="c", document_id="d", version_id="v", title="T", text="word " * 20_000)
    request = GenerationRequest(
        task="answer",
        messages=answer_messages("Why?", [source]),
        schema=answer_schema(["1"], BOUNDS),
        question="Why?",
        timeout=60,
    )
    with pytest.raises(GeneratorUnavailable, match="400"):
        await generator.complete(request)
    with pytest.raises(GenerationInvalid, match="limit of 20 tokens"):
        await generator.complete(replace(long_request(), max_tokens=20))
    await generator.check()


async def test_adapters_are_loaded_drained_and_unloaded_by_names_that_keep_their_meaning(
    engine: Engine, generator: OpenAICompatibleGenerator, tmp_path: Path
) -> None:
    short = {"type": "string", "minLength": 40, "maxLength": 60}
    schema = {**LONG, "properties": {"text": short}}
    adapters = EngineAdapters([engine.endpoint()])
    folder = shutil.copytree(engine.folder / "a", tmp_path / "one")
    name = await adapters.load("leave", folder)
    assert re.fullmatch(r"leave@[0-9a-f]{16}", name)
    assert await adapters.load("leave", folder) == name
    assert await adapters.names() == {"a", "b", name}
    said = await generator.complete(long_request(name, schema))
    assert said.text != (await generator.complete(long_request(None, schema))).text

    (folder / "adapter_model.safetensors").write_bytes((engine.folder / "b" / "adapter_model.safetensors").read_bytes())
    second = await adapters.load("leave", folder)  # other weights: another name, both are served
    assert second != name
    with pytest.raises(Conflict, match="Unload it"):
        await adapters.load("leave", shutil.copytree(folder, tmp_path / "two"))

    task = asyncio.create_task(generator.complete(long_request(name, LONGER)))
    while await asyncio.to_thread(engine.running) == 0:
        assert not task.done()
    await adapters.unload(second)  # nobody asks for this one
    with pytest.raises(Unavailable, match="still being written"):
        await adapters.unload(name, seconds=0.1)
    unloading = asyncio.create_task(adapters.unload(name))
    jsonschema.validate(json.loads((await task).text), LONGER)
    await unloading
    assert await adapters.names() == {"a", "b"}
    with pytest.raises(GeneratorUnavailable, match="404"):
        await generator.complete(long_request(name, schema))
    with pytest.raises(NotFound):
        await adapters.unload(name)
    await adapters.close()


async def test_what_one_engine_does_not_take_none_keeps(engine: Engine, tmp_path: Path) -> None:
    adapters = EngineAdapters([engine.endpoint()])
    broken = shutil.copytree(engine.folder / "a", tmp_path / "broken")
    (broken / "adapter_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(GeneratorUnavailable):
        await adapters.load("leave", broken)
    idle = shutil.copytree(engine.folder / "a", tmp_path / "idle")
    weights = load_file(idle / "adapter_model.safetensors")
    save_file({name: 0 * weight for name, weight in weights.items()}, idle / "adapter_model.safetensors")
    with pytest.raises(ConfigurationError, match="changes nothing"):
        await adapters.load("leave", idle)
    with pytest.raises(ConfigurationError, match="adapter_config"):
        await adapters.load("leave", tmp_path)
    with pytest.raises(ConfigurationError, match="title"):
        await adapters.load("le/ave", broken)
    away = EngineAdapters([engine.endpoint(), engine.endpoint(base_url="http://127.0.0.1:9/v1")])
    with pytest.raises(GeneratorUnavailable):
        await away.load("leave", engine.folder / "b")
    assert await adapters.names() == {"a", "b"}
    for each in (adapters, away):
        await each.close()


def test_it_exports_what_the_dashboard_and_the_alarms_ask_for(engine: Engine) -> None:
    asked = (Path(__file__).parents[1] / "data/engine_metrics.txt").read_text().split()
    exported = set(re.findall(r"^(vllm:\w+)[{ ]", engine.metrics(), re.MULTILINE))
    assert set(asked) - exported == set()
