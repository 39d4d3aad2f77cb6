"""What an operator watches of rollouts: where each version stands, what its guards have seen, and what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from finetune.rollout.guards import GuardState, Judgement
from finetune.rollout.stages import ON_TRIAL, Deployment

BY_HAND = "person"


@dataclass(kw_only=True)
class RolloutCounts:
    """What this server has done since it started: `loads` by what came of them (loaded, unloaded, put_off, refused),
    `rollbacks` by their cause (a guard's name, or person), `seconds` from a breach that a guard could tell to its end,
    of those that nobody has asked for yet."""

    loads: Counter[str] = field(default_factory=Counter)
    rollbacks: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def rolled_back(self, causes: Iterable[str], seconds: float | None) -> None:
        """A trial or a champion was taken back; each guard that ended it is a cause."""
        self.rollbacks.update(causes)
        if seconds is not None:
            self.seconds.append(seconds)
            del self.seconds[:-_UNREAD]

    def take_seconds(self) -> list[float]:
        """Those since it was last asked for."""
        taken, self.seconds = self.seconds, []
        return taken


_UNREAD = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutFigures:
    """All of it at a moment. `stages` are of what is live: (version, scope, stage, share of people who are answered by
    it); `guards` those of its trials: (version, scope, guard). `keeps` says that this server keeps the rollouts."""

    stages: Sequence[tuple[str, str, str, float]]
    guards: Sequence[tuple[str, str, GuardState]]
    open: Sequence[tuple[str, str, int]]
    loads: Mapping[str, int]
    rollbacks: Mapping[str, int]
    seconds: Sequence[float]
    keeps: bool


def figures(
    live: Sequence[Deployment], judgements: Mapping[str, Judgement], counts: RolloutCounts, keeps: bool
) -> RolloutFigures:
    """The figures; what was counted in seconds is handed over once. Guards are told by whoever keeps the rollouts, for
    others look at them only when they are asked."""
    trials = [each for each in live if keeps and each.stage in ON_TRIAL and each.id in judgements]
    return RolloutFigures(
        stages=[(each.version, each.scope, each.stage, _share(each)) for each in live],
        guards=[(each.version, each.scope, guard) for each in trials for guard in judgements[each.id].guards],
        open=[(each.version, each.scope, len(judgements[each.id].open)) for each in trials],
        loads=dict(counts.loads),
        rollbacks=dict(counts.rollbacks),
        seconds=counts.take_seconds(),
        keeps=keeps,
    )


def _share(each: Deployment) -> float:
    return {"champion": 1.0, "canary": each.share}.get(each.stage, 0.0)


__all__ = ["BY_HAND", "RolloutCounts", "RolloutFigures", "figures"]
