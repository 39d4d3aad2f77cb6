"""What the server holds for rollouts, opened and closed with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from app.adapters import Adapters
from app.answer_cache import Answering
from app.beside import beside
from app.finetune.audit import note
from app.finetune.places import places
from app.rollout.alarm import Alarm
from app.rollout.answering import RollingAnswers
from app.rollout.desk import RolloutDesk
from app.rollout.hands import Hands
from app.rollout.keeper import RolloutKeeper
from app.rollout.traffic import Choice, Traffic
from app.settings import Settings
from app.store.store import Store
from core.errors import Conflict
from finetune.ports import Versions
from finetune.rollout.stages import Arm, Deployment, Figures, Stage


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """The parts of rollouts in one server: `traffic` says who answers whom, `desk` is for administrators, `over` puts
    both before an answerer."""

    traffic: Traffic
    desk: RolloutDesk
    keeper: RolloutKeeper
    over: Callable[[Answering], RollingAnswers]


@asynccontextmanager
async def open_rollout(
    settings: Settings, store: Store, adapters: Adapters, registry: Versions, busy: Callable[[], bool]
) -> AsyncIterator[Rollout]:
    """Rollouts are kept going from now on. Raises `StoreUnavailable`."""
    wanted = settings.finetune.rollout
    kept = store.deployments
    traffic, hands = Traffic(kept), Hands(adapters=adapters, registry=registry)
    alarm = Alarm(wanted.webhook, wanted.webhook_key)
    noting = partial(note, places(settings).root)
    keeper = RolloutKeeper(
        kept, store.presence, hands, traffic, alarm, noting, partial(_next_stage, wanted.approval == "none")
    )
    desk = RolloutDesk(
        settings=wanted, deployments=kept, registry=registry, hands=hands, traffic=traffic, alarm=alarm, note=noting,
        passed=_no_gate, collection=store.collections.require, nudge=keeper.nudge,
    )  # fmt: skip

    async def observe(choice: Choice, answer: str, person: str, arm: Arm, shown: bool, figures: Figures) -> None:
        assert choice.trial is not None
        await kept.observe(choice.trial.id, answer, person, arm, shown, figures)

    made: list[RollingAnswers] = []

    def over(answering: Answering) -> RollingAnswers:
        made.append(
            RollingAnswers(
                answering=answering,
                traffic=traffic,
                observe=observe,
                base=adapters.base,
                at_once=wanted.at_once,
                shadow=wanted.shadow,
                busy=busy,
            )
        )
        return made[-1]

    await traffic.read()
    async with beside(traffic.keep_reading(), "read deployments"), beside(keeper.keep(), "keep rollouts"):
        try:
            yield Rollout(traffic=traffic, desk=desk, keeper=keeper, over=over)
        finally:
            for each in made:
                await each.close()
            await alarm.close()


def _next_stage(by_itself: bool, trial: Deployment) -> Stage | None:
    if not by_itself:
        return None
    return "canary" if trial.stage == "shadow" else "champion"


async def _no_gate(report: str, version: str) -> None:
    raise Conflict(f"There is no gate's report {report[:80]}.")


__all__ = ["Rollout", "open_rollout"]
