"""The fixed policy of the generator without a model: which action follows which, always under the schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest

from core.types import GenerationRequest, Source, Step
from serving.extractive import ExtractiveGenerator
from serving.settings import ExtractiveSettings

LEAVE = "Leave is requested by mail. Employees in Germany receive 28 days of paid leave per year."
CANTEEN = "The canteen is closed in August. Soup is served on Fridays."


def strings(**lengths: int) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "maxLength": longest} for name, longest in lengths.items()},
        "required": list(lengths),
        "additionalProperties": False,
    }


TOOLS = {
    "search_documents": strings(query=200),
    "read_document": strings(document_id=64),
    "calculate": strings(expression=300),
    "list_documents": {"type": "object", "properties": {}, "additionalProperties": False},
    "researcher": strings(task=100),
    "coder": strings(task=100),
}


def schema(tools: Sequence[str], ids: Sequence[str]) -> dict[str, Any]:
    statement = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": 200},
            "sources": {"type": "array", "items": {"enum": list(ids)}, "minItems": 1, "maxItems": 3},
        },
        "required": ["text", "sources"],
        "additionalProperties": False,
    }
    answer = {
        "type": "object",
        "properties": {
            "answerable": {"type": "boolean"},
            "statements": {"type": "array", "items": statement, "maxItems": 4 if ids else 0},
        },
        "required": ["answerable", "statements"],
        "additionalProperties": False,
    }
    actions = [{"tool": {"enum": [name]}, "arguments": TOOLS[name]} for name in tools]
    actions.append({"tool": {"enum": ["answer"]}, "answer": answer})
    return {
        "type": "object",
        "properties": {
            "thought": {"type": "string", "maxLength": 60},
            "action": {
                "anyOf": [
                    {"type": "object", "properties": each, "required": list(each), "additionalProperties": False}
                    for each in actions
                ]
            },
        },
        "required": ["thought", "action"],
        "additionalProperties": False,
    }


def passage(number: int, text: str, **rest: Any) -> Source:
    return Source(
        id=str(number),
        chunk_id=f"c{number}",
        document_id=f"d{number}",
        version_id="v",
        title="Handbook",
        text=text,
        **rest,
    )


def result(number: int, text: str, step: int) -> Source:
    return Source(id=str(number), chunk_id="", document_id="", version_id="", title="a tool", text=text, step=step)


def step(number: int, tool: str, failure: str | None = None, **arguments: Any) -> Step:
    return Step(number=number, agent="assistant", tool=tool, arguments=arguments, status="done", failure=failure)


class Case:
    """Asks for the next step and holds what comes against the schema."""

    def __init__(self, generator: ExtractiveGenerator) -> None:
        self._generator = generator

    async def __call__(
        self, question: str, tools: Sequence[str], sources: Sequence[Source] = (), steps: Sequence[Step] = ()
    ) -> dict[str, Any]:
        allowed = schema(tools, [each.id for each in sources])
        request = GenerationRequest(
            task="step",
            messages=(),
            schema=allowed,
            question=question,
            sources=tuple(sources),
            steps=tuple(steps),
            timeout=30,
        )
        written = json.loads((await self._generator.complete(request)).text)
        jsonschema.validate(written, allowed)
        action: dict[str, Any] = written["action"]
        return action


@pytest.fixture
def act(word_embedder: Any) -> Case:
    return Case(ExtractiveGenerator(word_embedder, ExtractiveSettings()))


SEARCHING = ("search_documents", "read_document", "calculate", "list_documents")
QUESTION = "How many days of paid leave do employees in Germany receive?"


async def test_it_searches_first(act: Case) -> None:
    action = await act(QUESTION, SEARCHING)
    assert action == {"tool": "search_documents", "arguments": {"query": QUESTION}}


async def test_it_answers_from_what_was_found_with_its_source(act: Case) -> None:
    action = await act(QUESTION, SEARCHING, [passage(3, LEAVE)], [step(1, "search_documents", query=QUESTION)])
    assert action["tool"] == "answer"
    assert action["answer"]["answerable"] is True
    assert "28 days" in action["answer"]["statements"][0]["text"]
    assert action["answer"]["statements"][0]["sources"] == ["3"]


async def test_it_searches_once_more_reads_and_then_says_that_it_is_not_there(act: Case) -> None:
    found = [passage(1, CANTEEN, score=0.3, page=2)]
    steps = [step(1, "search_documents", query=QUESTION)]
    action = await act(QUESTION, SEARCHING, found, steps)
    assert action["tool"] == "search_documents"
    assert action["arguments"]["query"] == "days paid leave employees Germany receive"
    steps.append(step(2, action["tool"], **action["arguments"]))
    action = await act(QUESTION, SEARCHING, found, steps)
    assert action == {"tool": "read_document", "arguments": {"document_id": "d1"}}
    steps.append(step(3, action["tool"], **action["arguments"]))
    action = await act(QUESTION, SEARCHING, found, steps)
    assert action == {"tool": "answer", "answer": {"answerable": False, "statements": []}}


async def test_what_failed_is_not_tried_again(act: Case) -> None:
    steps = [step(n, "search_documents", "failed", query=str(n)) for n in (1, 2)]
    assert (await act(QUESTION, SEARCHING, (), steps))["tool"] == "answer"


async def test_arithmetic_is_worked_out_and_cited(act: Case) -> None:
    action = await act("What is 12 * 7?", SEARCHING)
    assert action == {"tool": "calculate", "arguments": {"expression": "12 * 7"}}
    done = [step(1, "calculate", expression="12 * 7")]
    action = await act("What is 12 * 7?", SEARCHING, [result(1, "12 * 7 = 84", 1)], done)
    assert action["answer"]["statements"] == [{"text": "12 * 7 = 84", "sources": ["1"]}]


async def test_a_sum_that_cannot_be_worked_out_ends_in_no_answer(act: Case) -> None:
    nobody = await act("What is 12 * 7?", ("search_documents", "read_document"))
    assert (nobody["tool"], nobody["answer"]["answerable"]) == ("answer", False), "no passage is arithmetic"
    failed = [step(1, "calculate", "refused", expression="1 / 0")]
    assert (await act("What is 1 / 0?", ("calculate",), (), failed))["answer"]["answerable"] is False


async def test_who_has_no_tools_hands_the_task_on_once(act: Case) -> None:
    helpers = ("coder", "researcher")
    assert await act(QUESTION, helpers) == {"tool": "researcher", "arguments": {"task": QUESTION}}
    assert (await act("What is 2 + 2?", helpers))["tool"] == "coder"
    done = [step(1, "coder", task="What is 2 + 2?")]
    action = await act("What is 2 + 2?", helpers, [result(1, "2 + 2 = 4", 2)], done)
    assert action["answer"]["statements"][0]["text"] == "2 + 2 = 4"
    done = [step(1, "researcher", task=QUESTION)]
    action = await act(QUESTION, helpers, [passage(1, LEAVE)], done)
    assert action["answer"]["answerable"] is True
    assert (await act(QUESTION, helpers, (), done))["answer"]["answerable"] is False


async def test_with_nothing_but_an_answer_left_it_answers(act: Case) -> None:
    assert (await act("What is 2 + 2?", ()))["answer"]["answerable"] is False
    assert (await act(QUESTION, (), [passage(1, LEAVE)]))["answer"]["answerable"] is True


async def test_long_words_keep_to_the_schema(act: Case) -> None:
    action = await act("leave " * 200, SEARCHING)
    assert len(action["arguments"]["query"]) <= 200


async def test_the_critic_without_a_model_has_nothing_to_add(word_embedder: Any) -> None:
    request = GenerationRequest(task="critique", messages=(), schema={}, question="?")
    written = await ExtractiveGenerator(word_embedder, ExtractiveSettings()).complete(request)
    assert json.loads(written.text) == {"accept": True, "reasons": []}
