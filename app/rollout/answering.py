"""Answers written by the version that is rolled out to whoever asks, and during a trial by the other one beside.

A candidate that fails never reaches a reader: the champion answers in its place, and the failure counts. What is
answered beside is measured and forgotten; nobody is shown it, and no text of it is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from app.answer_cache import Answering
from app.rollout.measuring import failed_with, figures_of
from app.rollout.places import Places
from app.rollout.traffic import Choice, Traffic
from core.errors import (
    DeadlineExceeded,
    FootnoteError,
    GenerationInvalid,
    GeneratorBusy,
    GeneratorMissing,
    NotFound,
    Unavailable,
)
from core.types import AnswerEvent
from finetune.rollout.assign import in_share
from finetune.rollout.stages import Arm, Figures

if TYPE_CHECKING:
    from agents.answer import AnswerRequest

log = logging.getLogger("footnote.rollout")

_WORD = re.compile(r"\w+")

Observe = Callable[[Choice, str, str, Arm, bool, Figures], Awaitable[None]]
"""Keeps what was measured: of which trial, answer, person and arm, whether it was shown, and the figures."""


@dataclass(kw_only=True)
class RollingAnswers:
    """`Answering` over another. `base` is what the model without an adapter is asked for by; `places` says how many
    answers are written beside at a time. None is while requests wait for the generator (`busy`): what is measured is no
    reason to let a person wait."""

    answering: Answering
    traffic: Traffic
    observe: Observe
    base: str
    places: Places = field(default_factory=Places)
    shadow: float = 1.0
    busy: Callable[[], bool] = lambda: False
    _beside: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, request: AnswerRequest) -> AsyncGenerator[AnswerEvent]:
        """As the one behind it. Who asks for an adapter by name gets that one, and nothing is measured."""
        if request.adapter is not None:
            events_of = self.answering.run(request)
        else:
            choice = self.traffic.choose(request.principal, request.collections)
            events_of = self._run(replace(request, adapter=choice.adapter), choice)
        async with aclosing(events_of) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Stops what is being written beside."""
        tasks = list(self._beside.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, request: AnswerRequest, choice: Choice) -> AsyncGenerator[AnswerEvent]:
        # Before either has answered: what comes of one may not choose which are compared.
        compared = choice.trial is not None and self._takes(request, choice)
        try:
            async with aclosing(self._answered(request, choice, compared)) as events:
                async for event in events:
                    yield event
        finally:
            if request.id not in self._beside:
                self.places.leave(request.id, compared=False)

    async def _answered(self, request: AnswerRequest, choice: Choice, compared: bool) -> AsyncGenerator[AnswerEvent]:
        write = self.answering.run if choice.arm == "candidate" else self._as_champion
        try:
            async with aclosing(write(request)) as events:
                async for event in events:
                    if event.name == "failed" and choice.arm == "candidate":
                        continue  # the champion's own account follows
                    if event.name == "done" and choice.trial is not None:
                        await self._measured(request, choice, event.data, compared)
                    yield event
            return
        except FootnoteError as error:
            if choice.trial is None or not _its_own(error):
                raise
            await self._note(request, choice, choice.arm, True, failed_with(error))
            if choice.arm == "champion":
                if compared:
                    self._begin_beside(request, choice)
                raise
            log.warning("%s failed on a question, the champion answers it: %s", choice.adapter, error)
        async with aclosing(self._as_champion(replace(request, adapter=choice.other))) as events:
            async for event in events:
                if event.name == "done" and compared:
                    figures = figures_of(event.data["answer"], event.data["trace"])
                    await self._note(request, choice, "champion", False, figures)
                yield event

    async def _as_champion(self, request: AnswerRequest) -> AsyncGenerator[AnswerEvent]:
        """Written by a champion; where an engine does not know it, because it was just started, by the base, which says
        so, until it is loaded again."""
        if request.adapter is None:
            async with aclosing(self.answering.run(request)) as events:
                async for event in events:
                    yield event
            return
        failed = None
        try:
            async with aclosing(self.answering.run(request)) as events:
                async for event in events:
                    if event.name == "failed":
                        failed = event
                    else:
                        yield event
            return
        except GeneratorMissing as error:
            log.warning("the champion %s is refused, the base answers: %s", request.adapter, error)
        except FootnoteError:
            if failed is not None:
                yield failed
            raise
        async with aclosing(self.answering.run(replace(request, adapter=self.base))) as events:
            async for event in events:
                yield _said_to_be(event, "champion_missing")

    async def _measured(self, request: AnswerRequest, choice: Choice, done: Any, compared: bool) -> None:
        if done["trace"].reused is not None:
            return  # nothing was written
        await self._note(request, choice, choice.arm, True, figures_of(done["answer"], done["trace"]))
        if compared:
            self._begin_beside(request, choice)

    def _takes(self, request: AnswerRequest, choice: Choice) -> bool:
        """Whether the other arm is to be asked as well."""
        assert choice.trial is not None
        if self.busy() or not self._drawn(request, choice):
            return False
        return self.places.take(request.id, choice.trial, request.principal.id)

    def _drawn(self, request: AnswerRequest, choice: Choice) -> bool:
        assert choice.trial is not None
        if choice.trial.stage == "shadow":
            return in_share(f"{choice.trial.id} shadow", request.id, self.shadow)
        if choice.arm == "candidate":
            return True
        # As many of the others', by chance: what is written second takes longer, whoever writes it.
        return in_share(f"{choice.trial.id} turn", request.id, choice.trial.share / (1.0 - choice.trial.share))

    def _begin_beside(self, request: AnswerRequest, choice: Choice) -> None:
        other = replace(request, adapter=choice.other or self.base, fresh=True, forgotten=True)
        task = asyncio.create_task(self._answer_beside(other, choice), name=f"beside {request.id}")
        self._beside[request.id] = task
        task.add_done_callback(lambda _: self._beside_ended(request.id))

    def _beside_ended(self, request_id: str) -> None:
        del self._beside[request_id]
        self.places.leave(request_id, compared=True)

    async def _answer_beside(self, request: AnswerRequest, choice: Choice) -> None:
        arm: Arm = "champion" if choice.arm == "candidate" else "candidate"
        try:
            async with aclosing(self.answering.run(request)) as events:
                async for event in events:
                    if event.name == "done":
                        figures = figures_of(event.data["answer"], event.data["trace"])
                        await self._note(request, choice, arm, False, figures)
        except FootnoteError as error:
            # What comes second may have waited behind others: that it took too long says nothing of its version.
            if _its_own(error) and not isinstance(error, DeadlineExceeded):
                await self._note(request, choice, arm, False, failed_with(error))
        except Exception:
            log.exception("the answer beside %s ended", request.id)

    async def _note(self, request: AnswerRequest, choice: Choice, arm: Arm, shown: bool, figures: Figures) -> None:
        assert choice.trial is not None
        known = replace(figures, question=_asked(choice.trial.id, request))
        try:
            await self.observe(choice, request.id, request.principal.id, arm, shown, known)
        except FootnoteError as error:  # an answer is worth more than its measure
            log.warning("an observation of %s cannot be kept: %s", choice.adapter, error)


def _asked(trial: str, request: AnswerRequest) -> str:
    """A digest of a question after what was said before it, alike whatever its case, spaces and marks."""
    turns = (request.question, *(turn.content for turn in request.history))
    words = "\n".join(" ".join(_WORD.findall(turn.casefold())) or turn for turn in turns)
    return hashlib.sha256(f"{trial}\n{words}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _said_to_be(event: AnswerEvent, degraded: str) -> AnswerEvent:
    if event.name != "done":
        return event
    answer = event.data["answer"]
    return replace(event, data={**event.data, "answer": replace(answer, degraded=(*answer.degraded, degraded))})


def _its_own(error: FootnoteError) -> bool:
    """Whether an error may be the version's own: not the question's, and not that too many wait."""
    if isinstance(error, GeneratorBusy):
        return False
    return isinstance(error, GenerationInvalid | Unavailable | NotFound)


__all__ = ["Observe", "RollingAnswers"]
