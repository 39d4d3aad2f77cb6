"""Prompts of steps and critiques for generators that read prose, packed into the model's window.

The head (rules, the agent's own words, its tools) never varies within a run, and what was shown is shown again in the
same letters as long as there is room, so that an engine's prefix cache holds all but the last step. What calls brought
is fenced like a chat's sources; the boundaries are drawn from the text and from the run's id, which nobody outside
knows. Where `marks` are asked for, its spaces are marked as well. Where the window gets too small, the oldest results
are shortened first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from agents.declared import ANSWER
from agents.packing import surely_fits
from agents.prompting import MARKS, boundary_of, load, marked, one_line, place_of, plain
from core.errors import InvalidInput
from core.ports import PromptWindow
from core.types import Message, Source, Step

STEP, CRITIQUE = "step.v1", "critique.v1"
SHORT, LEAST = 240, 60
"""Characters left of each text of an old result, and of every one where even that is too much."""
_NEXT = "Write the next step."


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A tool or an agent as a prompt tells of it: its name, its description and the schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]

    @cached_property
    def told(self) -> str:
        """The line of a prompt."""
        known = self.schema.get("properties", {})
        told = "; ".join(f"{name}: {_argument(each)}" for name, each in known.items())
        return plain(f"- {self.name}: {one_line(self.description)}" + (f" Arguments: {told}." if told else ""))


@dataclass(frozen=True, kw_only=True)
class Story:
    """What a step's prompt is made of. `steps` are the agent's own so far, `sources` what they made citable, by id.

    `blocks` remembers what was told already: it does not change any more. `marks` has the spaces of what calls brought
    marked.
    """

    secret: str
    prompt: str
    offers: Sequence[Offer]
    task: str
    history: Sequence[Message] = ()
    steps: Sequence[Step] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    blocks: dict[tuple[str, int | None], str] = field(default_factory=dict)
    marks: bool = False


async def step_messages(story: Story, window: PromptWindow | None, max_tokens: int) -> tuple[Message, ...]:
    """The prompt for the next step, as whole as the model's window allows.

    Raises `InvalidInput` where the task alone leaves no room.
    """
    whole = _messages(story)
    if window is None:
        return whole
    room = await window.room(max_tokens)

    async def fits(messages: tuple[Message, ...]) -> bool:
        return surely_fits(messages, room) or await window.count(messages) <= room

    if await fits(whole):
        return whole
    low, high = 1, len(story.steps)
    while low < high:  # the fewest of the oldest steps that must be shortened
        middle = (low + high) // 2
        low, high = (low, middle) if await fits(_messages(story, short=middle)) else (middle + 1, high)
    for history in (story.history, ()):
        for limit in (SHORT, LEAST):
            messages = _messages(story, short=low, limit=limit, history=history)
            if await fits(messages):
                return messages
    raise InvalidInput("The task leaves no room for steps in the model's window. Shorten it.")


def critique_messages(
    prompt: str, task: str, statements: Sequence[tuple[str, Sequence[Source]]], *, marks: bool = False
) -> tuple[Message, ...]:
    """The prompt for a critique: rules, the critic's own words, the task, the sources once each, the statements.
    `marks` as in `Story`."""
    sources = {source.id: source for _, cited in statements for source in cited}
    mark = boundary_of([task, *(part for each in sources.values() for part in (place_of(each), each.text))])
    blocks = "\n\n".join(
        f"<<source {each.id} {mark}>>\n{_shown(place_of(each), marks)}\n\n{_shown(plain(each.text), marks)}\n"
        f"<<end {each.id} {mark}>>"
        for each in sources.values()
    )
    said = "\n".join(
        f"{number}. {plain(one_line(text))} [{', '.join(source.id for source in cited)}]"
        for number, (text, cited) in enumerate(statements, start=1)
    )
    fenced = f"<<task {mark}>>\n{plain(task)}\n<<end task {mark}>>"
    answer = f"<<statements {mark}>>\n{said}\n<<end statements {mark}>>"
    rules = (load(CRITIQUE).text, load(MARKS).text if marks else "", prompt)
    return (
        Message(role="system", content="\n\n".join(part for part in rules if part)),
        Message(role="user", content=f"Task:\n\n{fenced}\n\nSources:\n\n{blocks}\n\nAnswer:\n\n{answer}"),
    )


def _messages(
    story: Story, *, short: int = 0, limit: int = SHORT, history: Sequence[Message] | None = None
) -> tuple[Message, ...]:
    tools = "\n".join(offer.told for offer in story.offers) or "None: you can only answer."
    rules = (load(STEP).text, load(MARKS).text if story.marks else "", story.prompt, f"Your tools:\n{tools}")
    head = "\n\n".join(part for part in rules if part)
    turns = story.history if history is None else history
    parts = [_conversation(story, turns)] if turns else []
    parts.append(f"Task: {plain(story.task)}")
    seen: set[str] = set()
    parts += [_told(story, step, limit if at < short else None, seen) for at, step in enumerate(story.steps)]
    parts.append(_NEXT)
    return (Message(role="system", content=head), Message(role="user", content="\n\n".join(parts)))


def _conversation(story: Story, turns: Sequence[Message]) -> str:
    mark = boundary_of([story.secret, *(turn.content for turn in turns)])
    said = "\n\n".join(f"<<{turn.role} {mark}>>\n{plain(turn.content)}\n<<end {turn.role} {mark}>>" for turn in turns)
    return f"The conversation before the task:\n\n{said}"


def _told(story: Story, step: Step, limit: int | None, seen: set[str]) -> str:
    """A step and what it brought. A source that an earlier step has shown is only named."""
    lines = [_once(story, (f"step {step.number}", None), lambda: _action(step))]
    fresh = [story.sources[each] for each in step.sources if each in story.sources and each not in seen]
    seen.update(source.id for source in fresh)
    own = next((source for source in fresh if source.step == step.number), None)
    if own is None and step.observation:
        said = f" ({step.failure})" if step.failure else ""
        name, text = f"result {step.number}", step.observation
        fenced = _once(story, (name, limit), lambda: _fence(story, name, text, limit))
        lines.append(f"Result{said}:\n{fenced}")
    lines += [_once(story, (f"source {each.id}", limit), partial(_source, story, each, limit)) for each in fresh]
    return "\n".join(lines)


def _once(story: Story, key: tuple[str, int | None], made: Callable[[], str]) -> str:
    """What is told under this key, made the first time."""
    known = story.blocks.get(key)
    return known if known is not None else story.blocks.setdefault(key, made())


def _action(step: Step) -> str:
    action: dict[str, Any] = {"tool": step.tool, ANSWER if step.tool == ANSWER else "arguments": dict(step.arguments)}
    written = json.dumps({"thought": step.thought, "action": action}, ensure_ascii=False)
    return f"Step {step.number}: {plain(written)}"


def _source(story: Story, source: Source, limit: int | None) -> str:
    return _fence(story, f"source {source.id}", source.text, limit, _place(source, story.marks))


def _place(source: Source, marks: bool) -> str:
    """What a prompt says of where a source is from; what can be asked for by its id is given with it."""
    place = _shown(place_of(source), marks)
    return f"{place} (document_id: {source.document_id})" if source.document_id else place


def _fence(story: Story, name: str, text: str, limit: int | None, place: str = "") -> str:
    mark = boundary_of([story.secret, place, text])
    shown = text if limit is None or len(text) <= limit else f"{text[:limit]} […]"
    head = f"{place}\n\n" if place else ""
    return (
        f"<<{name} {mark}>>\n{head}{_shown(plain(shown), story.marks)}\n<<end {name.removeprefix('source ')} {mark}>>"
    )


def _shown(text: str, marks: bool) -> str:
    return marked(text) if marks else text


def _argument(schema: Mapping[str, Any]) -> str:
    """What is told of an argument: its description or its values; the grammar does the rest."""
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"][:20]))
    told = schema.get("description") or schema.get("type") or "a value"
    return one_line(str(told)).rstrip(".")
