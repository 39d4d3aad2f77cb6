from __future__ import annotations

from typing import Any

import pytest

from finetune.gate.identity import problems
from tests.finetune.gate.world import BASE, CARD


def test_an_adapter_of_what_is_served_is_fine() -> None:
    assert problems(CARD, BASE) == ()


def test_a_folder_counts_where_the_card_tells_no_served_name() -> None:
    assert problems({"kind": "adapter", "base": {"model": "/models/served", "served_as": None}}, BASE) == ()


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ({**CARD, "base": {"model": "/models/served", "served_as": "served-base-v2"}}, "wrong_base"),
        ({**CARD, "base": {"model": "/models/other"}}, "wrong_base"),
        ({**CARD, "base": {}}, "no_base"),
        ({"kind": "adapter"}, "no_base"),
        ({"kind": "adapter", "base": "served-base"}, "no_base"),
        ({**CARD, "kind": "embedder"}, "wrong_kind"),
    ],
)
def test_what_does_not_fit_is_told(card: dict[str, Any], code: str) -> None:
    assert [each.code for each in problems(card, BASE)] == [code]


def test_damage_is_told_file_by_file() -> None:
    found = problems(CARD, BASE, ["a is missing", "b was changed"])
    assert [each.code for each in found] == ["damaged", "damaged"]
    assert "a is missing" in found[0].said
