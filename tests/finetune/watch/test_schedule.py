"""Windows and looks: what is compared with what, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.errors import InvalidInput
from finetune.watch.rules import WatchRules
from finetune.watch.schedule import DAY, Window, is_due, next_look, windows

RULES = WatchRules(reference_days=28, current_days=7, every_days=1)
FIRST = datetime(2030, 1, 1, 9, 30, tzinfo=UTC)
OLDEST = datetime(2030, 1, 2, tzinfo=UTC)


def test_without_a_promotion_the_oldest_full_window_is_the_reference() -> None:
    found = windows(OLDEST + 60 * DAY + timedelta(hours=5), FIRST, None, RULES)
    assert found is not None
    assert found.reference == Window(start=OLDEST, end=OLDEST + 28 * DAY)
    assert found.current == Window(start=OLDEST + 53 * DAY, end=OLDEST + 60 * DAY)
    assert found.since == "beginning"


def test_windows_never_overlap_and_there_are_none_before_both_are_full() -> None:
    full = OLDEST + 35 * DAY
    assert windows(full - timedelta(seconds=1), FIRST, None, RULES) is None
    found = windows(full, FIRST, None, RULES)
    assert found is not None
    assert found.current.start == found.reference.end


def test_after_a_promotion_the_days_before_it_are_the_reference() -> None:
    promoted = datetime(2030, 3, 10, 15, tzinfo=UTC)
    found = windows(promoted + 20 * DAY, FIRST, promoted, RULES)
    assert found is not None
    assert found.since == "promotion"
    assert found.reference == Window(start=datetime(2030, 2, 10, tzinfo=UTC), end=datetime(2030, 3, 10, tzinfo=UTC))
    assert windows(datetime(2030, 3, 17, 23, tzinfo=UTC), FIRST, promoted, RULES) is None
    first = windows(datetime(2030, 3, 18, tzinfo=UTC), FIRST, promoted, RULES)
    assert first is not None
    assert first.current.start == datetime(2030, 3, 11, tzinfo=UTC), "the day of the promotion belongs to neither"


@pytest.mark.parametrize("promoted", [OLDEST + 10 * DAY, OLDEST + 400 * DAY])
def test_a_promotion_too_early_or_yet_to_come_changes_nothing(promoted: datetime) -> None:
    now = OLDEST + 60 * DAY
    assert windows(now, FIRST, promoted, RULES) == windows(now, FIRST, None, RULES)


def test_the_first_look_is_after_the_first_whole_day_and_then_day_by_day() -> None:
    assert next_look(FIRST, None, RULES) == OLDEST
    assert not is_due(OLDEST - timedelta(seconds=1), FIRST, None, RULES)
    assert is_due(OLDEST, FIRST, None, RULES)
    looked = OLDEST + timedelta(hours=3)
    assert next_look(FIRST, looked, RULES) == OLDEST + DAY
    assert next_look(FIRST, looked, RULES.model_copy(update={"every_days": 7})) == OLDEST + 7 * DAY


def test_moments_of_other_zones_are_the_same_moments() -> None:
    east = timezone(timedelta(hours=9))
    now = OLDEST + 60 * DAY
    assert windows(now.astimezone(east), FIRST.astimezone(east), None, RULES) == windows(now, FIRST, None, RULES)


def test_moments_without_a_zone_are_refused() -> None:
    with pytest.raises(InvalidInput, match="UTC"):
        windows(datetime(2030, 5, 1), FIRST, None, RULES)
