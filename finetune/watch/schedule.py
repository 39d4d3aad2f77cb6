"""Which windows a look compares, and when the next one is due. Moments have a time zone and come back in UTC; days
begin at midnight UTC, so that every look of a day compares the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.errors import InvalidInput
from finetune.watch.rules import WatchRules

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """[start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """What is compared with what. `since` says what the reference rests on: the last promotion, or the beginning."""

    reference: Window
    current: Window
    since: str


def windows(now: datetime, first: datetime, promoted: datetime | None, rules: WatchRules) -> Windows | None:
    """The windows of a look at `now`; None where there is no full one yet.

    The reference are the days before the last promotion: what was asked when the version in service passed its gate.
    Where nothing was promoted, or not that many days had been seen by then, it is the oldest full window since `first`.
    The current window are the last full days, all of them after the reference and the promotion it rests on. Raises
    `InvalidInput` for moments without a time zone.
    """
    reference, after, since = _reference(_utc(now), _utc(first), _utc(promoted) if promoted else None, rules)
    end = _midnight(_utc(now))
    current = Window(start=end - rules.current_days * DAY, end=end)
    if current.start < after:
        return None
    return Windows(reference=reference, current=current, since=since)


def next_look(first: datetime, last: datetime | None, rules: WatchRules) -> datetime:
    """When the next look is due: so many days after the `last`; the first one once a day is over. Where windows are not
    full yet there is nothing to compare, but figures by day, costs, anchors and the next run are to be told all the
    same. Raises `InvalidInput` for moments without a time zone."""
    return _ceiling(_utc(first)) if last is None else _midnight(_utc(last)) + rules.every_days * DAY


def is_due(now: datetime, first: datetime, last: datetime | None, rules: WatchRules) -> bool:
    """Whether it is time to look."""
    return next_look(first, last, rules) <= _utc(now)


def _reference(
    now: datetime, first: datetime, promoted: datetime | None, rules: WatchRules
) -> tuple[Window, datetime, str]:
    """The reference, the first moment that may be compared with it, and what it rests on."""
    days = rules.reference_days * DAY
    oldest = _ceiling(first)
    if promoted is not None and promoted <= now:
        end = _midnight(promoted)
        if end - days >= oldest:
            return Window(start=end - days, end=end), _ceiling(promoted), "promotion"
    return Window(start=oldest, end=oldest + days), oldest + days, "beginning"


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise InvalidInput("A moment has no time zone. Hand over moments in UTC.")
    return moment.astimezone(UTC)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _ceiling(moment: datetime) -> datetime:
    return _midnight(moment) if moment == _midnight(moment) else _midnight(moment) + DAY
