"""What the server holds for rollouts, opened and closed with it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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
from app.rollout.champion import ChampionGenerator
from app.rollout.counts import RolloutCounts, RolloutFigures, figures
from app.rollout.desk import RolloutDesk
from app.rollout.guarding import Guarding
from app.rollout.hands import Hands
from app.rollout.judging import Judges
from app.rollout.keeper import RolloutKeeper
from app.rollout.places import Places
from app.rollout.traffic import Choice, Traffic
from app.settings import Settings
from app.store.store import Store
from core.errors import FootnoteError, NotFound
from core.ports import Generator
from core.types import Principal
from finetune.ports import Versions
from finetune.rollout.stages import Arm, Deployment, Figures, Stage

log = logging.getLogger("footnote.rollout")

_KEPT = 5
"""Former champions of a scope that retention leaves alone."""


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """The parts of rollouts in one server: `traffic` says who answers whom, `desk` is for administrators, `over` puts
    both before an answerer, `hands` make engines load and unload."""

    traffic: Traffic
    desk: RolloutDesk
    keeper: RolloutKeeper
    over: Callable[[Answering], RollingAnswers]
    hands: Hands
    alarm: Alarm
    judges: Judges
    counts: RolloutCounts

    def figures(self) -> RolloutFigures:
        """What an operator watches of them, as this server knows it."""
        return figures(self.traffic.live, self.judges.latest, self.counts, self.keeper.keeps)

    def champion(self) -> str | None:
        """The version that answers everybody; None is the settings' default, or the base."""
        return self.traffic.champion(Principal(id=""))

    def written(self, generator: Generator) -> Generator:
        """The generator for whoever asks for no adapter and is in no trial: the champion of everybody writes."""
        return ChampionGenerator(generator, self.champion)

    async def kept(self) -> set[str]:
        """Versions that are in service or on their way, and the last champions before them."""
        deployments = self.desk.deployments
        live = await deployments.live()
        found = {each.version for each in live}
        for scope in {each.scope for each in live}:
            found |= {each.version for each in (await deployments.former(scope))[:_KEPT]}
        return found

    async def lend(self, versions: Sequence[str]) -> None:
        """Has engines serve versions for a while. Raises what `Hands.load` raises."""
        loaded = await self.hands.loaded()
        for version in versions:
            if not self.hands.always(version) and version not in loaded:
                await self.hands.load(version)

    async def give_back(self, versions: Sequence[str]) -> list[str]:
        """Has engines serve versions no more that were lent, but for those that are in service meanwhile; those that
        they do not let go of now, which the log says, too."""
        if not versions:
            return []
        try:
            needed = {each.version for each in await self.desk.deployments.live()}
        except FootnoteError as error:
            log.warning("%s stay loaded: %s", ", ".join(versions), error)
            return list(versions)
        lent = [each for each in versions if each not in needed and not self.hands.stays(each)]
        return [each for each in lent if not await self._let_go(each)]

    async def _let_go(self, version: str) -> bool:
        try:
            await self.hands.unload(version)
        except NotFound:
            return True
        except FootnoteError as error:
            log.warning("%s was lent and stays loaded: %s", version, error)
            return False
        return True


@asynccontextmanager
async def open_rollout(
    settings: Settings,
    store: Store,
    adapters: Adapters,
    registry: Versions,
    passed: Callable[[str, str, str], Awaitable[None]],
    busy: Callable[[], bool],
) -> AsyncIterator[Rollout]:
    """Rollouts are kept going from now on. Raises `StoreUnavailable`."""
    wanted = settings.finetune.rollout
    kept = store.deployments
    traffic, hands = Traffic(kept), Hands(adapters=adapters, registry=registry)
    alarm = Alarm(wanted.webhook, wanted.webhook_key)
    judges, counts = Judges(kept), RolloutCounts()
    noting = partial(note, places(settings).root)
    guarding = Guarding(
        deployments=kept, judges=judges, traffic=traffic, alarm=alarm, note=noting, counts=counts,
        next_stage=partial(_next_stage, wanted.approval == "none"),
    )  # fmt: skip
    keeper = RolloutKeeper(kept, store.presence, hands, traffic, alarm, noting, counts, guarding.look)
    desk = RolloutDesk(
        settings=wanted, deployments=kept, registry=registry, hands=hands, traffic=traffic, alarm=alarm, note=noting,
        passed=passed, collection=store.collections.require, counts=counts, nudge=keeper.nudge,
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
                places=Places(at_once=wanted.at_once),
                shadow=wanted.shadow,
                busy=busy,
            )
        )
        return made[-1]

    await traffic.read()
    async with beside(traffic.keep_reading(), "read deployments"), beside(keeper.keep(), "keep rollouts"):
        try:
            yield Rollout(
                traffic=traffic, desk=desk, keeper=keeper, over=over, hands=hands, alarm=alarm, judges=judges,
                counts=counts,
            )  # fmt: skip
        finally:
            for each in made:
                await each.close()
            await alarm.close()


def _next_stage(by_itself: bool, trial: Deployment) -> Stage | None:
    if not by_itself:
        return None
    return "canary" if trial.stage == "shadow" else "champion"


__all__ = ["Rollout", "open_rollout"]
