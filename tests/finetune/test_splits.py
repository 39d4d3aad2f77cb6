"""What is kept back, and that nothing of it is trained on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.types import Example, Lineage, Message
from finetune.report import Report
from finetune.settings import SplitSettings
from finetune.splits import apart_from, replayed, shuffled, split
from tests.finetune.material import START

SETTINGS = SplitSettings(validation=0.2, test=0.1)


def rows(conversations: int = 100, each: int = 3) -> list[Example]:
    return [
        Example(
            id=f"e{conversation}-{number}",
            kind="sft",
            question=f"Question {number} of {conversation}?",
            lineage=Lineage(
                maker="correction", conversation_id=f"c{conversation}", at=START + timedelta(hours=conversation)
            ),
        )
        for conversation in range(conversations)
        for number in range(each)
    ]


def of(rows: list[Example]) -> set[str | None]:
    return {row.lineage.conversation_id for row in rows}


def test_conversations_stay_together_and_the_latest_are_tested_on() -> None:
    found = split(rows(), SETTINGS)
    assert sum(map(len, found.values())) == 300
    assert not of(found["train"]) & of(found["validation"])
    assert not of(found["train"]) & of(found["test"])
    assert 30 <= len(found["validation"]) <= 90
    assert 15 <= len(found["test"]) <= 30
    assert min(row.lineage.at for row in found["test"]) > max(row.lineage.at for row in found["train"])  # type: ignore[type-var]


def test_a_conversation_stays_in_validation_as_others_come() -> None:
    before, after = split(rows(50), SETTINGS), split(rows(100), SETTINGS)
    assert of(before["validation"]) <= of(after["validation"])
    assert of(before["validation"]) == {name for name in of(after["validation"]) if int(str(name)[1:]) < 50}


def test_the_order_rows_come_in_does_not_matter_and_the_seed_does() -> None:
    assert split(rows()[::-1], SETTINGS) == split(rows(), SETTINGS)
    assert (
        split(rows(), SplitSettings(validation=0.2, seed="other"))["validation"]
        != split(rows(), SETTINGS)["validation"]
    )


def test_conversations_that_share_a_question_go_together() -> None:
    given = [replace(row, question="One and the same?") if row.id.endswith("-0") else row for row in rows(60)]
    found = split(given, SplitSettings(validation=0.5, test=0.0))
    assert sorted(len(part) for part in found.values()) == [0, 0, 180]


def test_children_stay_with_their_parents() -> None:
    given = rows(60, 1)
    children = [
        replace(row, id=f"x{row.id}", question=f"Other {row.id}", lineage=Lineage(maker="seed", parents=(row.id,)))
        for row in given
    ]
    found = split([*given, *children], SETTINGS)
    for part in found.values():
        parents = {row.id for row in part if not row.lineage.parents}
        assert {row.lineage.parents[0] for row in part if row.lineage.parents} == parents


def test_without_shares_everything_is_trained_on() -> None:
    found = split(rows(10), SplitSettings(validation=0.0, test=0.0))
    assert (len(found["train"]), found["validation"], found["test"]) == (30, [], [])
    assert found["train"] == shuffled(rows(10), "footnote")
    assert found["train"] != rows(10)


def test_what_asks_the_same_as_what_is_kept_back_is_left_out() -> None:
    anchor = Example(id="x", kind="sft", lineage=Lineage(maker="anchor"), question="How many days of leave are there?")
    same = replace(anchor, id="s", question="how many days of  leave are there")
    other = replace(anchor, id="o", question="Who approves flights?")
    unasked = replace(anchor, id="u", question="", prompt=(Message(role="user", content=anchor.question),))
    report = Report()
    assert apart_from([anchor], [same, other, unasked], 0.9, "anchor", report) == [other]
    assert [fate.subject for fate in report.fates] == ["example:s", "example:u"]


def general(count: int, kind: str = "sft") -> list[Example]:
    return [
        Example(
            id=f"g{kind}{n}",
            kind=kind,
            lineage=Lineage(maker="replay", origin=f"g.jsonl:{n}"),
            question=f"General {n}?",
        )  # type: ignore[arg-type]
        for n in range(count)
    ]


def test_general_instructions_are_the_share_that_was_asked_for() -> None:
    report = Report()
    mixed = replayed(rows(), [*general(200), *general(50, "preference")], SplitSettings(replay=0.2), report)
    added = [row for row in mixed if row.lineage.maker == "replay"]
    assert len(added) == 75
    assert len(added) / len(mixed) == 0.2
    assert {row.kind for row in added} == {"sft"}, "beside no pairs there are no general pairs"
    assert report.figures["replay"]["sft"] == {"wanted": 75, "there": 200, "used": 75}
    assert replayed(rows(), general(200)[::-1], SplitSettings(replay=0.2), Report()) == [
        row for row in mixed if row.kind == "sft"
    ]


def test_too_few_general_instructions_are_told() -> None:
    report = Report()
    assert len(replayed(rows(), general(10), SplitSettings(replay=0.1), report)) == 310
    assert [fate.reason for fate in report.fates] == ["replay_short"]
    assert replayed(rows(), general(10), SplitSettings(replay=0.0), Report()) == shuffled(rows(), "footnote")
