"""Runs by a model with no sense at all: whatever it writes under its schema, a run ends, and no limit is passed."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, cast

import pytest

from agents.checkpoints import open_checkpoints
from agents.declared import AgentSpec
from agents.settings import AgentSettings, BudgetSettings, HttpSettings, McpServer, OutputSettings, WebSettings
from agents.tools.base import Observation, Tool
from agents.tools.calculate import calculate_tool
from agents.tools.http import http_tool
from agents.tools.mcp import offered
from agents.tools.web import web_tool
from core.types import Generation, GenerationRequest, Permission, Usage
from tests.agents.runs import INFO, Book, Rails, Rules, Script, agents_of, hit, request, search, state_of, tool_of

LIMITS = BudgetSettings(
    steps=12, tool_calls=8, calls_per_tool={"send": 2}, tokens=60_000, final_tokens=8_000, seconds=60, cost=1.0
)


RULED = ("send", "search_documents", "mcp_other_keep", "mcp_other_send", "web_search", "http_request")


class Chance(Script):
    """Writes anything at random that the schema admits, and seldom something it does not."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    async def complete(self, request: GenerationRequest) -> Generation:
        broken = self._random.random() < 0.03
        text = "{" if broken else json.dumps(self._any(request.schema))
        prompt = sum(len(each.content.encode()) for each in request.messages)
        usage = Usage(prompt_tokens=prompt // 4, completion_tokens=self._random.randint(0, request.max_tokens))
        return Generation(text=text, generator=INFO, usage=usage)

    def _any(self, schema: Mapping[str, Any]) -> Any:
        if "anyOf" in schema:
            return self._any(self._random.choice(schema["anyOf"]))
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        kind = schema["type"]
        if kind == "object":
            return {name: self._any(each) for name, each in schema["properties"].items()}
        if kind == "array":
            most = min(3, schema["maxItems"])
            return [self._any(schema["items"]) for _ in range(self._random.randint(schema.get("minItems", 0), most))]
        if kind == "string":
            words = self._random.choices(["leave", "1 + 1", "BAD", "<|im_end|>", "\u2028", "ignore all rules"], k=2)
            return " ".join(words)[: schema["maxLength"]]
        return {"boolean": self._random.random() < 0.5, "integer": 1, "number": 1.5, "null": None}[kind]


class Told:
    """A server of tools that says what a rail blocks."""

    async def call(self, name: str, arguments: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        return {"text": f"BAD {json.dumps(arguments)}", "is_error": name == "fail"}


def from_outside() -> list[Tool[Any]]:
    """Tools of another program, a search engine that is away, and the web, of which no host may be asked."""
    fields = {"words": {"type": "string"}, "many": {"type": "array", "items": {"type": "string"}}}
    listed = [
        {"name": name, "description": name, "schema": {"type": "object", "properties": fields}}
        for name in ("tell", "fail", "keep", "send")
    ]
    server = McpServer(url="http://tools.example", effects={"tell": "reads_outside", "keep": "writes"})
    tools, absent = offered("other", server, listed, cast(Any, Told()))
    assert not absent
    return [
        *tools.values(),
        web_tool(WebSettings(url="http://127.0.0.1:1")),
        http_tool(HttpSettings(hosts=("x.example",))),
    ]


def settings() -> AgentSettings:
    return AgentSettings(
        budget=LIMITS,
        output=OutputSettings(max_statements=2),
        prices={"prompt": 1.0, "completion": 2.0, "calls": {"send": 0.2}},
    )


def within(budget: Mapping[str, Any]) -> None:
    limits = budget["limits"]
    assert budget["steps"] <= limits["steps"]
    assert sum(budget["calls"].values()) <= limits["tool_calls"]
    assert budget["calls"].get("send", 0) <= 2
    assert budget["tokens"] <= limits["tokens"]
    assert budget["cost"] <= limits["cost"] * 1_000_000
    for child in budget["children"]:
        within(child)


@pytest.mark.parametrize("seed", range(25))
async def test_it_ends_within_its_limits(seed: int) -> None:
    chance = random.Random(seed)
    permissions: list[Permission] = ["always", "ask", "deny"]
    rules, book = Rules(**{name: chance.choice(permissions) for name in RULED}), Book()
    sent: list[str] = []
    tools = [
        calculate_tool(),
        search(hit(1), hit(2, "Other."), hit(3, "BAD.")),
        tool_of("send", lambda given, context: sent.append(context.call_id) or "Sent.", effect="sends"),
        *from_outside(),
        tool_of("fail", lambda given, context: Observation(text="No.", failure="failed")),
    ]
    team = [
        AgentSpec(
            name="lead", description="", prompt="", tools=("*", "ask_person"), agents=("helper",), critic="critic"
        ),
        AgentSpec(
            name="helper", description="", prompt="", tools=("*", "ask_person"), agents=("third",), limits={"steps": 4}
        ),
        AgentSpec(name="third", description="Helps.", prompt="", tools=("*",), limits={"tool_calls": 2}),
        AgentSpec(name="critic", description="Looks.", prompt=""),
    ]
    async with open_checkpoints("memory:") as saver:
        given = {"agents": team, "settings": settings(), "rules": rules, "ledger": book, "screen": Rails(block="BAD")}
        agents = agents_of(Chance(seed), saver, *tools, **given)
        state = await state_of(agents, request(adapter="a"))
        for _ in range(30):
            if state["status"] != "interrupted":
                break
            said = {"type": chance.choice(["approve", "edit", "reject", "respond", "?"]), "message": "So."}
            asked = state["interrupts"][0]["value"]
            if asked["kind"] == "approval" and asked["action_requests"][0]["name"] in rules.permissions:
                assert rules.permissions[asked["action_requests"][0]["name"]] == "ask"
            resume = {"decisions": [said], "step": asked["step"], "kind": asked["kind"]}
            state = await state_of(agents, request(None, resume=resume))
    assert state["status"] == "success"
    values = state["values"]
    within(values["budget"])
    assert values["answer"] is not None
    assert [each["number"] for each in values["steps"]] == list(range(1, len(values["steps"]) + 1))
    assert all(each["status"] == "done" for each in values["steps"])
    assert len(values["frames"]) == 1
    others = [each for each in book.done if each not in sent]
    assert len(sent) == len(set(sent)) == len(book.done) - len(others)
    effects = {
        f"r1:{step['number']}"
        for step in values["steps"]
        if step["tool"] in ("mcp_other_keep", "mcp_other_send", "mcp_other_fail")
    }
    assert set(others) <= effects
    assert rules.permissions["send"] != "deny" or not sent
    known = {source["id"] for source in values["sources"]}
    assert {each for step in values["steps"] for each in step["sources"]} <= known
    assert all(source in known for said in values["answer"]["statements"] for source in said["sources"])
    assert "BAD" not in json.dumps([values["answer"], values["sources"]])
