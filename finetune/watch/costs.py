"""What answers cost, by the model and the adapter that wrote them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import InvalidInput
from finetune.watch.records import Seen

MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """Of a million tokens read and a million tokens written, in the currency of all other prices. Raises
    `InvalidInput` for what is no price."""

    per_million_in: float
    per_million_out: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(each) and each >= 0 for each in (self.per_million_in, self.per_million_out)):
            raise InvalidInput("A price per million tokens is a number, 0 or more.")


Prices = Mapping[tuple[str, str | None], Price]
"""By model and adapter; (model, None) holds for its adapters that have no price of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What one model with one adapter (None: bare) was used for. Costs are None where it has no price, `per_token` is
    over tokens read and written."""

    model: str
    adapter: str | None
    answers: int
    tokens_in: int
    tokens_out: int
    milliseconds: float
    total: float | None
    per_answer: float | None
    per_token: float | None


def costs(records: Sequence[Seen], prices: Prices) -> tuple[Cost, ...]:
    """By model and adapter, sorted by name."""
    used: dict[tuple[str, str | None], list[Seen]] = {}
    for each in records:
        used.setdefault((each.model, each.adapter), []).append(each)
    order = sorted(used, key=lambda key: (key[0], key[1] is not None, key[1] or ""))
    return tuple(
        _cost(model, adapter, used[model, adapter], price_of(model, adapter, prices)) for model, adapter in order
    )


def price_of(model: str, adapter: str | None, prices: Prices) -> Price | None:
    """What this adapter of this model costs; None where nobody said."""
    own = prices.get((model, adapter))
    return own if own is not None else prices.get((model, None))


def total(records: Sequence[Seen], prices: Prices) -> float | None:
    """What all of them cost; None where one of them has no price."""
    parts = [each.total for each in costs(records, prices)]
    known = [each for each in parts if each is not None]
    return math.fsum(known) if len(known) == len(parts) else None


def _cost(model: str, adapter: str | None, records: Sequence[Seen], price: Price | None) -> Cost:
    read, written = sum(each.tokens_in for each in records), sum(each.tokens_out for each in records)
    paid = (read * price.per_million_in + written * price.per_million_out) / MILLION if price else None
    return Cost(
        model=model,
        adapter=adapter,
        answers=len(records),
        tokens_in=read,
        tokens_out=written,
        milliseconds=math.fsum(each.milliseconds for each in records) / len(records),
        total=paid,
        per_answer=None if paid is None else paid / len(records),
        per_token=None if paid is None or not read + written else paid / (read + written),
    )
