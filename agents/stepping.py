"""Has a generator write under a budget: a step, or a critique. What breaks its schema is asked for once more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from agents.budget import Budget, Exhausted, Grant
from agents.declared import ANSWER, AgentSpec
from agents.packing import FRAME
from agents.prompting import unmarked
from agents.state import Frame
from agents.step_prompts import Story, critique_messages, step_messages
from agents.steps import Critique, Said, critique_schema, read_critique, read_step, step_schema
from agents.working import Work
from agents.writing import TEMPERATURES
from core.errors import DeadlineExceeded, GenerationInvalid
from core.types import (
    Answer,
    AnswerTrace,
    Attempt,
    GenerationRequest,
    GeneratorInfo,
    Message,
    Retrieval,
    Source,
    Statement,
    Step,
    Usage,
)

LEAST_TOKENS = 64
"""Fewer than this leave no room for a step."""
CRITIQUE_TOKENS = 512

T = TypeVar("T")


class Spent(Exception):
    """A budget leaves no room for what was to be written."""

    def __init__(self, exhausted: Exhausted) -> None:
        super().__init__(str(exhausted))
        self.exhausted = exhausted


@dataclass(frozen=True, kw_only=True, slots=True)
class Written(Generic[T]):
    """What was read out of an output, who wrote it and what it took, a try that failed included."""

    value: T
    generator: GeneratorInfo
    usage: Usage
    cost: float
    ms: float
    output: str


async def next_step(
    work: Work,
    frame: Frame,
    budget: Budget,
    *,
    number: int,
    steps: Sequence[Step],
    sources: Sequence[Source],
    history: Sequence[Message],
) -> Step:
    """The step that an agent takes next, on its budget. `steps` are its own, `sources` what it may cite.

    Raises `Spent`, `GenerationInvalid` when the second try fails too, and what the generator raises.
    """
    settings, spec = work.parts.settings, work.spec(frame)
    marks = settings.rails.marks
    offers, ids = work.offered(frame), [source.id for source in sources]
    schema = step_schema({name: each.schema for name, each in offers.items()}, ids, settings.output, settings.steps)
    story = Story(
        secret=work.secret,
        prompt=spec.prompt,
        offers=list(offers.values()),
        task=frame.task,
        history=history,
        steps=steps,
        sources={source.id: source for source in sources},
        blocks=work.blocks,
        marks=marks,
    )
    messages = await step_messages(story, work.parts.window, settings.steps.tokens)
    asker = work.asker(spec)
    request = GenerationRequest(
        task="step",
        messages=messages,
        schema=schema,
        question=frame.task,
        history=tuple(history),
        sources=tuple(sources),
        steps=tuple(steps),
        adapter=asker.adapter,
        caller=asker.caller,
        scope=asker.scope,
        max_tokens=settings.steps.tokens,
        timeout=settings.steps.seconds,
    )
    written = await _written(
        work, budget, request, lambda text: read_step(text, offers, ids, settings.output, settings.steps)
    )
    if work.parts.log is not None:
        await work.parts.log.write(work.request.run_id, number, *_logged(work, number, request, written))
    action = written.value
    if isinstance(action, Said):
        tool, arguments = ANSWER, _said(action)
    else:
        tool, arguments = action.tool, dict(action.arguments)
    thought = action.thought
    if marks:
        arguments, thought = _without_marks(arguments), unmarked(thought)
    return Step(
        number=number,
        agent=frame.path,
        parent=frame.parent,
        tool=tool,
        arguments=arguments,
        thought=thought,
        generator=written.generator,
        usage=written.usage,
        cost=written.cost,
        timings_ms={"generate": written.ms},
    )


def _logged(work: Work, number: int, request: GenerationRequest, written: Written[Any]) -> tuple[Answer, AnswerTrace]:
    """A step as answers are logged. What rails masked is masked in it."""
    answer = Answer(
        id=f"{work.request.run_id}.{number}",
        question=request.question,
        statements=(),
        sources=tuple(request.sources),
        answerable=True,
        retrieval=Retrieval(used=bool(request.sources), reason="", n=len(request.sources)),
        generator=written.generator,
        timings_ms={"generate": written.ms},
        usage=written.usage,
    )
    trace = AnswerTrace(
        asked=request.question,
        question=request.question,
        messages=tuple(request.messages),
        schema=request.schema or {},
        attempts=(Attempt(output=written.output),),
    )
    return answer, trace


async def critique(
    work: Work, budget: Budget, critic: AgentSpec, task: str, statements: Sequence[tuple[Statement, Sequence[Source]]]
) -> Written[Critique]:
    """What a critic says of statements with the sources they cite. Raises as `next_step` does."""
    settings, asker = work.parts.settings, work.asker(critic)
    marks, said = settings.rails.marks, [(each.text, cited) for each, cited in statements]
    request = GenerationRequest(
        task="critique",
        messages=critique_messages(critic.prompt, task, said, marks=marks),
        schema=critique_schema(settings.steps),
        question=task,
        sources=tuple({source.id: source for _, cited in statements for source in cited}.values()),
        adapter=asker.adapter,
        caller=asker.caller,
        scope=asker.scope,
        max_tokens=CRITIQUE_TOKENS,
        timeout=settings.steps.seconds,
    )
    written = await _written(work, budget, request, lambda text: read_critique(text, settings.steps))
    if not marks:
        return written
    reasons = tuple(unmarked(each) for each in written.value.reasons)
    return replace(written, value=replace(written.value, reasons=reasons))


def most_tokens(messages: Sequence[Message]) -> int:
    """No tokenizer makes more tokens of a prompt: byte-level ones make one of each byte."""
    return sum(len(each.content.encode("utf-8", "replace")) for each in messages) + FRAME


async def granted(
    work: Work, budget: Budget, messages: Sequence[Message], max_tokens: int, *, final: bool = False
) -> tuple[Grant, int]:
    """Tokens and cost set aside for a prompt and its output, and how many of them may be written. Raises `Spent`.

    A prompt is counted only where the budget comes to its end or its cost is limited: counting asks the engine.
    """
    window, prices = work.parts.window, work.parts.settings.prices
    prompt = most_tokens(messages)
    if budget.tokens_left(final=final) < prompt + max_tokens or budget.limits_cost:
        prompt = await window.count(messages) if window is not None else prompt // 3
    cost = (prompt * prices.prompt + max_tokens * prices.completion) / 1_000_000 if budget.limits_cost else 0.0
    grant = budget.grant(at_least=prompt + LEAST_TOKENS, at_most=prompt + max_tokens, cost=cost, final=final)
    if isinstance(grant, Exhausted):
        raise Spent(grant)
    return grant, grant.tokens - prompt


async def _written(work: Work, budget: Budget, request: GenerationRequest, read: Callable[[str], T]) -> Written[T]:
    """The output, read. A second try is warmer: asked the same way, a model would fail the same way."""
    began = time.perf_counter()
    deadline = began + min(request.timeout, budget.seconds_left())
    usage, cost = Usage(), 0.0
    for temperature in TEMPERATURES:
        grant, max_tokens = await granted(work, budget, request.messages, request.max_tokens)
        taken = Usage(prompt_tokens=max(0, grant.tokens - max_tokens), completion_tokens=max_tokens)
        try:
            seconds = max(deadline - time.perf_counter(), 0.001)
            asked = replace(request, max_tokens=max_tokens, temperature=temperature, timeout=seconds)
            async with asyncio.timeout(seconds):
                generation = await work.parts.generator.complete(asked)
            taken = generation.usage
            value = read(generation.text)
        except GenerationInvalid:
            if temperature == TEMPERATURES[-1]:
                raise
            continue
        except (TimeoutError, DeadlineExceeded):
            if (none := budget.exhausted()) is not None:
                raise Spent(none) from None
            raise DeadlineExceeded("The model took too long to write a step. Ask again later.") from None
        finally:
            grant.settle(tokens=taken.prompt_tokens + taken.completion_tokens, cost=work.price(taken))
            usage, cost = usage + taken, cost + work.price(taken)
        ms = round((time.perf_counter() - began) * 1_000, 3)
        return Written(
            value=value, generator=generation.generator, usage=usage, cost=cost, ms=ms, output=generation.text
        )
    raise AssertionError("the last try returns or raises")


def _without_marks(value: Any) -> Any:
    """What a model copied out of marked texts, with spaces again; keys are its schema's."""
    if isinstance(value, str):
        return unmarked(value)
    if isinstance(value, dict):
        return {key: _without_marks(each) for key, each in value.items()}
    return [_without_marks(each) for each in value] if isinstance(value, list) else value


def _said(action: Said) -> dict[str, Any]:
    """An answer as a step holds it, in the shape of its schema."""
    statements = [{"text": each.text, "sources": list(each.sources)} for each in action.output.statements]
    return {"answerable": action.output.answerable, "statements": statements}
