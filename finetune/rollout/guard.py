"""One guard of a trial: what it has seen, what speaks for more harm than is borne, and what excludes that."""

from __future__ import annotations

import math
from dataclasses import dataclass

from finetune.rollout.sequential import STAKES, Bets, Interval

_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0)
_WIDE = (-0.5, -0.2, -0.1, -0.05, -0.02, -0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 0.99)


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardState:
    """What one guard has seen: `n` pairs, both arms' means, by how much the candidate is worse with an interval that
    holds at any moment, and the evidence for more than is borne. `crossed` is the pair at which it reached `limit`.

    `upper` is the least harm that is excluded, at any moment with probability 1 - alpha; `excluded` says that all harm
    beyond the tolerance is; where it is not, `needs` are the questions answered by both that this would take as things
    look, None where they do not look like it.
    """

    name: str
    n: int
    candidate_mean: float | None
    champion_mean: float | None
    difference: float | None
    interval: tuple[float, float] | None
    tolerance: float
    evidence: float
    limit: float
    crossed: int | None
    upper: float | None
    excluded: bool
    needs: int | None

    @property
    def breached(self) -> bool:
        """Whether it ends the trial."""
        return self.crossed is not None


class Guard:
    """One guard while its pairs come. Values lie in [0, 1], and larger is worse."""

    def __init__(self, name: str, tolerance: float, limit: float, alpha: float) -> None:
        self.name, self.tolerance, self.limit = name, tolerance, limit
        self._shown_at = 1.0 / alpha
        self._better_at = 2.0 / alpha
        # What harm is excluded is asked of figures around the tolerance; between two of them the larger one counts.
        self._figures = sorted({*_WIDE, *(min(tolerance * step, 0.99) for step in _STEPS)})
        self._bets = Bets([tolerance], self._figures)
        self._interval = Interval(alpha)
        self._candidate = self._champion = self._squares = 0.0
        self._peak = 1.0
        self.crossed: int | None = None

    def add(self, candidate: float, champion: float) -> None:
        """One pair more."""
        difference = candidate - champion
        self._bets.add(difference)
        self._interval.add(difference)
        self._candidate += candidate
        self._champion += champion
        self._squares += difference**2
        capital = self._bets.capital(0)
        self._peak = max(self._peak, capital)
        if self.crossed is None and capital >= self.limit:
            self.crossed = self._bets.n

    @property
    def better(self) -> bool:
        """Whether the candidate is shown to be better than the champion, in this."""
        return self._bets.capital(1 + self._figures.index(0.0)) >= self._better_at

    def state(self, questions: int) -> GuardState:
        """What it has come to, `questions` being answered by both so far."""
        n = self._bets.n
        capitals = self._bets.capitals()
        upper = self._upper(capitals[1:])
        excluded = upper is not None and upper <= self.tolerance
        return GuardState(
            name=self.name,
            n=n,
            candidate_mean=self._candidate / n if n else None,
            champion_mean=self._champion / n if n else None,
            difference=(self._candidate - self._champion) / n if n else None,
            interval=self._interval.bounds,
            tolerance=self.tolerance,
            evidence=capitals[0] if self.crossed is None else self._peak,
            limit=self.limit,
            crossed=self.crossed,
            upper=upper,
            excluded=excluded,
            needs=None if excluded else self._needs(questions),
        )

    def _upper(self, capitals: list[float]) -> float | None:
        found = None
        for figure, capital in zip(reversed(self._figures), reversed(capitals), strict=True):
            if capital < self._shown_at:
                break
            found = figure
        return found

    def _needs(self, questions: int) -> int | None:
        """By the growth of the best stake so far, to the second order; the capital is spread over all stakes."""
        n = self._bets.n
        if not n:
            return None
        mean = (self._candidate - self._champion) / n
        room = 1.0 - min(self.tolerance, 0.99)
        gain = (self.tolerance - mean) / room
        square = (self._squares / n - 2.0 * self.tolerance * mean + self.tolerance**2) / room**2
        if gain <= 0.0:
            return None
        stake = min(gain / square, float(STAKES[-1])) if square > 0.0 else float(STAKES[-1])
        growth = stake * gain - stake**2 * square / 2.0
        wanted = math.log(self._shown_at * STAKES.size) / growth
        return max(n + 1, math.ceil(wanted)) * questions // n


__all__ = ["Guard", "GuardState"]
