"""Words find their answers."""

from __future__ import annotations

from dataclasses import replace

from finetune.join import Exclusions, Material, join
from finetune.report import Report
from tests.finetune.material import feedback, logged, word


def test_oldest_first_whatever_order_they_come_in() -> None:
    one, two = logged(id="a1"), logged(id="a2")
    words = [feedback(two, "up", after=5), feedback(one, "down", after=50), feedback(one, "up", person="ben", after=20)]
    found = [each.feedback for each in join(Material(answers=[two, one], feedback=words), Report())]
    assert found == [words[0], words[2], words[1]]
    with_words = [replace(two, feedback=(words[0],)), replace(one, feedback=(words[1], words[2]))]
    assert [each.feedback for each in join(Material(answers=with_words), Report())] == found


def test_a_word_said_twice_counts_once() -> None:
    answer = logged()
    said = feedback(answer, "up")
    assert len(join(Material(answers=[replace(answer, feedback=(said,))], feedback=[said]), Report())) == 1


def test_what_cannot_be_joined_is_told() -> None:
    answer, silent = logged(), logged(id="a2", messages=(), output="")
    report = Report()
    words = [feedback(answer), feedback(silent), feedback(logged(id="gone"))]
    assert len(join(Material(answers=[answer, silent], feedback=words), report)) == 1
    assert sorted(fate.reason for fate in report.fates) == ["no_answer", "no_prompt"]
    assert report.figures["words"] == {"given": 3, "joined": 1, "people": 1}


def test_what_shall_be_left_out_is() -> None:
    answer = logged(asker="ana")
    said = feedback(answer, person="ben")
    for exclusions in (
        Exclusions(documents=frozenset({"d3"})),
        Exclusions(people=frozenset({"ana"})),
        Exclusions(people=frozenset({"ben"})),
        Exclusions(answers=frozenset({"a1"})),
    ):
        report = Report()
        assert join(Material(answers=[answer], feedback=[said], exclusions=exclusions), report) == []
        assert [(fate.outcome, fate.reason) for fate in report.fates] == [("left_out", "excluded")]
    other = Exclusions(documents=frozenset({"d9"}), people=frozenset({"eve"}))
    assert len(join(Material(answers=[answer], feedback=[said], exclusions=other), Report())) == 1


def test_a_second_answer_knows_the_first_and_what_the_same_person_said_of_it() -> None:
    first, second = logged(id="a1"), logged(id="a2", regenerates="a1")
    words = [feedback(first, "down"), feedback(first, "up", person="ben"), feedback(second, "up", after=90)]
    found = join(Material(answers=[first, second], feedback=words), Report())[-1]
    assert found.earlier == first
    assert found.earlier_rating == "down"


def test_the_same_answer_to_the_same_question_is_one_unit() -> None:
    one = word(logged(id="a1", question="How many days?"))
    two = word(logged(id="a2", question="how many  days", asker="ben"))
    other = word(logged([("Unused days expire in March.", ("1",))], id="a3", question="How many days?"))
    assert one.unit == two.unit
    assert one.unit != other.unit
