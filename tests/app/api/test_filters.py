"""What a search can be narrowed to, at the edges of what numbers can be."""

from __future__ import annotations

import pytest

from app.api.filters import Filters
from retrieval import rpc


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**63, 10**30, -(10**30)])
def test_every_number_that_is_taken_can_be_sent_to_the_index(number: int) -> None:
    taken = Filters.model_validate({"metadata": {"a": number, "b": [number]}}).narrowed().metadata

    assert taken == {"a": pytest.approx(number), "b": (pytest.approx(number),)}
    assert rpc.unpack(rpc.pack(dict(taken)))["a"] == taken["a"]


def test_whole_numbers_that_metadata_can_hold_stay_exact() -> None:
    assert Filters.model_validate({"metadata": {"a": 2**63 - 1}}).narrowed().metadata == {"a": 2**63 - 1}
