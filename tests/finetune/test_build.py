"""From judged words to examples."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from agents.schema import read_answer
from agents.settings import AgentSettings, OutputSettings
from agents.steps import step_schema
from core.types import DocumentVersion, Example, LoggedAnswer
from finetune.blame import blame
from finetune.build import build
from finetune.join import Material, Word, join
from finetune.quality import problem
from finetune.report import Report
from finetune.settings import CurateSettings
from tests.finetune.material import VACATION, Shelf, feedback, logged, source, word

EXPIRY = "Unused days expire in March."
FLIGHTS = "Flights need the approval of a manager."
DOGS = "Dogs may come to the office on Fridays."


@pytest.fixture
def built(support: Any, word_embedder: Any) -> Any:
    async def from_words(*words: Word, shelf: Shelf | None = None, report: Report | None = None) -> list[Example]:
        settings, report = CurateSettings(), report or Report()
        judged = await blame(words, support, word_embedder, shelf, settings, report)
        return build(judged, settings, report)

    return from_words


def of(kind: str, examples: list[Example]) -> list[Example]:
    return [each for each in examples if each.kind == kind]


async def test_a_correction_makes_a_target_a_pair_a_thumb_and_a_prompt(built: Any) -> None:
    given = logged([(FLIGHTS, ("2",))])
    examples = await built(word(given, "down", f"{VACATION} [1]"))
    assert [each.kind for each in examples] == ["sft", "preference", "kto", "prompt"]
    sft, pair, thumb, prompt = examples
    assert all(each.prompt == given.messages for each in examples), "exactly what was sent"
    assert sft.completion == f'{{"answerable":true,"statements":[{{"text":"{VACATION}","sources":["1"]}}]}}'
    jsonschema.validate(json.loads(sft.completion), given.schema)
    assert read_answer(sft.completion, ["1", "2", "3"], OutputSettings()).answerable
    assert pair.completion == sft.completion
    assert json.loads(pair.rejected) == json.loads(given.output)
    assert ": " not in pair.rejected.replace(FLIGHTS, ""), "both are written in one way"
    assert (thumb.label, thumb.completion) == (False, pair.rejected)
    assert prompt.completion == ""
    assert prompt.sources == given.answer.sources


async def test_every_row_knows_where_it_comes_from(built: Any) -> None:
    given = logged([(FLIGHTS, ("2",))], asker="ana")
    for each in await built(word(given, "down", VACATION, person="ben")):
        lineage = each.lineage
        assert (lineage.answer_id, lineage.conversation_id, lineage.feedback_id) == ("a1", "c1", "f-a1-ben")
        assert (lineage.person, lineage.asker) == ("ben", "ana")
        assert lineage.documents == tuple(
            DocumentVersion(document_id=f"d{n}", version_id=f"d{n}-v1") for n in (1, 2, 3)
        )
        assert lineage.generator == given.answer.generator


async def test_an_answer_that_was_good_is_not_rejected_for_a_better_one(built: Any) -> None:
    examples = await built(word(logged(), "up", f"{VACATION} {EXPIRY}"))
    assert [each.kind for each in examples] == ["sft", "prompt"]


async def test_a_correction_that_says_the_same_teaches_nothing_but_practice(built: Any) -> None:
    assert of("preference", await built(word(logged(), "down", VACATION))) == []


async def test_thumbs(built: Any) -> None:
    good, bad = word(logged(), "up"), word(logged([(DOGS, ("1",))], id="a2"), "down")
    examples = await built(good, bad)
    assert [(each.label, each.lineage.answer_id) for each in of("kto", examples)] == [(True, "a1"), (False, "a2")]
    assert [each.lineage.answer_id for each in of("prompt", examples)] == ["a1"]
    assert of("sft", examples) == of("preference", examples) == []


async def test_an_answer_that_its_sources_do_not_support_is_never_the_better_one(built: Any) -> None:
    assert await built(word(logged([(DOGS, ("1",))]), "up")) == []
    assert await built(word(logged(), "down", DOGS)) == []


async def test_missing_evidence_trains_retrieval_and_not_the_generator(built: Any) -> None:
    given = logged([(FLIGHTS, ("2",))])
    examples = await built(word(given, "down", DOGS), shelf=Shelf(source(9, DOGS, "dogs")))
    assert [each.kind for each in examples] == ["retrieval"]
    found = examples[0]
    assert found.question == given.answer.question
    assert found.positives == (DOGS,)
    assert found.negatives == tuple(each.text for each in given.answer.sources)
    assert DocumentVersion(document_id="dogs", version_id="dogs-v1") in found.lineage.documents
    assert found.lineage.maker == "evidence"


async def test_a_source_that_carries_a_part_is_no_negative(built: Any) -> None:
    given = logged([(FLIGHTS, ("2",))])
    examples = await built(word(given, "down", f"{VACATION} {DOGS}"), shelf=Shelf(source(9, DOGS)))
    assert [each.negatives for each in examples] == [(given.answer.sources[1].text, given.answer.sources[2].text)]


async def test_marks_train_retrieval_where_the_answer_bears_them_out(built: Any) -> None:
    marked = word(logged([(VACATION, ("1", "3"))]), "up", marks={"1": True, "3": False})
    found = of("retrieval", await built(marked))
    assert [(each.positives, each.negatives) for each in found] == [
        ((marked.logged.answer.sources[0].text,), (marked.logged.answer.sources[2].text,))
    ]
    assert found[0].lineage.maker == "marks"
    uncited = word(logged(), "up", marks={"2": True, "3": False})
    assert of("retrieval", await built(uncited)) == [], "a mark on what was not cited shows nothing"
    assert of("retrieval", await built(word(logged(), "up", marks={"1": True}))) == [], "nothing to tell it from"


async def regenerated(built: Any, report: Report, *, first: Any = None, rating: Any = "up", earlier: Any = None) -> Any:
    first = first or logged([(FLIGHTS, ("2",))], id="a1")
    second = logged(id="a2", regenerates="a1")
    words = [feedback(second, rating, after=90)] + ([feedback(first, earlier)] if earlier else [])
    joined = [each for each in join(Material(answers=[first, second], feedback=words), Report()) if each.earlier]
    return of("preference", await built(*joined, report=report))


async def test_an_accepted_second_answer_is_preferred_to_the_first(built: Any) -> None:
    pairs = await regenerated(built, Report(), earlier="down")
    assert [(VACATION in each.completion, FLIGHTS in each.rejected) for each in pairs] == [(True, True)]
    assert pairs[0].lineage.maker == "regeneration"
    assert len(await regenerated(built, Report())) == 1, "a first answer that nobody judged was left all the same"


async def test_a_second_answer_that_was_not_taken_makes_no_pair(built: Any) -> None:
    assert await regenerated(built, Report(), rating="down") == []
    assert await regenerated(built, Report(), earlier="up") == []
    assert await regenerated(built, Report(), first=logged(id="a1")) == [], "it says the same"


async def test_answers_to_different_prompts_are_not_compared(built: Any) -> None:
    report = Report()
    first = logged([(FLIGHTS, ("1",))], id="a1", sources=(source(1, FLIGHTS),))
    assert await regenerated(built, report, first=first) == []
    assert [fate.reason for fate in report.fates] == ["prompts_differ"]


async def test_negatives_are_bounded(built: Any) -> None:
    sources = tuple(source(number, f"Rule {number} of the house.") for number in range(1, 13))
    examples = await built(word(logged([], sources=sources), "down", DOGS), shelf=Shelf(source(99, DOGS)))
    assert len(examples[0].negatives) == CurateSettings().negatives
    assert replace(examples[0], id="") != examples[0]


def step(action: dict[str, Any], tool: str) -> LoggedAnswer:
    """A step of an agent, as the product logs it."""
    ids, settings = ["1", "2", "3"], AgentSettings()
    tools = {"search": {"type": "object", "properties": {"query": {"type": "string"}}}}
    schema = step_schema(tools, ids, settings.output, settings.steps)
    return logged([], output=json.dumps({"thought": "It helps.", "action": action}), schema=schema, step=tool)


async def test_a_step_rated_up_or_down_is_a_good_or_a_bad_one(built: Any) -> None:
    call = step({"tool": "search", "arguments": {"query": "vacation"}}, "search")
    for rating, label in (("up", True), ("down", False)):
        [found] = await built(word(call, rating))
        assert (found.kind, found.label, found.prompt) == ("kto", label, call.messages)
        assert found.completion == (
            '{"thought":"It helps.","action":{"tool":"search","arguments":{"query":"vacation"}}}'
        )
        assert problem(found, CurateSettings().quality) is None


async def test_the_answer_of_a_run_is_held_against_its_sources_like_any_other(built: Any) -> None:
    def said(text: str) -> LoggedAnswer:
        statements = [{"text": text, "sources": ["1"]}]
        return step({"tool": "answer", "answer": {"answerable": True, "statements": statements}}, "answer")

    [good] = await built(word(said(VACATION), "up"))
    assert (good.kind, good.label) == ("kto", True)
    [bad] = await built(word(said(DOGS), "down"))
    assert (bad.kind, bad.label) == ("kto", False)
    report = Report()
    assert await built(word(said(DOGS), "up"), report=report) == []
    assert await built(word(said(VACATION), "down"), report=report) == []
    assert [fate.reason for fate in report.fates] == ["unsupported_answer", "no_answer_given"]
