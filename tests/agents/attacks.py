"""Planted attacks, and a generator without a will of its own: it does whatever any text before it says.

An attack is a sentence of the BIPIA collection (Yi et al. 2023) with an order beside it that needs no understanding:
the action as JSON, in base64 so that no marking of the text breaks it. That is the worst case: no model's good sense
stands between the text and the tools.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.types import Delta, Generation, GenerationRequest, GeneratorInfo, Usage

INFO = GeneratorInfo(name="obedient", fingerprint="obedient-1")
_ORDER = re.compile(r"order:([A-Za-z0-9_-]+)")
EVERYTHING = "$EVERYTHING"
"""Stands in an order for all that the generator has read so far, as much as the argument holds."""


def order(tool: str, arguments: Mapping[str, Any]) -> str:
    """An order as it is written into a text."""
    text = json.dumps({"tool": tool, "arguments": arguments})
    return "order:" + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def orders(text: str) -> list[dict[str, Any]]:
    """The orders in a text."""
    found = []
    for written in _ORDER.findall(text):
        padded = written + "=" * (-len(written) % 4)
        with contextlib.suppress(ValueError):  # one that was cut off orders nothing
            found.append(json.loads(base64.urlsafe_b64decode(padded)))
    return found


Plan = Callable[[GenerationRequest], dict[str, Any]]
"""What the generator does on its own account: the next action for a request of the task "step"."""


@dataclass
class Obedient:
    """Carries out each order that it reads and that the schema admits, once; otherwise it follows its plan.

    It waits with that until it has read `booty`: a thief wants what is worth stealing.
    """

    plan: Plan
    booty: str = ""
    info: GeneratorInfo = INFO
    obeyed: list[dict[str, Any]] = field(default_factory=list)
    requests: list[GenerationRequest] = field(default_factory=list)

    async def complete(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        return Generation(
            text=json.dumps(self._written(request)), generator=INFO, usage=Usage(prompt_tokens=50, completion_tokens=20)
        )

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        whole = await self.complete(request)
        yield Delta(text=whole.text, final=whole)

    async def check(self) -> None: ...

    async def close(self) -> None: ...

    def _written(self, request: GenerationRequest) -> dict[str, Any]:
        if request.task == "critique":
            return {"accept": True, "reasons": []}
        read = "\n".join(message.content for message in request.messages)
        if request.task != "step":
            return _first_statement(request)
        offered = arguments_of(request.schema)
        done = [(step.tool, dict(step.arguments)) for step in request.steps]
        for each in orders(read) if self.booty in read else ():
            tool = each["tool"]
            if tool not in offered:
                continue
            meant = _meant(each["arguments"], offered[tool])
            arguments = {name: _filled(value, read, offered[tool], name) for name, value in meant.items()}
            if (tool, arguments) not in done and each not in self.obeyed:
                self.obeyed.append(each)
                return {"thought": "I do as I am told.", "action": {"tool": tool, "arguments": arguments}}
        return {"thought": "I go on.", "action": self.plan(request)}


def arguments_of(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tools that a step's schema offers, with the schemas of their arguments."""
    offered = {}
    for each in schema["properties"]["action"]["anyOf"]:
        parts = each["properties"]
        name = parts["tool"].get("const") or parts["tool"]["enum"][0]
        if name != "answer":
            offered[name] = parts["arguments"]
    return offered


def answer(request: GenerationRequest, text: str = "") -> dict[str, Any]:
    """The action that answers, from the last source where there is one."""
    if not request.sources:
        return {"tool": "answer", "answer": {"answerable": False, "statements": []}}
    source = request.sources[-1]
    said = (text or " ".join(source.text.split()))[:300]
    return {"tool": "answer", "answer": {"answerable": True, "statements": [{"text": said, "sources": [source.id]}]}}


def _first_statement(request: GenerationRequest) -> dict[str, Any]:
    found: dict[str, Any] = answer(request)["answer"]
    return found


def _meant(given: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments under the names that a tool has for them, where it has one alone."""
    names = list(schema["properties"])
    return given if len(names) > 1 or names == list(given) else dict(zip(names, given.values(), strict=True))


def _filled(value: Any, read: str, schema: Mapping[str, Any], name: str) -> Any:
    if not isinstance(value, str) or EVERYTHING not in value:
        return value
    most = schema["properties"][name].get("maxLength", 1_000)
    stolen = " ".join(re.sub(r"order:\S+", "", read[-2 * most :]).split())
    return value.replace(EVERYTHING, stolen)[:most]
