"""Costs by model and adapter."""

from __future__ import annotations

import pytest

from core.errors import InvalidInput
from finetune.watch.costs import Price, costs, total
from finetune.watch.records import Seen
from tests.finetune.watch.stream import START, stream


def test_by_hand() -> None:
    records = [_seen("a", None, 1_000, 500), _seen("a", None, 3_000, 1_500), _seen("a", "v1", 2_000, 0)]
    bare, tuned = costs(records, {("a", None): Price(per_million_in=2.0, per_million_out=10.0)})
    assert (bare.model, bare.adapter, bare.answers, bare.tokens_in, bare.tokens_out) == ("a", None, 2, 4_000, 2_000)
    assert bare.total == pytest.approx(0.008 + 0.02)
    assert bare.per_answer == pytest.approx(0.014)
    assert bare.per_token == pytest.approx(0.028 / 6_000)
    assert tuned.total == pytest.approx(0.004)


def test_an_adapter_may_have_a_price_of_its_own_and_a_model_none() -> None:
    own = {
        ("a", None): Price(per_million_in=1, per_million_out=1),
        ("a", "v1"): Price(per_million_in=3, per_million_out=3),
    }
    records = [_seen("a", None, 10, 10), _seen("a", "v1", 10, 10), _seen("b", None, 10, 10)]
    assert [each.total for each in costs(records, own)] == [pytest.approx(2e-5), pytest.approx(6e-5), None]
    assert total(records, own) is None
    assert total(records[:2], own) == pytest.approx(8e-5)
    assert total([], own) == 0.0


def test_nothing_read_or_written_has_no_price_per_token() -> None:
    (free,) = costs([_seen("a", None, 0, 0)], {("a", None): Price(per_million_in=1, per_million_out=1)})
    assert (free.total, free.per_answer, free.per_token) == (0.0, 0.0, None)


def test_order_does_not_matter() -> None:
    records = stream(1, 50)
    prices = {("base", None): Price(per_million_in=0.1, per_million_out=0.4)}
    assert costs(records, prices)[0].tokens_in == costs(records[::-1], prices)[0].tokens_in
    assert total(records, prices) == pytest.approx(50 * (1_000 * 0.1 + 100 * 0.4) / 1e6)


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf")])
def test_what_is_no_price_is_refused(price: float) -> None:
    with pytest.raises(InvalidInput):
        Price(per_million_in=price, per_million_out=1.0)


def _seen(model: str, adapter: str | None, read: int, written: int) -> Seen:
    name = f"{model}{adapter}{read}"
    return Seen(
        id=name,
        at=START,
        words=1,
        answerable=True,
        tokens_in=read,
        tokens_out=written,
        model=model,
        adapter=adapter,
    )
