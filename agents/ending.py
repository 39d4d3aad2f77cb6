"""The moves that end an agent's work: with its answer, looked over by a critic where it has one, or because a budget is
used up. Then whoever set it to work goes on, or the run is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from agents.budget import Exhausted
from agents.concluding import Held, answer_of, dumped_answer, held, last_words, screened, told
from agents.scene import CONCLUDE, REASON, Move, Scene
from agents.state import Json
from agents.stepping import Spent, critique
from agents.working import Work
from core.errors import GenerationInvalid, Unavailable
from core.types import Step

OVER = "__end__"
CRITIQUE, SENT_BACK, NO_CRITIC = "critique", "sent_back", "critic"


def stopped(work: Work, scene: Scene, none: Exhausted, last: Step | None = None) -> Move:
    """A budget is used up: whoever it belongs to answers from what is known, and those below it stop at once."""
    frames, budgets = scene.frames, work.budgets(scene.frames)
    whose = next((at for at, budget in enumerate(budgets) if budget.agent == none.agent), 0)
    changed = {last.number: last} if last is not None else {}
    found: list[str] = []
    for frame in reversed(frames[whose + 1 :]):
        found += [each for step in scene.steps if frame.owns(step) for each in step.sources]
        assert frame.parent is not None, "only the first frame has no parent"
        handed = replace(
            scene.steps[frame.parent - 1],
            status="done",
            observation=f"{frame.agent} was stopped: {none}",
            sources=tuple(dict.fromkeys(found)),
        )
        changed[handed.number] = handed
        work.tell_step(handed)
    closing = {"reason": none.reason, "message": str(none), "agent": none.agent}
    kept = [*frames[:whose], replace(frames[whose], closing=closing)]
    update = {**scene.changed(*changed.values()), "frames": [asdict(frame) for frame in kept], "pending": None}
    return Move(goto=CONCLUDE, update=update, spent=True)


async def conclude(work: Work, scene: Scene) -> Move:
    """Ends the work of the agent whose turn it is."""
    frame, sources = scene.frame, scene.citable
    if frame.closing is not None:
        nothing = frame.closing["reason"] == "blocked"
        budget = work.budgets(scene.frames)[-1]
        found = Held() if nothing else await last_words(work, frame, budget, sources)
        return await _handed_over(work, scene, found, ())
    step = scene.last
    found = await held(work, frame, step, sources)
    statements = [{"text": each.text, "sources": list(each.sources)} for each in found.statements]
    arguments = {"answerable": bool(statements), "statements": statements}
    step = work.noted(replace(step, status="done", arguments=arguments))
    if not statements or frame.critiques or work.spec(frame).critic is None:
        work.tell_step(step)
        return await _handed_over(work, scene, found, (step,))
    return await _criticized(work, scene, found, step)


async def _criticized(work: Work, scene: Scene, found: Held, step: Step) -> Move:
    """The answer as a critic lets it through; it may send it back once."""
    frame, budget, parts = scene.frame, work.budgets(scene.frames)[-1], work.parts
    critic = parts.declared.agents[work.spec(frame).critic or ""]
    known = {source.id: source for source in scene.sources}
    cited = [(each, [known[source] for source in each.sources]) for each in found.statements]
    try:
        if none := budget.step():
            raise Spent(none)
        said = await critique(work, budget, critic, frame.task, cited)
    except (Spent, GenerationInvalid, Unavailable):
        work.tell_step(step)
        return await _handed_over(work, scene, replace(found, degraded=(*found.degraded, NO_CRITIC)), (step,))
    verdict = Step(
        number=len(scene.steps) + 1,
        agent=f"{frame.path}/{critic.name}",
        parent=step.number,
        tool=CRITIQUE,
        arguments={"accept": said.value.accept, "reasons": list(said.value.reasons)},
        status="done",
        generator=said.generator,
        usage=said.usage,
        cost=said.cost,
        timings_ms={"generate": said.ms},
    )
    if said.value.accept:
        _tell(work, step, verdict)
        return await _handed_over(work, scene, found, (step, verdict))
    reasons = " ".join(f"{number}. {reason}" for number, reason in enumerate(said.value.reasons, start=1))
    step = replace(step, observation=f"The critic sent this back. {reasons}", failure=SENT_BACK)
    _tell(work, step, verdict)
    frames = [*scene.frames[:-1], replace(frame, critiques=frame.critiques + 1)]
    update = {**scene.changed(step, verdict), "frames": [asdict(each) for each in frames]}
    return Move(goto=REASON, update=update, spent=True)


async def _handed_over(work: Work, scene: Scene, found: Held, steps: Sequence[Step]) -> Move:
    """The answer goes to whoever set the agent to work, or ends the run."""
    if len(scene.frames) > 1:
        return _to_parent(work, scene, found, steps)
    frame = scene.frame
    ms = round(work.budget.seconds_used * 1_000, 3)
    taken = [*(each for each in scene.steps if each.number not in {step.number for step in steps}), *steps]
    said = await screened(work, found, "answer")
    if steps and (noted := work.noted(steps[0])) is not steps[0]:
        work.tell_step(noted)
        steps = (noted, *steps[1:])
    answer = answer_of(work, frame, said, taken, scene.sources, ms)
    dumped = dumped_answer(answer)
    work.tell_answer(dumped, frame.closing)
    message = {"type": "ai", "content": answer.text, "id": f"{work.request.run_id}:answer"}
    messages = [*scene.state["messages"], message]
    update: Json = {"answer": dumped, "incomplete": frame.closing, "pending": None, "messages": messages}
    return Move(goto=OVER, update={**update, **scene.changed(*steps)}, spent=True)


def _to_parent(work: Work, scene: Scene, found: Held, steps: Sequence[Step]) -> Move:
    frame = scene.frame
    assert frame.parent is not None, "only the first frame has no parent"
    cited = dict.fromkeys(source for statement in found.statements for source in statement.sources)
    handed = replace(
        scene.steps[frame.parent - 1],
        status="done",
        observation=told(frame, found, frame.closing),
        sources=tuple(cited),
        untrusted=bool(scene.state.get("tainted")),
    )
    work.tell_step(handed)
    frames = [asdict(each) for each in scene.frames[:-1]]
    return Move(goto=REASON, update={**scene.changed(*steps, handed), "frames": frames, "pending": None}, spent=True)


def _tell(work: Work, *steps: Step) -> None:
    for step in steps:
        work.tell_step(step)
