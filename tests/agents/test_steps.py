"""Steps: what the schema admits is read back as it was meant, and nothing else is."""

from __future__ import annotations

import json
import random
from typing import Any, cast

import jsonschema
import pytest

from agents.settings import (
    DatabaseSettings,
    DocumentToolSettings,
    OutputSettings,
    PythonSettings,
    StepSettings,
    WebSettings,
)
from agents.steps import (
    TASK_SCHEMA,
    Call,
    Said,
    critique_schema,
    read_critique,
    read_step,
    step_schema,
)
from agents.tools.base import Tool
from agents.tools.calculate import calculate_tool
from agents.tools.database import database_tool
from agents.tools.find import find_tool
from agents.tools.listing import list_tool
from agents.tools.python import python_tool
from agents.tools.read import read_tool
from agents.tools.search import search_tool
from agents.tools.web import web_tool
from core.errors import GenerationInvalid

OUTPUT = OutputSettings(max_statements=2, max_statement_chars=40, max_citations=2)
STEPS = StepSettings(thought_chars=40, reason_chars=40, critique_reasons=2)
TOOLS = {"calculate": calculate_tool().schema, "researcher": TASK_SCHEMA}


def step(**action: Any) -> str:
    return json.dumps({"thought": "So.", "action": action})


def read(text: str, ids: list[str] | None = None) -> Call | Said:
    return read_step(text, TOOLS, ["1", "2"] if ids is None else ids, OUTPUT, STEPS)


def answer(text: str = "It is so.", sources: tuple[str, ...] = ("1",), answerable: bool = True) -> str:
    said = [{"text": text, "sources": list(sources)}] if sources else []
    return step(tool="answer", answer={"answerable": answerable, "statements": said})


def test_a_call_and_an_answer_are_read() -> None:
    call = read(step(tool="calculate", arguments={"expression": "1 + 1"}))
    assert call == Call(thought="So.", tool="calculate", arguments={"expression": "1 + 1"})
    said = read(answer())
    assert isinstance(said, Said)
    assert (said.output.answerable, said.output.statements[0].sources) == (True, ("1",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"thought": "So."}',
        json.dumps({"thought": "x" * 41, "action": {"tool": "calculate", "arguments": {}}}),
        json.dumps({"thought": 1, "action": {"tool": "calculate", "arguments": {}}}),
        step(tool="run_python", arguments={}),
        step(tool="calculate"),
        step(tool="calculate", arguments={}, answer={}),
        step(tool="calculate", arguments=[]),
        step(tool="answer", arguments={}),
        answer(sources=("3",)),
        answer(text="x" * 41),
        answer(text=" "),
        json.dumps({"thought": "So.", "action": {"tool": "calculate", "arguments": {}}, "more": 1}),
    ],
)
def test_what_leaves_the_schema_is_refused(text: str) -> None:
    with pytest.raises(GenerationInvalid):
        read(text)


def test_without_a_source_only_no_answer_is_admitted() -> None:
    schema = step_schema({}, [], OUTPUT, STEPS)
    jsonschema.validate(json.loads(answer(sources=(), answerable=False)), schema)
    for wrong in (answer(sources=(), answerable=True), answer(sources=("none",), answerable=False)):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(wrong), schema)
    with pytest.raises(GenerationInvalid):
        read(answer(sources=("none",)), ids=[])


def test_a_critique_without_a_reason_accepts() -> None:
    assert read_critique('{"accept": false, "reasons": [" "]}', STEPS).accept
    refused = read_critique('{"accept": false, "reasons": ["The year is wrong."]}', STEPS)
    assert (refused.accept, refused.reasons) == (False, ("The year is wrong.",))
    assert read_critique('{"accept": true, "reasons": ["Fine."]}', STEPS).reasons == ()
    for wrong in (
        "{}",
        '{"accept": false, "reasons": ["a", "b", "c"]}',
        json.dumps({"accept": False, "reasons": ["x" * 41]}),
    ):
        with pytest.raises(GenerationInvalid):
            read_critique(wrong, STEPS)


class Walk:
    """Writes at random what a grammar admits, byte by byte, as a model with no sense at all would."""

    def __init__(self, schema: dict[str, Any], seed: int) -> None:
        import llguidance

        self._random = random.Random(seed)
        tokens = [bytes([number]) for number in range(256)] + [b"\xff<|end|>"]
        self._tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Bytes(tokens)), n_vocab=len(tokens))
        strict = json.dumps({**schema, "x-guidance": {"whitespace_flexible": False}})
        grammar = llguidance.LLMatcher.grammar_from_json_schema(strict)
        self._matcher = llguidance.LLMatcher(self._tokenizer, grammar)
        assert not self._matcher.get_error()

    def text(self) -> str:
        written = bytearray()
        while not self._matcher.is_stopped():
            mask = self._matcher.compute_bitmask()
            allowed = [token for token in range(257) if mask[token // 8] >> (token % 8) & 1]
            # Letters rather than escapes and bytes of long characters, and ends rather than ever more.
            plain = [token for token in allowed if token in b'"}],:{[' or chr(token % 256).isalnum()] or allowed
            token = self._random.choice(plain if self._random.random() < 0.98 else allowed)
            assert self._matcher.consume_token(token)
            if token < 256:
                written.append(token)
        return written.decode()


class _Bytes:
    """A vocabulary of single bytes."""

    def __init__(self, tokens: list[bytes]) -> None:
        self.eos_token_id = 256
        self.bos_token_id = None
        self.tokens = tokens
        self.special_token_ids = [256]

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


def test_every_tool_there_is_can_stand_in_a_grammar() -> None:
    """The engines' grammar takes the schema of a step with all tools, those of other programs apart."""
    import llguidance

    tools: list[Tool[Any]] = [
        calculate_tool(),
        search_tool(cast(Any, None), DocumentToolSettings()),
        *(make(cast(Any, None), DocumentToolSettings()) for make in (read_tool, find_tool, list_tool)),
        database_tool(DatabaseSettings(connections={"sales": {"url": "sqlite:////tmp/sales"}})),
        python_tool(PythonSettings()),
        web_tool(WebSettings(url="http://127.0.0.1:8888")),
    ]
    offered = {tool.name: tool.schema for tool in tools} | {"researcher": TASK_SCHEMA}
    schema = step_schema(offered, [str(number) for number in range(1, 200)], OutputSettings(), StepSettings())
    strict = json.dumps({**schema, "x-guidance": {"whitespace_flexible": False}})
    grammar = llguidance.LLMatcher.grammar_from_json_schema(strict)
    assert not llguidance.LLMatcher.validate_grammar(grammar)
    read = read_step(step(tool="search_documents", arguments={"query": "x"}), offered, [], OUTPUT, STEPS)
    assert isinstance(read, Call)


@pytest.mark.parametrize("ids", [[], ["1", "2"]])
def test_whatever_the_grammar_admits_is_a_step(ids: list[str]) -> None:
    schema = step_schema(TOOLS, ids, OUTPUT, STEPS)
    kinds = set()
    for seed in range(60):
        text = Walk(schema, seed).text()
        jsonschema.validate(json.loads(text), schema)
        said = json.loads(text)["action"].get("answer", {}).get("statements", [])
        if all(each["text"].strip() for each in said):  # one of white space satisfies a schema, and no reader
            kinds.add(type(read(text, ids)))
    assert kinds == {Call, Said}


def test_whatever_the_grammar_admits_is_a_critique() -> None:
    schema = critique_schema(STEPS)
    for seed in range(20):
        text = Walk(schema, seed).text()
        jsonschema.validate(json.loads(text), schema)
        read_critique(text, STEPS)
