"""Examples that a model writes: what can be shown to be right enters, the rest is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.errors import FootnoteError, GenerationInvalid, GeneratorUnavailable
from core.types import Delta, Example, Generation, GenerationRequest, GeneratorInfo
from finetune.augment import augmented
from finetune.blame import blame
from finetune.build import build
from finetune.report import Report
from finetune.settings import AugmentSettings, CurateSettings
from tests.finetune.material import VACATION, logged, word

QUESTION = "How many days of vacation do employees receive?"
FLIGHTS = "Flights need the approval of a manager."


class Scripted:
    """Writes these outputs, one a request; errors are raised."""

    info = GeneratorInfo(name="scripted", fingerprint="s-1")

    def __init__(self, *outputs: Any) -> None:
        self.outputs = list(outputs)
        self.requests: list[GenerationRequest] = []

    async def complete(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        output = self.outputs.pop(0)
        if isinstance(output, FootnoteError):
            raise output
        text = output if isinstance(output, str) else json.dumps(output)
        return Generation(text=text, generator=self.info)

    def stream(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        raise NotImplementedError

    async def check(self) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
async def seeds(support: Any, word_embedder: Any) -> list[Example]:
    words = [word(logged([(FLIGHTS, ("2",))]), "down", f"{VACATION} [1]")]
    judged = await blame(words, support, word_embedder, None, CurateSettings(), Report())
    return build(judged, CurateSettings(), Report())


@pytest.fixture
def write(seeds: list[Example], support: Any, word_embedder: Any) -> Any:
    async def writing(*outputs: Any, language: Any = None, **counts: int) -> tuple[list[Example], Report, Scripted]:
        generator, report = Scripted(*outputs), Report()
        settings = CurateSettings(augment=AugmentSettings(**counts))
        found = await augmented(seeds, generator, support, word_embedder, language, settings, report)
        return found, report, generator

    return writing


async def test_a_question_in_other_words_has_the_same_answer(write: Any, seeds: list[Example]) -> None:
    other = "Employees receive how many days of vacation?"
    found, report, generator = await write({"question": other}, rephrase=5)
    (example,) = found
    assert example.question == other
    assert example.completion == seeds[0].completion
    assert example.prompt[-1].content == seeds[0].prompt[-1].content.replace(QUESTION, other)
    assert example.prompt[0] == seeds[0].prompt[0]
    assert (example.lineage.maker, example.lineage.parents, example.lineage.person) == (
        "rephrase",
        (seeds[0].id,),
        "ana",
    )
    assert example.lineage.generator == generator.info
    assert example.lineage.documents == seeds[0].lineage.documents
    assert report.figures["augmented"]["rephrase"] == {"asked": 1, "kept": 1}
    assert generator.requests[0].task == "augment"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ({"question": QUESTION.upper()}, "unchanged"),
        ({"question": "How many of the 30 days of vacation do employees receive?"}, "numbers_differ"),
        ({"question": "What does the canteen serve on Fridays?"}, "unlike"),
        ({"question": "Employees receive, in Tagen, how many days of vacation?"}, "language"),
        ({"question": ""}, "no_output"),
        ({"words": QUESTION}, "no_output"),
        ("{", "no_output"),
        (GenerationInvalid("It broke its schema."), "no_output"),
    ],
)
async def test_a_question_that_is_another_one_is_refused(write: Any, output: Any, reason: str) -> None:
    def language(text: str) -> str:
        return "de" if "Tagen" in text else "en"

    found, report, _ = await write(output, rephrase=1, language=language)
    assert found == []
    assert [(fate.stage, fate.reason) for fate in report.fates] == [("augment", f"rephrase_{reason}")]


def seed(question: str, *said: tuple[str, str], answerable: bool = True) -> dict[str, Any]:
    statements = [{"text": text, "sources": [source]} for text, source in said]
    return {"question": question, "answer": {"answerable": answerable, "statements": statements}}


async def test_a_new_question_brings_an_answer_that_its_sources_carry(write: Any, seeds: list[Example]) -> None:
    given = seed("Do flights need the approval of a manager?", (FLIGHTS, "2"))
    found, _, generator = await write(given, seeds=1)
    (example,) = found
    assert example.completion == f'{{"answerable":true,"statements":[{{"text":"{FLIGHTS}","sources":["2"]}}]}}'
    assert example.prompt[-1].content.endswith("Question: Do flights need the approval of a manager?")
    assert example.lineage.maker == "seed"
    assert "Revenue rose" in generator.requests[0].messages[1].content, "it was shown the sources"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (seed("Do flights need the approval of a manager?", ("Flights need no approval.", "2")), "unsupported"),
        (seed("Do flights need the approval of a manager?", (FLIGHTS, "1")), "unsupported"),
        (seed("Do flights need the approval of a manager?", (FLIGHTS, "9")), "no_output"),
        (seed("Do flights need the approval of a manager?"), "no_output"),
        (seed("Do flights need the approval of a manager?", (FLIGHTS, "2"), answerable=False), "no_output"),
        (seed(QUESTION, (VACATION, "1")), "unchanged"),
        (seed("What does the canteen serve on Fridays?", (FLIGHTS, "2")), "unlike"),
    ],
)
async def test_a_new_example_that_is_not_borne_out_is_refused(write: Any, output: Any, reason: str) -> None:
    found, report, _ = await write(output, seeds=1)
    assert found == []
    assert [fate.reason for fate in report.fates] == [f"seed_{reason}"]


NEAR = "How many days of vacation do employees in France receive?"


@pytest.mark.parametrize(
    "tried",
    [
        {"answerable": False, "statements": []},
        {"answerable": True, "statements": [{"text": "In France it is 35 days.", "sources": ["1"]}]},
    ],
)
async def test_a_near_question_without_an_answer_is_to_be_refused(write: Any, tried: Any, seeds: list[Example]) -> None:
    found, _, generator = await write({"question": NEAR}, tried, adversarial=1)
    (example,) = found
    assert example.completion == '{"answerable":false,"statements":[]}'
    assert example.prompt[-1].content.endswith(f"Question: {NEAR}")
    assert example.lineage.maker == "adversarial"
    assert generator.requests[1].messages == example.prompt, "it was asked itself"
    assert generator.requests[1].schema == seeds[0].schema


async def test_a_near_question_that_the_sources_answer_is_refused(write: Any) -> None:
    answered = {"answerable": True, "statements": [{"text": VACATION, "sources": ["1"]}]}
    found, report, _ = await write({"question": NEAR}, answered, adversarial=1)
    assert found == []
    assert [fate.reason for fate in report.fates] == ["adversarial_answered"]


async def test_without_numbers_nothing_is_asked(write: Any) -> None:
    found, report, generator = await write()
    assert (found, generator.requests, report.fates) == ([], [], [])


async def test_a_generator_that_is_away_is_said_and_not_hidden(write: Any) -> None:
    with pytest.raises(GeneratorUnavailable):
        await write(GeneratorUnavailable("It does not answer."), rephrase=1)
