"""What one caller may hold at a time."""

from __future__ import annotations

import pytest

from app.errors import TooManyRequests
from app.limits import Share
from core.types import Principal

ANA, BEN = (Principal(id=name, groups=frozenset()) for name in ("ana", "ben"))


def test_a_share_is_each_callers_own() -> None:
    share = Share(2, "At most {most}.")
    first, _ = share.take(ANA), share.take(ANA)
    with pytest.raises(TooManyRequests, match="At most 2"):
        share.take(ANA)
    share.take(BEN)
    assert len(share) == 3
    first()
    share.take(ANA)
    with pytest.raises(TooManyRequests):
        share.take(ANA)


def test_what_was_given_back_is_not_given_back_again() -> None:
    share = Share(1, "One.")
    give_back = share.take(ANA)
    give_back()
    second = share.take(ANA)
    give_back()
    with pytest.raises(TooManyRequests):
        share.take(ANA)
    second()
    assert len(share) == 0


def test_keys_of_one_name_share() -> None:
    share = Share(1, "One.")
    share.take(ANA)
    with pytest.raises(TooManyRequests):
        share.take(Principal(id="ana", groups=frozenset({"hr"})))
