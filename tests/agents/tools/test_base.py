"""What a tool is, and that a call of one always comes back with an observation."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated, Any

import jsonschema
import pytest
from pydantic import BaseModel, Field

from agents.tools.base import Arguments, Observation, Tool, ToolContext, call, trimmed
from core.errors import ConfigurationError, NotFound
from core.types import Principal

CONTEXT = ToolContext(principal=Principal(id="ada"), run_id="run-1")


class Kind(StrEnum):
    page = "page"
    section = "section"


class Place(Arguments):
    kind: Kind
    number: int = Field(ge=1, le=100)


class Reading(Arguments):
    """What the tests' tool takes."""

    title: str = Field(max_length=20)
    places: tuple[Place, ...] = Field(default=(), max_length=3)
    note: Annotated[str, Field(max_length=5)] | None = None


def tool(run: Any, **changed: Any) -> Tool[Any]:
    given = {"name": "read", "description": "Reads.", "arguments": Reading, "effect": "reads_inside", "timeout": 30.0}
    return Tool(**{**given, **changed}, run=run)


async def echo(arguments: Reading, context: ToolContext) -> Observation:
    return Observation(text=f"{arguments.title} for {context.principal.id}")


async def test_a_call_is_checked_and_made() -> None:
    seen = await call(tool(echo), {"title": " Handbook ", "places": [{"kind": "page", "number": 2}]}, CONTEXT)
    assert (seen.text, seen.failure) == ("Handbook for ada", None)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"title": "x" * 21},
        {"title": "x", "other": 1},
        {"title": "x", "places": [{"kind": "page", "number": 1}] * 4},
        {"title": "x", "places": [{"kind": "room", "number": 1}]},
        {"title": None},
        {"title": ["x"]},
    ],
)
async def test_arguments_that_do_not_fit_become_an_observation(arguments: dict[str, Any]) -> None:
    seen = await call(tool(echo), arguments, CONTEXT)
    assert seen.failure == "invalid_arguments"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(arguments, tool(echo).schema)


async def test_what_was_given_is_not_repeated() -> None:
    seen = await call(tool(echo), {"title": "x", "note": "a secret that is long"}, CONTEXT)
    assert "secret" not in seen.text


def test_the_schema_is_whole_and_bounded() -> None:
    schema = tool(echo).schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "$ref" not in str(schema)
    assert "$defs" not in schema
    assert "title" in schema["properties"], "an argument may be called so"
    assert schema["properties"]["places"]["items"]["properties"]["kind"]["enum"] == ["page", "section"]


def unbounded_kinds() -> list[type[BaseModel]]:
    class Text(Arguments):
        text: str

    class Many(Arguments):
        many: tuple[int, ...]

    class Inner(Arguments):
        items: tuple[str, ...] = Field(max_length=3)

    class Free(Arguments):
        free: dict[str, int]

    class Anything(Arguments):
        anything: Any

    class Optional(Arguments):
        maybe: str | None = None

    class Open(BaseModel):
        number: int

    return [Text, Many, Inner, Free, Anything, Optional, Open]


@pytest.mark.parametrize("arguments", unbounded_kinds(), ids=lambda each: each.__name__)
def test_arguments_without_bounds_make_no_tool(arguments: type[BaseModel]) -> None:
    with pytest.raises(ConfigurationError):
        tool(echo, arguments=arguments)


@pytest.mark.parametrize("name", ["", "Read", "read document", "../x", "1st", "a" * 65])
def test_a_name_stands_in_a_grammar(name: str) -> None:
    with pytest.raises(ConfigurationError):
        tool(echo, name=name)


async def test_errors_become_observations(caplog: pytest.LogCaptureFixture) -> None:
    async def missing(arguments: Reading, context: ToolContext) -> Observation:
        raise NotFound("There is no such document.")

    async def broken(arguments: Reading, context: ToolContext) -> Observation:
        raise RuntimeError("password=hunter2")

    seen = await call(tool(missing), {"title": "x"}, CONTEXT)
    assert (seen.failure, seen.text) == ("refused", "There is no such document.")
    seen = await call(tool(broken), {"title": "x"}, CONTEXT)
    assert seen.failure == "failed"
    assert "hunter2" not in seen.text
    assert "run-1" in caplog.text


@pytest.mark.parametrize(("timeout", "left"), [(0.05, 60.0), (60.0, 0.05), (60.0, 0.0), (60.0, -1.0)])
async def test_a_call_ends_at_its_own_time_or_the_budgets(timeout: float, left: float) -> None:
    ended = asyncio.Event()

    async def sleeping(arguments: Reading, context: ToolContext) -> Observation:
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()
        raise AssertionError("slept through")

    context = ToolContext(principal=Principal(id="ada"), run_id="run-1", seconds=left)
    seen = await call(tool(sleeping, timeout=timeout), {"title": "x"}, context)
    assert seen.failure == "timeout"
    assert ended.is_set() or left <= 0


async def test_a_tool_that_ignores_being_cancelled_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    enough = asyncio.Event()

    async def stubborn(arguments: Reading, context: ToolContext) -> Observation:
        while not enough.is_set():
            try:
                await enough.wait()
            except asyncio.CancelledError:
                continue
        return Observation(text="at last")

    seen = await call(tool(stubborn, timeout=0.05), {"title": "x"}, CONTEXT)
    assert seen.failure == "timeout"
    assert "left behind" in caplog.text
    enough.set()


async def test_a_tool_that_cancels_itself_does_not_cancel_the_run() -> None:
    async def giving_up(arguments: Reading, context: ToolContext) -> Observation:
        raise asyncio.CancelledError

    assert (await call(tool(giving_up), {"title": "x"}, CONTEXT)).failure == "failed"


async def test_cancelling_a_run_cancels_its_call() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def sleeping(arguments: Reading, context: ToolContext) -> Observation:
        started.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()
        raise AssertionError("slept through")

    running = asyncio.create_task(call(tool(sleeping), {"title": "x"}, CONTEXT))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


def test_a_long_text_is_cut_and_says_where_the_rest_is() -> None:
    seen = trimmed("x" * 1_500, 1_000, "Ask for page 2.", untrusted=False)
    assert seen.text.startswith("x" * 1_000)
    assert "500 more characters. Ask for page 2." in seen.text
    assert (seen.rest, seen.untrusted) == ("Ask for page 2.", False)
    whole = trimmed("x", 1_000, "Ask for page 2.")
    assert (whole.text, whole.rest, whole.untrusted) == ("x", None, True)
