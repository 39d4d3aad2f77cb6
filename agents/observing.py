"""What a call brought becomes what an agent is shown: screened, bounded, citable, and noted as others' text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.state import writable
from agents.step_prompts import SHORT
from agents.tools.base import Observation
from agents.working import Work
from core.types import Hit, Source, Step

_WITHHELD = "What this brought is withheld: "


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """A step that is done, and the sources it added to those of the run."""

    step: Step
    sources: tuple[Source, ...] = ()


async def observed(work: Work, step: Step, brought: Observation, known: Sequence[Source]) -> Observed:
    """The step with what it brought. A passage that the run has already keeps its id; any other result that is no
    failure becomes a source of its own."""
    done = replace(step, status="done", failure=brought.failure, rest=brought.rest, untrusted=brought.untrusted)
    if brought.passages and brought.failure is None:
        return await _passages(work, done, brought, known)
    said = writable(brought.text)
    screened = await work.look(said, "tool_result")
    text = f"{_WITHHELD}{screened.blocked}" if screened.blocked else _bounded(work, screened.text, brought.rest)
    data = brought.data if screened.text == said and not screened.blocked else {}
    done = replace(done, observation=text, data=data, failure="refused" if screened.blocked else done.failure)
    if done.failure is not None or not text.strip():
        return Observed(step=done)
    source = Source(
        id=str(len(known) + 1),
        chunk_id="",
        document_id="",
        version_id="",
        title=await _title(work, step),
        text=text,
        step=step.number,
    )
    return Observed(step=replace(done, sources=(source.id,)), sources=(source,))


async def _passages(work: Work, step: Step, brought: Observation, known: Sequence[Source]) -> Observed:
    ids = {source.chunk_id: source.id for source in known if source.chunk_id}
    added: list[Source] = []
    shown: list[str] = []
    reasons: list[str] = []
    changed = False
    for hit in brought.passages:
        if hit.chunk_id not in ids:
            texts = [writable(each) for each in (hit.text, hit.title, *hit.heading_path)]
            looked = [await work.look(each, "passage", hit.document_id) for each in texts]
            if blocked := next((each.blocked for each in looked if each.blocked), None):
                reasons.append(blocked)
                continue
            text, title, *headings = (each.text for each in looked)
            changed = changed or [text, title, *headings] != texts
            source = _source(hit, str(len(known) + len(added) + 1), text, title, tuple(headings))
            ids[hit.chunk_id] = source.id
            added.append(source)
        shown.append(ids[hit.chunk_id])
    shown = list(dict.fromkeys(shown))
    said = f"{len(shown)} passages: {', '.join(shown)}." if shown else "No passage may be shown."
    said += f" {len(reasons)} withheld: {reasons[0]}" if reasons else ""
    said += f" {brought.rest}" if brought.rest else ""
    data = {} if reasons or changed else brought.data
    return Observed(step=replace(step, observation=said, sources=tuple(shown), data=data), sources=tuple(added))


def _bounded(work: Work, text: str, rest: str | None) -> str:
    most = work.parts.settings.steps.observation_chars
    if len(text) <= most:
        return text
    return f"{text[:most]}\n[… {len(text) - most:,} more characters. {rest or 'Ask for less at a time.'}]"


async def _title(work: Work, step: Step) -> str:
    """What a person is shown of a result that is no passage: the call that brought it."""
    given = ", ".join(f"{name}={value!r}" for name, value in step.arguments.items())
    screened = await work.look(given[:SHORT] + "…" if len(given) > SHORT else given, "arguments")
    return f"{step.tool}({'…' if screened.blocked else screened.text})"


def _source(hit: Hit, number: str, text: str, title: str, headings: tuple[str, ...]) -> Source:
    return Source(
        id=number,
        chunk_id=hit.chunk_id,
        document_id=hit.document_id,
        version_id=hit.version_id,
        title=title,
        text=text,
        page=hit.page,
        boxes=hit.boxes,
        heading_path=headings,
        language=hit.language,
        kind=hit.kind,
        sentences=hit.sentences if text == hit.text else (),
        score=hit.score,
    )
