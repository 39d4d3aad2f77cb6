"""Whose fault an answer is: what was offered and misused is the generator's, what was missing is retrieval's."""

from __future__ import annotations

from typing import Any

import pytest

from finetune.blame import Judged, blame
from finetune.join import Word
from finetune.report import Report
from finetune.settings import CurateSettings
from tests.finetune.material import SOURCES, VACATION, Shelf, logged, source, word

EXPIRY = "Unused days expire in March."
DOGS = "Dogs may come to the office on Fridays."


@pytest.fixture
def judged(support: Any, word_embedder: Any) -> Any:
    async def judge(each: Word, evidence: Shelf | None = None) -> tuple[Judged, Report]:
        report = Report()
        return (await blame([each], support, word_embedder, evidence, CurateSettings(), report))[0], report

    return judge


async def test_a_correction_that_the_offered_sources_carry_is_the_generators_fault(judged: Any) -> None:
    shelf = Shelf(source(9, DOGS))
    given = logged([("Flights need the approval of a manager.", ("2",))])
    found, report = await judged(word(given, "down", f"{VACATION} {EXPIRY}"), shelf)
    assert (found.fault, found.reason) == ("generation", "evidence_misused")
    assert [(each.text, each.sources) for each in found.correction] == [(VACATION, ("1",)), (EXPIRY, ("1",))]
    assert shelf.asked == [], "what was offered suffices"
    assert report.fates == []


async def test_a_correction_that_stands_elsewhere_is_retrievals_fault(judged: Any) -> None:
    shelf = Shelf(SOURCES[0], source(8, "The canteen serves soup."), source(9, DOGS))
    found, _ = await judged(word(logged(), "down", f"{VACATION} {DOGS}"), shelf)
    assert (found.fault, found.reason) == ("retrieval", "evidence_missing")
    assert [each.id for each in found.evidence] == ["9"]
    assert found.correction is None, "the generator learns nothing from what it was not shown"
    assert shelf.asked == [(f"How many days of vacation do employees receive? {DOGS}", "ana")]


async def test_what_was_offered_is_no_missing_evidence(judged: Any) -> None:
    sources = (SOURCES[0], source(2, "The canteen serves soup."))
    found, _ = await judged(word(logged(sources=sources), "down", DOGS), Shelf(*sources))
    assert found.fault == "refused"


@pytest.mark.parametrize("shelf", [None, Shelf(), Shelf(source(9, "Cats may not come to the office."))])
async def test_a_correction_that_nothing_carries_is_refused(judged: Any, shelf: Shelf | None) -> None:
    found, report = await judged(word(logged(), "down", f"{VACATION} {DOGS}"), shelf)
    assert (found.fault, found.reason, found.odd) == ("refused", "unsupported_correction", True)
    assert [(fate.stage, fate.reason) for fate in report.fates] == [("blame", "unsupported_correction")]


async def test_a_correction_with_another_number_is_refused(judged: Any) -> None:
    found, _ = await judged(word(logged(), "down", VACATION.replace("28", "35")))
    assert found.reason == "unsupported_correction"


async def test_a_correction_that_leads_away_from_the_question_is_refused(judged: Any) -> None:
    found, _ = await judged(word(logged(), "down", "It did not rise in 2022. [3]"))
    assert (found.fault, found.reason, found.odd) == ("refused", "less_relevant", True)


async def test_an_empty_correction_is_refused_and_a_refusal_in_json_is_not(judged: Any) -> None:
    assert (await judged(word(logged(), "down", "—")))[0].reason == "empty_correction"
    found, _ = await judged(word(logged(), "down", '{"answerable": false, "statements": []}'))
    assert (found.fault, found.correction) == ("generation", ())


async def test_a_thumb_up_needs_support(judged: Any) -> None:
    assert (await judged(word(logged(), "up")))[0].fault == "none"
    found, _ = await judged(word(logged([(DOGS, ("1",))]), "up"))
    assert (found.fault, found.reason, found.odd) == ("refused", "unsupported_answer", True)


async def test_a_thumb_down_on_an_unsupported_statement_is_the_generators_fault(judged: Any) -> None:
    found, _ = await judged(word(logged([(VACATION, ("1",)), (DOGS, ("1",))]), "down"))
    assert (found.fault, found.reason, found.odd) == ("generation", "unsupported_statement", False)


async def test_a_citation_marked_as_wrong_counts_where_it_is_wrong(judged: Any) -> None:
    both = logged([(VACATION, ("1", "3"))])
    found, _ = await judged(word(both, "down", marks={"3": False}))
    assert (found.fault, found.reason) == ("generation", "wrong_citation")
    found, _ = await judged(word(both, "down", marks={"1": False}))
    assert (found.fault, found.reason) == ("unclear", "no_sign")


@pytest.mark.parametrize(
    ("given", "reason", "expected", "odd"),
    [
        (logged(), "wrong", "no_sign", True),
        (logged(), "outdated", "outdated", False),
        (logged([]), "incomplete", "no_answer_given", False),
    ],
)
async def test_where_nothing_shows_whose_fault_it_is_nobody_is_trained(
    judged: Any, given: Any, reason: str, expected: str, odd: bool
) -> None:
    found, report = await judged(word(given, "down", reason=reason))
    assert (found.fault, found.reason, found.odd) == ("unclear", expected, odd)
    assert [fate.reason for fate in report.fates] == [expected]


async def test_words_keep_their_order_and_are_counted(support: Any, word_embedder: Any) -> None:
    words = [word(logged(id=f"a{number}"), "up" if number % 2 else "down") for number in range(20)]
    report = Report()
    found = await blame(words, support, word_embedder, None, CurateSettings(at_once=3), report)
    assert [each.word for each in found] == words
    assert report.figures["blame"] == {"none": 10, "generation": 0, "retrieval": 0, "unclear": 10, "refused": 0}
