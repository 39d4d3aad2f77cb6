"""Drift that lasts: an alarm is raised once, reminded of now and then, and ended when it is over.

Two looks at one day compare the same windows, so what is gone has to stay away for a day before it is said to be over:
else a measure at the edge would begin and end every day.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import InvalidInput
from finetune.watch.sentences import Alarm

FORGOTTEN = timedelta(days=60)
"""What could not be looked at for so long, because its scope or its figure is gone, is not told of any more."""

Key = tuple[str, str, str]
"""Scope, measure and direction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lasting:
    """A drift that is going on. `since` is the look that raised it, `told` the one that spoke of it last, `seen` the
    one that found it last, `gone` the first one since that did not. `said` and `todo` are those of `seen`."""

    scope: str
    measure: str
    direction: str
    since: datetime
    told: datetime
    seen: datetime
    gone: datetime | None = None
    said: str = ""
    todo: str = ""

    @property
    def key(self) -> Key:
        """What makes it the same in the next look."""
        return self.scope, self.measure, self.direction


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What a look makes of drifts: those that begin, that are to be reminded of, that are over, and all that last."""

    begun: tuple[Lasting, ...] = ()
    reminded: tuple[Lasting, ...] = ()
    over: tuple[Lasting, ...] = ()
    lasting: tuple[Lasting, ...] = ()


def follow(
    before: Sequence[Lasting],
    raised: Sequence[Alarm],
    looked_at: Collection[tuple[str, str]],
    at: datetime,
    remind: timedelta | None,
) -> Course:
    """What becomes of the drifts that lasted before, by the alarms of a look `at` this moment.

    `looked_at` are scopes and measures of which something could be told: others last on. `remind` is the least time
    between two words on one drift, None says nothing again.
    """
    alarms = {(each.scope, each.measure, str(each.direction)): each for each in raised}
    known = {each.key for each in before}
    begun = [_begun(each, at) for key, each in alarms.items() if key not in known]
    on: list[Lasting] = []
    reminded: list[Lasting] = []
    over: list[Lasting] = []
    for each in before:
        found = alarms.get(each.key)
        if found is None:
            kept = _without(each, (each.scope, each.measure) in looked_at, at)
            (over if kept is None else on).append(kept or each)
            continue
        due = remind is not None and at - each.told >= remind
        now = replace(each, seen=at, gone=None, said=found.said, todo=found.todo, told=at if due else each.told)
        on.append(now)
        if due:
            reminded.append(now)
    return Course(begun=tuple(begun), reminded=tuple(reminded), over=tuple(over), lasting=(*on, *begun))


def from_json(row: Mapping[str, Any]) -> Lasting:
    """A drift as `report.plain` wrote it. Raises `InvalidInput` for what is none."""
    try:
        return Lasting(
            scope=str(row["scope"]),
            measure=str(row["measure"]),
            direction=str(row["direction"]),
            since=_moment(row["since"]),
            told=_moment(row["told"]),
            seen=_moment(row["seen"]),
            gone=None if row["gone"] is None else _moment(row["gone"]),
            said=str(row["said"]),
            todo=str(row["todo"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"This is no drift that lasts: {error}. Remove the file it was read from.") from None


def _begun(alarm: Alarm, at: datetime) -> Lasting:
    return Lasting(
        scope=alarm.scope, measure=alarm.measure, direction=alarm.direction, since=at, told=at, seen=at,
        said=alarm.said, todo=alarm.todo,
    )  # fmt: skip


def _without(each: Lasting, looked_at: bool, at: datetime) -> Lasting | None:
    """A drift that a look did not find; None where it is over."""
    if not looked_at:
        return each if at - each.seen < FORGOTTEN else None
    if each.gone is not None and _day(at) > _day(each.gone):
        return None
    return replace(each, gone=each.gone or at)


def _day(moment: datetime) -> int:
    return moment.astimezone(UTC).toordinal()


def _moment(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return found


__all__ = ["FORGOTTEN", "Course", "Key", "Lasting", "follow", "from_json"]
