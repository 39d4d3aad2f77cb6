"""What a run may use, in one object: steps, calls of tools, tokens, seconds at work and cost.

Sub-agents spend from their parent's budget as well as from their own, so that neither is ever passed. Nothing is spent
unless there is room for it everywhere; a refusal names whose limit it was. All of it happens between two awaits of one
event loop: no locks.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from agents.settings import BudgetSettings

Reason = Literal["steps", "tool_calls", "calls_of_tool", "identical_call", "tokens", "seconds", "cost"]
_MILLION = 1_000_000
_ENDS: frozenset[Reason] = frozenset({"steps", "tool_calls", "tokens", "seconds", "cost"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhausted:
    """A limit that leaves no room. `agent` is whose budget it is; `limit` is in the reason's own unit."""

    reason: Reason
    agent: str
    limit: float
    tool: str | None = None

    @property
    def ends_run(self) -> bool:
        """Whether only the final answer is left; otherwise another call may still be made."""
        return self.reason in _ENDS

    def __str__(self) -> str:
        said = {
            "steps": f"The limit of {self.limit:g} steps is reached.",
            "tool_calls": f"The limit of {self.limit:g} tool calls is reached.",
            "calls_of_tool": f"The limit of {self.limit:g} calls of {self.tool} is reached: "
            "use another tool or answer.",
            "identical_call": f"{self.tool} was called with these very arguments {self.limit:g} times: "
            "change them or answer.",
            "tokens": f"The limit of {self.limit:,.0f} tokens is reached.",
            "seconds": f"The limit of {self.limit:g} seconds is reached.",
            "cost": f"The limit of {self.limit:g} in cost is reached.",
        }
        return said[self.reason]


