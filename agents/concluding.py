"""The end of an agent's work: its statements held against their sources and screened, or, where it has to stop before
it came to an answer, the answer that what is known allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from agents.budget import Budget
from agents.packing import fitting
from agents.prompting import answer_messages
from agents.schema import Draft
from agents.state import Frame, Json
from agents.stepping import Spent, granted, most_tokens
from agents.stopwatch import Stopwatch
from agents.working import Work
from agents.writing import Writer, Writing
from core.errors import FootnoteError
from core.ports import PromptWindow
from core.types import Answer, GeneratorInfo, Message, Place, Retrieval, Source, Statement, Step, Usage

ANSWERED = "The task was answered from what the steps brought."
NOT_ANSWERED = "What the steps brought does not answer the task."
NO_SOURCE = "No step brought anything to answer from."
WITHHELD, UNWRITTEN = "statement_withheld", "final_answer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Statements with their support, what went worse than configured, and what it took beyond the steps."""

    statements: tuple[Statement, ...] = ()
    degraded: tuple[str, ...] = ()
    generator: GeneratorInfo | None = None
    usage: Usage = field(default_factory=Usage)


class _Narrow:
    """A model's window, no wider than what a budget has left."""

    def __init__(self, window: PromptWindow | None, most: int) -> None:
        self._window = window
        self._most = most

    async def room(self, max_tokens: int) -> int:
        left = self._most - max_tokens
        return left if self._window is None else min(left, await self._window.room(max_tokens))

    async def count(self, messages: Sequence[Message]) -> int:
        return await self._window.count(messages) if self._window is not None else most_tokens(messages) // 3


async def held(work: Work, frame: Frame, step: Step, sources: Sequence[Source]) -> Held:
    """The statements of an answer step, as agents and the log are shown them."""
    drafts = [Draft(text=each["text"], sources=tuple(each["sources"])) for each in step.arguments["statements"]]
    writing = _writing(work, frame, tuple(sources))
    await _writer(work, work.parts.settings).hold(writing, drafts)
    return await screened(work, _found(writing, step.generator), "tool_result")


async def last_words(work: Work, frame: Frame, budget: Budget, sources: Sequence[Source]) -> Held:
    """An answer from what is known, with what the budget kept back for it; where none can be had, an empty one."""
    settings = work.parts.settings
    if not sources:
        return Held()
    try:
        max_tokens = settings.max_tokens
        narrow = _Narrow(work.parts.window, budget.tokens_left(final=True))
        marks = settings.rails.marks
        packed = await fitting(frame.task, list(sources), narrow, max_tokens, marks=marks)
        messages = answer_messages(frame.task, packed.sources, marks=marks)
        grant, max_tokens = await granted(work, budget, messages, max_tokens, final=True)
    except (Spent, FootnoteError):
        return Held(degraded=(UNWRITTEN,))
    seconds = max(0.001, min(settings.generate_seconds, budget.seconds_left(final=True)))
    bounds = settings.model_copy(update={"generate_seconds": seconds, "max_tokens": max_tokens})
    writing = _writing(work, frame, packed.sources)
    try:
        async for _ in _writer(work, bounds).write(writing):
            pass
    except FootnoteError:
        writing.statements.clear()
        writing.degraded = (*writing.degraded, UNWRITTEN)
    finally:
        taken = writing.generation.usage if writing.generation else Usage(prompt_tokens=grant.tokens)
        grant.settle(tokens=taken.prompt_tokens + taken.completion_tokens, cost=work.price(taken))
    return await screened(work, _found(writing), "tool_result")


def told(frame: Frame, found: Held, closing: Json | None) -> str:
    """An answer as the agent is shown it that asked for it: statements with the ids of their sources."""
    said = "\n".join(f"{each.text} {''.join(f'[{source}]' for source in each.sources)}" for each in found.statements)
    note = f"{frame.agent} had to stop: {closing['message']}" if closing else ""
    return "\n".join(part for part in (said or f"{frame.agent} found no answer.", note) if part)


def answer_of(
    work: Work, frame: Frame, found: Held, steps: Sequence[Step], sources: Sequence[Source], ms: float
) -> Answer:
    """The answer of a whole run, with the sources it cites, as the person may see them; `sources` are all that its
    agents read."""
    cited = {source for statement in found.statements for source in statement.sources}
    reason = ANSWERED if found.statements else NOT_ANSWERED if sources else NO_SOURCE
    return Answer(
        id=work.request.run_id,
        question=work.shown(frame.task),
        statements=found.statements,
        sources=tuple(_shown(work, source) for source in sources if source.id in cited),
        answerable=bool(found.statements),
        retrieval=Retrieval(used=bool(sources), reason=reason, n=len(sources)),
        generator=found.generator or work.parts.generator.info,
        timings_ms={"total": ms},
        degraded=found.degraded,
        usage=sum((step.usage for step in steps), found.usage),
    )


def _shown(work: Work, source: Source) -> Source:
    text, title, *headings = (work.shown(each) for each in (source.text, source.title, *source.heading_path))
    spans = source.sentences if text == source.text else ()
    return replace(source, text=text, title=title, heading_path=tuple(headings), sentences=spans)


def dumped_answer(answer: Answer) -> Json:
    """An answer as JSON."""
    return asdict(answer)


def _writing(work: Work, frame: Frame, sources: tuple[Source, ...]) -> Writing:
    asker = work.asker(work.spec(frame))
    marks = work.parts.settings.rails.marks
    return Writing(question=frame.task, sources=sources, history=(), asker=asker, watch=Stopwatch(), marks=marks)


def _writer(work: Work, settings: Any) -> Writer:
    return Writer(work.parts.generator, work.parts.verifier, settings, work.parts.judge)


async def screened(work: Work, found: Held, place: Place) -> Held:
    """The statements after the rails; one that is blocked is left out, and it is said. Only at the place "answer" may
    what was masked be shown again, which is for the person alone."""
    kept: list[Statement] = []
    for statement in found.statements:
        looked = await work.look(statement.text, place)
        if not looked.blocked:
            kept.append(replace(statement, text=looked.text))
    withheld = (WITHHELD,) if len(kept) < len(found.statements) else ()
    return replace(found, statements=tuple(kept), degraded=tuple(dict.fromkeys((*found.degraded, *withheld))))


def _found(writing: Writing, generator: GeneratorInfo | None = None) -> Held:
    generation = writing.generation
    return Held(
        statements=tuple(writing.statements),
        degraded=writing.degraded,
        generator=generator or (generation.generator if generation else None),
        usage=(generation.usage if generation else Usage()) + writing.judging,
    )
