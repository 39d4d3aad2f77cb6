"""How the generator that needs no model acts as an agent: a fixed policy, each action taken once at most.

Work out what is nothing but arithmetic, or say that nobody here can; else search, search once more by the bare words
when what was found does not answer, read the likeliest document when that did not help, and answer with citations, or
abstain. Who can neither search nor calculate hands the task to an agent that may.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.terms import terms
from core.types import GenerationRequest, Source, Step
from serving.arithmetic import expression_of
from serving.sentences import bounded

ANSWER = "answer"
_WORKED_OUT = "I worked it out."
_NO_CALCULATOR = "This is arithmetic, and it could not be worked out here, so I say so."
_WRITTEN_FROM = "I answer from what was found."
_NOTHING = "What was found does not answer the question, so I say so."


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The extractive generator's answer to a question, as JSON text, and whether there is one."""

    text: str
    answerable: bool


Read = Callable[[GenerationRequest], Awaitable[Reading]]
"""Answers a request of the task "answer" from its sources."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Offer:
    """The actions that a step's schema admits: each tool's argument schema, and the schema of an answer."""

    tools: Mapping[str, Mapping[str, Any]]
    answer: Mapping[str, Any]
    thought_chars: int

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> _Offer:
        properties = schema["properties"]
        action = properties["action"]
        tools: dict[str, Mapping[str, Any]] = {}
        answer: Mapping[str, Any] = {}
        for each in action.get("anyOf", [action]):
            parts = each["properties"]
            name = parts["tool"].get("const") or parts["tool"]["enum"][0]
            if name == ANSWER:
                answer = parts["answer"]
            else:
                tools[name] = parts["arguments"]
        return cls(tools=tools, answer=answer, thought_chars=properties["thought"].get("maxLength", 10_000))

    def agents(self) -> list[str]:
        """Those who take a whole task instead of arguments."""
        return [name for name, schema in self.tools.items() if set(schema.get("properties", {})) == {"task"}]


async def next_step(request: GenerationRequest, read: Read) -> str:
    """The next step as JSON text under the request's schema. Raises what `read` raises."""
    offer = _Offer.of(request.schema)
    expression = expression_of(request.question)
    if expression is not None:
        return _calculation(request, offer, expression) or _said(offer, None, _NO_CALCULATOR)
    passages = tuple(source for source in request.sources if source.step is None)
    reading = await _reading(request, offer, passages, read)
    if not (reading and reading.answerable) and (action := _search(request, offer, passages)):
        return action
    return _said(offer, reading.text if reading else None)


def _calculation(request: GenerationRequest, offer: _Offer, expression: str) -> str | None:
    """Has it worked out, and says the result; None where nobody can."""
    done = _taken(request, "calculate")
    if not done and "calculate" in offer.tools:
        return _call(offer, "calculate", "This is arithmetic: I have it worked out.", expression=expression)
    result = next((each for each in request.sources if done and each.step == done[-1].number), None)
    if result is not None and done[-1].failure is None:
        return _said(offer, _statement(offer, result), _WORKED_OUT)
    helper = next((name for name in offer.agents() if "cod" in name), None)
    if helper and not done and not _taken(request, helper):
        return _call(offer, helper, f"This is arithmetic: {helper} may work it out.", task=request.question)
    if helper and (told := [each for each in request.sources if each.step is not None]):
        return _said(offer, _statement(offer, told[-1]), _WORKED_OUT)
    return None


def _search(request: GenerationRequest, offer: _Offer, passages: tuple[Source, ...]) -> str | None:
    """The next look at the documents; None when all were taken."""
    searched = _taken(request, "search_documents")
    if "search_documents" in offer.tools:
        if not searched:
            thought = "I search the documents for the question."
            return _call(offer, "search_documents", thought, query=request.question)
        words = _words(request.question)
        if len(searched) == 1 and words != str(searched[0].arguments.get("query", "")):
            thought = "What was found does not answer it: I search again by the bare words."
            return _call(offer, "search_documents", thought, query=words)
    best = max(passages, key=lambda source: source.score, default=None)
    if best is not None and "read_document" in offer.tools and not _taken(request, "read_document"):
        place = {"document_id": best.document_id} | ({"page": best.page} if best.page is not None else {})
        return _call(offer, "read_document", "I read the document that comes nearest.", **place)
    helpers = offer.agents()
    if helpers and "search_documents" not in offer.tools and not any(_taken(request, name) for name in helpers):
        name = next((each for each in helpers if "research" in each), helpers[0])
        return _call(offer, name, f"{name} may find it.", task=request.question)
    return None


async def _reading(
    request: GenerationRequest, offer: _Offer, passages: tuple[Source, ...], read: Read
) -> Reading | None:
    if not passages or not offer.answer:
        return None
    return await read(replace(request, task="answer", schema=offer.answer, sources=passages, steps=()))


def _taken(request: GenerationRequest, tool: str) -> list[Step]:
    return [step for step in request.steps if step.tool == tool]


def _words(question: str) -> str:
    """The words of a question that carry content, as they are written, in their order."""
    return " ".join(word.strip("?!.,;:\"'()") for word in question.split() if terms(word))


def _call(offer: _Offer, tool: str, thought: str, **arguments: Any) -> str:
    """A call with those arguments that the tool's schema knows, none of them over its length."""
    known = offer.tools[tool].get("properties", {})
    given = {
        name: bounded(value, known[name]["maxLength"]) if "maxLength" in known[name] else value
        for name, value in arguments.items()
        if name in known
    }
    return _step(offer, thought, {"tool": tool, "arguments": given})


def _said(offer: _Offer, answer: str | None, thought: str = "") -> str:
    written = json.loads(answer) if answer else {"answerable": False, "statements": []}
    words = thought or (_WRITTEN_FROM if written["answerable"] else _NOTHING)
    return _step(offer, words, {"tool": ANSWER, "answer": written})


def _statement(offer: _Offer, source: Source) -> str:
    longest = offer.answer["properties"]["statements"]["items"]["properties"]["text"].get("maxLength", 1_000)
    text = bounded(" ".join(source.text.split()), longest)
    return json.dumps({"answerable": True, "statements": [{"text": text, "sources": [source.id]}]})


def _step(offer: _Offer, thought: str, action: Mapping[str, Any]) -> str:
    return json.dumps({"thought": bounded(thought, offer.thought_chars), "action": action}, ensure_ascii=False)
