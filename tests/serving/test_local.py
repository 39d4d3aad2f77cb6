"""The generator over a transformers model in this very process: held to the schema, heard as it writes, stopped."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import pytest_asyncio

from agents.answer import Answerer, AnswerRequest
from agents.prompting import answer_messages
from agents.settings import AgentSettings
from app.store.codec import dump_answer, load_answer
from bench.tiny_llama import build
from core.errors import DeadlineExceeded, GenerationInvalid, GeneratorUnavailable
from core.types import Message, Principal, SearchRequest, SearchResult, Source
from serving.local import LocalGenerator
from serving.local_files import digest_of
from serving.local_weights import load_weights
from serving.queue import QueuedGenerator
from serving.scored import ScoredGenerator
from tests.local_requests import ENDLESS, LONG, MOST, SHORT, request, settings
from tests.many_answers import BOUNDS, COUNT, are_held_to_their_schemas, hit

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def generator(random_model: Path) -> AsyncIterator[LocalGenerator]:
    """With two adapters, loaded once for all tests."""
    made = LocalGenerator(settings(random_model, adapters={name: random_model / name for name in "ab"}))
    await made.room(1)
    yield made
    await made.close()


# ---- what it writes -------------------------------------------------------------------------------------------------


@pytest.mark.timeout(900)
async def test_two_hundred_answers_are_valid_and_cite_only_what_was_offered_for_them(
    generator: LocalGenerator, word_embedder: Any
) -> None:
    queued = QueuedGenerator(generator, concurrency=1, waiting=COUNT)
    assert len(await are_held_to_their_schemas(queued, generator, word_embedder)) > 50


async def test_an_answer_keeps_how_sure_the_model_was_of_it(generator: LocalGenerator, word_embedder: Any) -> None:
    class Handbook:
        async def search(self, request: SearchRequest) -> SearchResult:
            return SearchResult(hits=(hit(1, "Employees receive 28 days of leave a year."),), timings_ms={})

    settings = AgentSettings(output=BOUNDS, max_tokens=2_048, generate_seconds=100)
    scored = ScoredGenerator(generator, share=1.0, alternatives=10)
    for written, told in ((scored, True), (generator, False)):
        answerer = Answerer(Handbook(), written, word_embedder, settings, window=generator)
        answer = await answerer.answer(AnswerRequest(id="a", question="How long?", principal=Principal(id="ana")))
        assert (answer.usage.mean_entropy is not None) == told
        assert (answer.usage.scored_tokens > 0) == told
        assert load_answer(dump_answer(answer)).usage == answer.usage, "it is kept with the answer"


async def test_words_arrive_one_after_another_and_are_counted(generator: LocalGenerator) -> None:
    asked = request(LONG, messages=answer_messages("Why?", []))
    pieces = [piece async for piece in generator.stream(asked)]
    final = pieces[-1].final
    assert final is not None
    assert len(pieces) > 50
    assert "".join(piece.text for piece in pieces) == final.text
    assert all(piece.text for piece in pieces[:-1])
    assert "\ufffd" not in final.text  # no character was cut in two
    jsonschema.validate(json.loads(final.text), LONG)
    assert final.usage.prompt_tokens == await generator.count(asked.messages)
    assert final.usage.completion_tokens >= len(pieces) - 1


async def test_another_temperature_is_another_answer(generator: LocalGenerator) -> None:
    said = {(await generator.complete(request(temperature=1.0))).text for _ in range(3)}
    assert len(said) > 1
    for text in said:
        jsonschema.validate(json.loads(text), SHORT)


async def test_the_base_and_each_adapter_answer_by_name_and_differently(generator: LocalGenerator) -> None:
    said = [await generator.complete(request(adapter=name)) for name in (None, "a", "b", None, "base")]
    assert [each.generator.adapter for each in said] == [None, "a", "b", None, None]
    assert len({each.text for each in said}) == 3
    assert said[0].text == said[3].text == said[4].text
    assert {each.generator.fingerprint for each in said} == {generator.info.fingerprint}
    with pytest.raises(GeneratorUnavailable, match="no adapter 'c'; there is a, b, base"):
        await generator.complete(request(adapter="c"))


async def test_requests_of_different_adapters_at_once_do_not_mix(generator: LocalGenerator) -> None:
    names = [None, "a", "b"]
    alone = {name: (await generator.complete(request(adapter=name))).text for name in names}
    asked = [name for _ in range(5) for name in names]
    said = await asyncio.gather(*(generator.complete(request(adapter=name)) for name in asked))
    assert [each.text for each in said] == [alone[name] for name in asked]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing")
async def test_the_adapter_of_the_settings_answers_where_none_is_asked_for(
    random_model: Path, generator: LocalGenerator, tmp_path: Path
) -> None:
    # As PEFT itself saves one, which is what a trainer leaves behind.
    from peft import AutoPeftModelForCausalLM

    AutoPeftModelForCausalLM.from_pretrained(str(random_model / "b")).save_pretrained(str(tmp_path / "saved"))
    other = LocalGenerator(settings(random_model, adapters={"hr@1.2": tmp_path / "saved"}, adapter="hr@1.2"))
    said = await other.complete(request())
    assert said.generator == other.info
    assert said.generator.adapter == "hr@1.2"
    assert said.generator.fingerprint != generator.info.fingerprint  # which tells of all adapters
    assert said.text == (await generator.complete(request(adapter="b"))).text
    assert (await other.complete(request(adapter="base"))).text == (await generator.complete(request())).text
    await other.close()


@pytest.mark.parametrize(("kind", "name"), [("quantization", "int8"), ("quantization", "int4"), ("dtype", "bfloat16")])
async def test_smaller_weights_take_less_and_are_held_to_the_schema_too(
    random_model: Path, kind: str, name: str
) -> None:
    given = settings(random_model, adapters={"a": random_model / "a"}, **{kind: name})
    sizes = [
        load_weights(each, random_model / "base").model.get_memory_footprint()
        for each in (given, settings(random_model))
    ]
    assert sizes[0] < sizes[1]
    made = LocalGenerator(given)
    said = [await made.complete(request(adapter=name)) for name in ("base", "a")]
    for each in said:
        jsonschema.validate(json.loads(each.text), SHORT)
        assert f"-{name}" in each.generator.fingerprint
    assert said[0].text != said[1].text
    await made.close()


async def test_a_vocabulary_longer_than_the_tokenizers_is_masked_to_its_end(random_model: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    base = shutil.copytree(random_model / "base", tmp_path / "base")
    config = LlamaConfig.from_pretrained(base)
    config.vocab_size += 100  # as many models are padded, for their GPU's sake
    LlamaForCausalLM(config).save_pretrained(base)
    made = LocalGenerator(settings(tmp_path))
    for _ in range(5):
        jsonschema.validate(json.loads((await made.complete(request(temperature=1.0))).text), SHORT)
    await made.close()


async def test_a_template_without_a_system_role_gets_its_words_in_the_next_message(
    random_model: Path, generator: LocalGenerator, tmp_path: Path
) -> None:
    base = shutil.copytree(random_model / "base", tmp_path / "base")
    template = base / "chat_template.jinja"
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    template.write_text(refusing + template.read_text())
    made = LocalGenerator(settings(tmp_path))
    asked = request(messages=(Message(role="system", content="Be brief."), Message(role="user", content="Why?")))
    joined = request(messages=(Message(role="user", content="Be brief.\n\nWhy?"),))
    assert (await made.complete(asked)).text == (await generator.complete(joined)).text
    await made.close()


async def test_the_fingerprint_is_that_of_the_files(random_model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(random_model / "base", tmp_path / "copy")
    same = digest_of(random_model / "base", lambda: False)
    assert digest_of(copy, lambda: False) == same
    weights = copy / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert digest_of(copy, lambda: False) != same


# ---- who leaves, and who waits --------------------------------------------------------------------------------------


def given_up(caplog: pytest.LogCaptureFixture) -> list[int]:
    """How many tokens were written of each output that nobody waited for any more."""
    return [int(found) for found in re.findall(r"given up after (\d+) tokens", caplog.text)]


async def test_who_leaves_frees_the_model(generator: LocalGenerator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "footnote.generator")
    async with aclosing(generator.stream(request(ENDLESS))) as stream:
        await anext(stream)
    await generator.idle()
    assert len(given_up(caplog)) == 1
    begun = asyncio.Event()

    async def listen() -> None:
        async for _ in generator.stream(request(ENDLESS)):
            begun.set()

    task = asyncio.create_task(listen())
    await begun.wait()
    waiting = asyncio.create_task(generator.complete(request()))  # not begun: the model is busy
    await asyncio.sleep(0)
    for each in (waiting, task):
        each.cancel()
    await asyncio.gather(waiting, task, return_exceptions=True)
    await generator.idle()
    assert len(given_up(caplog)) == 2
    assert max(given_up(caplog)) < MOST - 1_000


async def test_a_deadline_stops_it(generator: LocalGenerator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "footnote.generator")
    with pytest.raises(DeadlineExceeded):
        await generator.complete(request(ENDLESS, timeout=0.5))
    await generator.idle()
    (count,) = given_up(caplog)
    assert count < MOST - 1_000


async def test_a_long_prompt_is_not_read_to_its_end_for_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build(tmp_path / "base", layers=6)
    made = LocalGenerator(settings(tmp_path))
    await made.room(1)
    caplog.set_level(logging.INFO, "footnote.generator")
    long = (Message(role="user", content="word " * 3_500),)  # 7,000 tokens
    with pytest.raises(DeadlineExceeded):
        await made.complete(request(messages=long, max_tokens=100, timeout=0.1))
    await made.idle()
    assert given_up(caplog) in ([0], [])  # none where it was not even begun
    await made.close()


async def test_others_get_their_turn_while_it_writes(generator: LocalGenerator) -> None:
    turns = 0
    task = asyncio.create_task(generator.complete(request(LONG)))
    while not task.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 20
    await task


async def test_questions_wait_for_a_model_that_is_being_loaded(random_model: Path) -> None:
    made = LocalGenerator(settings(random_model))
    await made.check()
    assert made.info.fingerprint == "base"
    made.begin()
    with pytest.raises(GeneratorUnavailable, match="being loaded"):
        await made.check()
    with pytest.raises(GeneratorUnavailable, match="being loaded"):
        await made.complete(request(timeout=0.001))
    said = await made.complete(request())
    await made.check()
    assert said.generator == made.info
    assert re.fullmatch(r"base:[0-9a-f]{16}-float32", made.info.fingerprint)
    stream = made.stream(request(ENDLESS))
    await anext(stream)
    await made.close()
    with pytest.raises(GeneratorUnavailable, match="was closed"):
        async for _ in stream:
            pass
    with pytest.raises(GeneratorUnavailable, match="was closed"):
        await made.complete(request())


# ---- what it cannot do ----------------------------------------------------------------------------------------------


async def test_what_does_not_fit_the_window_is_an_error_and_not_an_answer(generator: LocalGenerator) -> None:
    source = Source(id="1", chunk_id="c", document_id="d", version_id="v", title="T", text="word " * 20_000)
    with pytest.raises(GeneratorUnavailable, match="no room"):
        await generator.complete(request(messages=answer_messages("Why?", [source])))
    with pytest.raises(GenerationInvalid, match="limit of 20 tokens"):
        await generator.complete(request(LONG, max_tokens=20))
    with pytest.raises(GeneratorUnavailable, match="cannot be held"):
        await generator.complete(request({**SHORT, "properties": {"text": {"not": {"type": "string"}}}}))
    assert await generator.room(1_000) == 7_192
    await generator.check()
    jsonschema.validate(json.loads((await generator.complete(request())).text), SHORT)