class BudgetState(BaseModel):
    """A budget at rest, as it is stored: its limits, what was used of them, and the budgets of its sub-agents.

    `cost` is in millionths. What was set aside and not settled counts as used: nobody knows whether it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: str
    limits: BudgetSettings
    steps: int = 0
    calls: dict[str, int] = {}
    identical: dict[str, int] = {}
    tokens: int = 0
    cost: int = 0
    seconds: float = 0.0
    children: tuple[BudgetState, ...] = ()


class Grant:
    """Tokens and cost that are set aside for one use of a model or tool. Settle it exactly once."""

    def __init__(self, budget: Budget, tokens: int, cost: int) -> None:
        self.tokens = tokens
        self._budget = budget
        self._cost = cost
        self._settled = False

    @property
    def cost(self) -> float | None:
        """The cost set aside; None where no budget limits it."""
        return self._cost / _MILLION if self._budget.limits_cost else None

    def settle(self, *, tokens: int = 0, cost: float = 0.0) -> None:
        """Says what was really used: the rest goes back. Using more than was granted is recorded as it happened."""
        assert not self._settled, "a grant is settled once"
        self._settled = True
        self._budget._add(tokens - self.tokens, _millionths(cost) - self._cost)


class Budget:
    """One agent's budget in a run. `clock` gives seconds and never goes back; time counts while `at_work`."""

    def __init__(
        self, limits: BudgetSettings, *, agent: str = "main", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits
        self.agent = agent
        self._clock = clock
        self._parent: Budget | None = None
        self._children: dict[str, Budget] = {}
        self._steps = 0
        self._calls: Counter[str] = Counter()
        self._identical: Counter[str] = Counter()
        self._tokens = 0
        self._cost = 0
        self._seconds = 0.0
        self._since: float | None = None
        self._working = 0

    # ---- spending -----------------------------------------------------------------------------------------------

    def step(self) -> Exhausted | None:
        """Takes one step, unless that or anything else a step needs is used up."""
        if found := self.exhausted():
            return found
        for budget in self._line():
            budget._steps += 1
        return None

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Exhausted | None:
        """Takes one call of a tool. Whether it is the same call again is told by `identity`."""
        key = identity(tool, arguments)
        for budget in self._line():
            if found := budget._no_call(tool):
                return found
        if self._identical[key] >= self.limits.identical_calls:
            return self._none("identical_call", self.limits.identical_calls, tool)
        self._identical[key] += 1
        for budget in self._line():
            budget._calls[tool] += 1
        return None

    def grant(
        self, *, at_least: int = 0, at_most: int = 0, cost: float = 0.0, final: bool = False
    ) -> Grant | Exhausted:
        """Sets tokens (as many as there are up to `at_most`) and cost aside; refuses if `at_least` cannot be had.

        `final` is for this agent's last answer and may use what it kept back for that, but not its parent's.
        """
        assert 0 <= at_least <= at_most or at_most == 0
        wanted = _millionths(cost)
        for budget in self._line():
            last = final and budget is self
            if budget.seconds_left(final=last, own=True) <= 0:
                return budget._none("seconds", budget.limits.seconds)
            if budget._own_tokens(final=last) < max(at_least, min(at_most, 1)):
                return budget._none("tokens", budget.limits.tokens)
            if budget._own_cost() < wanted:
                return budget._none("cost", budget.limits.cost or 0.0)
        tokens = min(at_most, self.tokens_left(final=final))
        self._add(tokens, wanted)
        return Grant(self, tokens, wanted)

    def child(self, agent: str, limits: BudgetSettings) -> Budget:
        """The budget of a sub-agent, made at the first call; it is there again after a restart. Names are unique."""
        if agent not in self._children:
            self._adopt(Budget(limits, agent=agent))
        return self._children[agent]

    # ---- what is left -------------------------------------------------------------------------------------------

    def exhausted(self) -> Exhausted | None:
        """The limit, this budget's own or above it, that allows no further step; None while there is room."""
        for budget in self._line():
            limits = budget.limits
            if budget._steps >= limits.steps:
                return budget._none("steps", limits.steps)
            if budget._own_tokens() <= 0:
                return budget._none("tokens", limits.tokens)
            if budget.seconds_left(own=True) <= 0:
                return budget._none("seconds", limits.seconds)
            if limits.cost is not None and budget._own_cost() <= 0:
                return budget._none("cost", limits.cost)
        return None

    def tokens_left(self, *, final: bool = False) -> int:
        """Tokens that a grant could have now."""
        return max(0, min(budget._own_tokens(final=final and budget is self) for budget in self._line()))

    def seconds_left(self, *, final: bool = False, own: bool = False) -> float:
        """Seconds that work may still take: the deadline for a step or a tool. Not below 0."""
        line = [self] if own else list(self._line())
        return max(0.0, min(budget._own_seconds(final=final and budget is self) for budget in line))

    @property
    def limits_cost(self) -> bool:
        """Whether this budget or one above it limits the cost."""
        return any(budget.limits.cost is not None for budget in self._line())

    # ---- time ---------------------------------------------------------------------------------------------------

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Lets this budget's time pass inside. A sub-agent's passes only while its parent's does."""
        if not self._working:
            self._since = self._now()
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self._seconds, self._since = self.seconds_used, None

    @property
    def seconds_used(self) -> float:
        """Seconds at work so far, those before a restart included."""
        return self._seconds + (0.0 if self._since is None else max(0.0, self._now() - self._since))

    # ---- at rest ------------------------------------------------------------------------------------------------

    def state(self) -> BudgetState:
        """All of it as it can be stored, and shown."""
        return BudgetState(
            agent=self.agent,
            limits=self.limits,
            steps=self._steps,
            calls=dict(self._calls),
            identical=dict(self._identical),
            tokens=self._tokens,
            cost=self._cost,
            seconds=self.seconds_used,
            children=tuple(child.state() for child in self._children.values()),
        )

    @classmethod
    def restored(cls, state: BudgetState, *, clock: Callable[[], float] = time.monotonic) -> Self:
        """The budget as it was, resting until it is `at_work` again. Limits are those the run began with."""
        budget = cls(state.limits, agent=state.agent, clock=clock)
        budget._steps, budget._tokens, budget._cost = state.steps, state.tokens, state.cost
        budget._calls, budget._identical = Counter(state.calls), Counter(state.identical)
        budget._seconds = state.seconds
        for each in state.children:
            budget._adopt(cls.restored(each))
        return budget

    # ---- within -------------------------------------------------------------------------------------------------

    def _adopt(self, child: Budget) -> None:
        child._parent = self
        self._children[child.agent] = child

    def _line(self) -> Iterator[Budget]:
        """This budget and those above it."""
        budget: Budget | None = self
        while budget is not None:
            yield budget
            budget = budget._parent

    def _now(self) -> float:
        """A sub-agent's clock is its parent's time at work: it stands still whenever that does."""
        return self._clock() if self._parent is None else self._parent.seconds_used

    def _none(self, reason: Reason, limit: float, tool: str | None = None) -> Exhausted:
        return Exhausted(reason=reason, agent=self.agent, limit=limit, tool=tool)

    def _no_call(self, tool: str) -> Exhausted | None:
        if self._calls.total() >= self.limits.tool_calls:
            return self._none("tool_calls", self.limits.tool_calls)
        most = self.limits.calls_per_tool.get(tool)
        if most is not None and self._calls[tool] >= most:
            return self._none("calls_of_tool", most, tool)
        if self.seconds_left(own=True) <= 0:
            return self._none("seconds", self.limits.seconds)
        return None

    def _own_tokens(self, *, final: bool = False) -> int:
        return self.limits.tokens - self._tokens - (0 if final else self.limits.final_tokens)

    def _own_seconds(self, *, final: bool = False) -> float:
        return self.limits.seconds - self.seconds_used - (0.0 if final else self.limits.final_seconds)

    def _own_cost(self) -> float:
        return math.inf if self.limits.cost is None else math.floor(self.limits.cost * _MILLION) - self._cost

    def _add(self, tokens: int, cost: int) -> None:
        for budget in self._line():
            budget._tokens += tokens
            budget._cost += cost


def identity(tool: str, arguments: Mapping[str, Any]) -> str:
    """A digest that two calls share when they ask for the same: key order, 1 and 1.0, spaces at the ends aside."""
    text = json.dumps([tool, _canonical(arguments)], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFC", value).split())
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _millionths(cost: float) -> int:
    """Whole millionths, rounded up (noise of the binary fraction aside), so that sums never hide a part."""
    assert cost >= 0, "nothing pays back"
    return math.ceil(round(cost * _MILLION, 3))
