"""Support of statements by what they cite."""

from __future__ import annotations

from typing import Any

import pytest

from agents.settings import VerifySettings
from agents.verify import CAP, SimilarityVerifier
from core.types import Source


@pytest.fixture
def verifier(word_embedder: Any) -> SimilarityVerifier:
    return SimilarityVerifier(word_embedder, VerifySettings())


@pytest.mark.parametrize(
    "statement",
    [
        "Unused days expire in March.",
        "unused  days\nexpire in March",
        "Employees in Germany receive 28 days of paid vaca-\ntion per year.",
    ],
)
async def test_verbatim_text_has_full_support_and_costs_no_embedding(
    verifier: SimilarityVerifier, sources: list[Source], word_embedder: Any, statement: str
) -> None:
    assert await verifier.support(statement, sources[:1]) == 1.0
    assert word_embedder.calls == []


async def test_without_sources_or_words_there_is_no_support(
    verifier: SimilarityVerifier, sources: list[Source]
) -> None:
    assert await verifier.support("Unused days expire in March.", []) == 0.0
    assert await verifier.support("—", sources) == 0.0


async def test_a_rewording_is_supported_and_a_foreign_claim_is_not(
    verifier: SimilarityVerifier, sources: list[Source]
) -> None:
    reworded = await verifier.support("Per year, German employees receive 28 days of vacation, paid.", sources[:1])
    foreign = await verifier.support("The canteen serves soup on Fridays.", sources[:1])
    assert reworded >= VerifySettings().threshold
    assert foreign < 0.2


async def test_the_right_source_supports_more_than_a_wrong_one(
    verifier: SimilarityVerifier, sources: list[Source]
) -> None:
    statement = "A manager has to approve flights under the travel policy."
    right, wrong = await verifier.support(statement, sources[1:2]), await verifier.support(statement, sources[:1])
    assert right >= VerifySettings().threshold > wrong


@pytest.mark.parametrize("number", ["30", "29", "280", "2,8"])
async def test_a_number_its_sources_do_not_have_caps_support(
    verifier: SimilarityVerifier, sources: list[Source], number: str
) -> None:
    statement = f"Employees in Germany receive {number} days of paid vacation per year."
    assert await verifier.support(statement, sources[:1]) <= CAP


async def test_another_notation_of_a_number_is_no_other_number(
    verifier: SimilarityVerifier, sources: list[Source]
) -> None:
    assert await verifier.support("In 2023 revenue rose to 1.234 million euros, by 12 %.", sources[2:]) > CAP


async def test_a_negation_that_only_one_side_has_caps_support(
    verifier: SimilarityVerifier, sources: list[Source]
) -> None:
    assert await verifier.support("Unused days do not expire in March.", sources[:1]) <= CAP
    assert await verifier.support("It did rise in 2022.", sources[2:]) <= CAP


async def test_a_table_row_with_its_header_is_supported_in_full(verifier: SimilarityVerifier) -> None:
    table = Source(
        id="1",
        chunk_id="c",
        document_id="d",
        version_id="v",
        title="Report",
        text="Key figures\n\nItem | 2023 | 2022\nRevenue | 1,234 | 1,100\nNet income | 120 | 95",
        kind="table",
        sentences=((32, 55), (56, 77)),
    )
    assert await verifier.support("Item: Revenue — 2023: 1,234; 2022: 1,100", [table]) == 1.0
    assert await verifier.support("Item: Revenue — 2023: 120; 2022: 95", [table]) < 1.0


TERMS = "We repair what breaks. Not covered are:\n\n- lightning\n\n- opened seals. Ours are blue.\n\n- 3 old batteries"


def listed(text: str, *heading: str) -> Source:
    return Source(id="1", chunk_id="c", document_id="d", version_id="v", title="Terms", text=text, heading_path=heading)


@pytest.mark.parametrize(
    "statement",
    [
        "Not covered are: lightning; opened seals. Ours are blue. 3 old batteries",
        "Not covered are: opened seals. Ours are blue.",
        "Not covered are: 3 old batteries",
    ],
)
async def test_a_list_and_its_items_behind_their_lead_are_supported_in_full(
    verifier: SimilarityVerifier, statement: str
) -> None:
    assert await verifier.support(statement, [listed(TERMS)]) == 1.0


async def test_an_item_behind_its_heading_is_supported_in_full(verifier: SimilarityVerifier) -> None:
    source = listed("- lightning\n\n- opened seals", "Warranty", "3.2 What firmware 5 does not cover")
    assert await verifier.support("What firmware 5 does not cover: opened seals", [source]) == 1.0
    assert await verifier.support("What firmware 6 does not cover: opened seals", [source]) < 1.0


@pytest.mark.parametrize(
    "statement",
    ["Not covered are: we repair what breaks.", "We repair what breaks. opened seals.", "Not covered are: tea"],
)
async def test_words_behind_a_lead_that_is_not_theirs_have_no_full_support(
    verifier: SimilarityVerifier, statement: str
) -> None:
    assert await verifier.support(statement, [listed(TERMS)]) < 1.0
