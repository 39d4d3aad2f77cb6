from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from core.types import Source
from finetune.gate.journal import Journal
from finetune.gate.judging import Judged, cohens_kappa, judged, twice
from finetune.gate.measures import Output
from finetune.gate.ports import Preferred
from finetune.gate.rules import GateRules, JudgeRules
from finetune.gate.texts import lcs_f1
from tests.finetune.gate.world import answer, held_out, world

RULES = GateRules(judge=JudgeRules(enabled=True))
ITEMS = world()


class Knowing:
    """Knows the references, as a good judge would from the sources."""

    model = "knowing"

    def __init__(self) -> None:
        self.asked = 0
        self._good = {item.question: item.reference or "" for item in ITEMS}

    async def prefers(self, question: str, sources: Sequence[Source], a: str, b: str) -> Preferred:
        self.asked += 1
        left, right = (lcs_f1(each, self._good[question]) for each in (a, b))
        return "tie" if left == right else ("a" if left > right else "b")


class First:
    """Prefers what it reads first, as many models do."""

    model = "first"

    async def prefers(self, question: str, sources: Sequence[Source], a: str, b: str) -> Preferred:
        return "a"


class Contrary(Knowing):
    """Prefers what people do not."""

    async def prefers(self, question: str, sources: Sequence[Source], a: str, b: str) -> Preferred:
        said = await super().prefers(question, sources, b, a)
        return said


async def word(judge: Knowing | First, folder: Path) -> Judged:
    good = {item.id: Output(text=item.reference or "") for item in held_out(ITEMS)}
    bad = {item.id: Output(text=answer("Nobody has ever heard anything of it.", "1")) for item in held_out(ITEMS)}
    journal = Journal(folder, {})
    try:
        return await judged(RULES, ITEMS, good, bad, judge, journal)
    finally:
        journal.close()


async def test_a_judge_that_knows_is_trusted_and_prefers_the_better(tmp_path: Path) -> None:
    judge = Knowing()
    found = await word(judge, tmp_path)
    assert (found.wins, found.losses, found.ties + found.unsure) == (120, 0, 0)
    assert (found.kappa, found.people, found.trusted) == (1, 40, True)
    assert found.rate is not None
    assert found.rate.low == 1
    asked = judge.asked
    assert await word(judge, tmp_path) == found
    assert judge.asked == asked


async def test_a_judge_of_places_says_nothing(tmp_path: Path) -> None:
    found = await word(First(), tmp_path)
    assert (found.unsure, found.rate, found.trusted) == (120, None, False)


async def test_a_judge_that_people_contradict_is_not_trusted(tmp_path: Path) -> None:
    found = await word(Contrary(), tmp_path)
    assert found.losses == 120
    assert found.kappa is not None
    assert found.kappa < 0
    assert not found.trusted


async def test_the_same_twice_is_a_tie_unasked() -> None:
    judge = Knowing()
    assert await twice(judge, ITEMS[0], "same", "same") == "tie"
    assert judge.asked == 0


def test_kappa_is_agreement_beyond_chance() -> None:
    # Cohen 1960: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no make 0.4.
    table = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohens_kappa(table) == pytest.approx(0.4)
    assert cohens_kappa([]) is None
    assert cohens_kappa([("y", "y")] * 3) is None
