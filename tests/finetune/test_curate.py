"""The whole way from feedback to a dataset on disk."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from core.errors import InvalidInput
from core.types import Example, LoggedAnswer, Source
from finetune.curate import Parts, curate
from finetune.dataset import Dataset, write_dataset
from finetune.imports import read_examples
from finetune.join import Exclusions, Material
from finetune.report import Report
from finetune.settings import BalanceSettings, CurateSettings, SplitSettings
from tests.finetune.material import START, Shelf, feedback, logged, source
from tests.finetune.test_augment import Scripted

SETTINGS = CurateSettings(
    split=SplitSettings(validation=0.2, test=0.1, replay=0.2), balance=BalanceSettings(person_floor=1_000)
)
PEOPLE = ("ana", "ben", "cleo", "dana", "emil")
THEMES = ("vacation", "flights", "trains", "pensions", "laptops", "parking", "training", "overtime")
CITIES = ("Berlin", "Hamburg", "Munich", "Cologne", "Bremen", "Kiel")


def fact(theme: str, city: str) -> str:
    days = 10 + 6 * THEMES.index(theme) + CITIES.index(city)
    return f"The allowance for {theme} in {city} is {days} points a year."


def offered(theme: str, city: str) -> tuple[Source, ...]:
    others = [each for each in CITIES if each != city][:2]
    return tuple(
        source(number, fact(theme, each), f"{theme}-{each}") for number, each in enumerate([city, *others], start=1)
    )


def answers() -> list[LoggedAnswer]:
    """An answer on every theme in every city: some right, some citing the wrong source, some without the evidence."""
    chance, found = random.Random(5), []
    for number, (theme, city) in enumerate((theme, city) for theme in THEMES for city in CITIES):
        sources = offered(theme, city)
        question = f"What is the allowance for {theme} in {city}?"
        person = PEOPLE[number % len(PEOPLE)]
        given: dict[str, Any] = {"id": f"a{number}", "question": question, "asker": person}
        given |= {"conversation": f"c{number // 2}", "at": START + timedelta(hours=number)}
        what = chance.choice(("right", "right", "wrong", "missing"))
        if what == "right":
            on = logged([(sources[0].text, ("1",))], sources=sources, **given)
            found.append(replace(on, feedback=(feedback(on, "up"),)))
        elif what == "wrong":
            on = logged([(sources[1].text, ("2",))], sources=sources, **given)
            found.append(replace(on, feedback=(feedback(on, "down", f"{sources[0].text} [1]"),)))
        else:
            on = logged([(sources[1].text, ("2",))], sources=sources[1:], **given)
            found.append(replace(on, feedback=(feedback(on, "down", sources[0].text),)))
    return found


class Everything(Shelf):
    """Finds what shares the city and the theme."""

    def __init__(self) -> None:
        super().__init__(*(source(1, fact(theme, city), f"{theme}-{city}") for theme in THEMES for city in CITIES))

    async def passages(self, query: str, principal_id: str, limit: int) -> list[Source]:
        self.asked.append((query, principal_id))
        return [each for each in self.found if all(part in query for part in each.document_id.split("-"))]


@pytest.fixture
def made(tmp_path: Path, support: Any, word_embedder: Any) -> Any:
    async def making(
        material: Material, settings: CurateSettings = SETTINGS, name: str = "x", report: Any = None, **parts: Any
    ) -> Dataset:
        given = {"evidence": Everything(), **parts}
        curated = await curate(material, Parts(support=support, embedder=word_embedder, **given), settings, report)
        return write_dataset(tmp_path / name, "support", curated)

    return making


def all_rows(dataset: Dataset) -> list[tuple[str, Example]]:
    return list(dataset.all_examples())


async def test_feedback_becomes_a_dataset(made: Any) -> None:
    given = answers()
    dataset = await made(Material(answers=given))
    for kind in ("sft", "preference", "kto", "prompt", "retrieval"):
        assert dataset.count(kind, "train") >= 3, kind
    by_id = {each.answer.id: each for each in given}
    for split, example in all_rows(dataset):
        on = by_id[str(example.lineage.answer_id)]
        assert split != "anchor"
        assert example.lineage.person == on.principal_id
        if example.kind == "retrieval":
            continue
        assert example.prompt == on.messages, "exactly what was sent"
        if example.kind == "sft":
            jsonschema.validate(json.loads(example.completion), on.schema)
            assert on.answer.sources[0].text in example.completion
    assert dataset.manifest["figures"]["words"] == {"given": 48, "joined": 48, "people": 5}
    assert dataset.manifest["figures"]["blame"]["retrieval"] == sum(dataset.counts["retrieval"].values())
    assert dataset.manifest["settings"]["split"]["validation"] == 0.2


async def test_the_same_feedback_makes_the_same_bytes_in_whatever_order_it_comes(made: Any) -> None:
    given = answers()
    one = await made(Material(answers=given))
    loose = [replace(each, feedback=()) for each in random.Random(1).sample(given, len(given))]
    words = [word for each in given[::-1] for word in each.feedback]
    two = await made(Material(answers=loose, feedback=words), name="y")
    assert one.version == two.version
    assert {path.name: path.read_bytes() for path in one.folder.iterdir()} == {
        path.name: path.read_bytes() for path in two.folder.iterdir()
    }
    assert (await made(Material(answers=given[1:]))).version != one.version


async def test_nothing_kept_back_is_trained_on(made: Any) -> None:
    dataset = await made(Material(answers=answers()))
    seen = {split: {row.lineage.conversation_id for part, row in all_rows(dataset) if part == split}
            for split in ("train", "validation", "test")}  # fmt: skip
    assert all(seen.values())
    assert not seen["train"] & (seen["validation"] | seen["test"])


async def test_the_next_dataset_leaves_out_a_person_and_a_document(made: Any) -> None:
    exclusions = Exclusions(people=frozenset({"ben"}), documents=frozenset({"trains-Kiel"}))
    dataset = await made(Material(answers=answers(), exclusions=exclusions))
    rows = [row for _, row in all_rows(dataset)]
    assert rows
    assert "ben" not in {row.lineage.person for row in rows}
    assert "trains-Kiel" not in {each.document_id for row in rows for each in row.lineage.documents}
    assert dataset.manifest["fates"]["left_out"]["excluded"] > 9
    text = "".join(path.read_text() for path in dataset.folder.glob("*.*.jsonl"))
    assert fact("trains", "Kiel") not in text
    assert fact("trains", "Berlin") in text


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def test_anchors_general_instructions_and_imports_go_where_they_belong(made: Any, tmp_path: Path) -> None:
    report = Report()
    known = "What is the allowance for vacation in Berlin?"
    anchors = write(tmp_path / "anchors.jsonl", {"user": known, "assistant": "It is 10 points a year."})
    general = write(
        tmp_path / "general.jsonl",
        *({"user": f"Name the capital of country {n}.", "assistant": f"It is city number {n}."} for n in range(40)),
        {"user": known, "assistant": "Nobody knows that at all."},
    )
    outside = write(
        tmp_path / "outside.jsonl",
        {"user": "Who cleans the kitchen?", "assistant": "Everybody in turn cleans it."},
        {"user": "Bad row", "assistant": ""},
    )
    material = Material(
        answers=answers(),
        imported=read_examples(outside, "import", report),
        general=read_examples(general, "replay", report),
        anchors=read_examples(anchors, "anchor", report),
    )
    dataset = await made(material, report=report)
    rows = all_rows(dataset)
    assert [row.question for split, row in rows if split == "anchor"] == [known]
    assert known not in [row.question for split, row in rows if split != "anchor"]
    assert [split for split, row in rows if row.lineage.maker == "import"] != []
    replayed = [split for split, row in rows if row.lineage.maker == "replay"]
    assert set(replayed) == {"train"}
    assert len(replayed) == round(0.25 * (dataset.count("sft", "train") - len(replayed)))
    assert dataset.manifest["fates"]["refused"]["empty"] == 1
    assert dataset.manifest["fates"]["left_out"]["anchor"] >= 1
    told = [json.loads(line) for line in (dataset.folder / "report.jsonl").read_text().splitlines()]
    assert {"subject": "outside.jsonl:2", "stage": "import", "outcome": "refused"}.items() <= told[0].items()


async def test_what_a_model_writes_is_trained_on_and_never_measured_on(made: Any) -> None:
    asked: list[str] = []

    class Rephrasing(Scripted):
        async def complete(self, request: Any) -> Any:
            asked.append(request.question)
            body = request.question.replace("What is the allowance", "Which allowance is there")
            self.outputs = [{"question": body}]
            return await super().complete(request)

    settings = SETTINGS.model_copy(update={"augment": SETTINGS.augment.model_copy(update={"rephrase": 100})})
    dataset = await made(Material(answers=answers()), settings, generator=Rephrasing())
    plain = await made(Material(answers=answers()))
    made_up = [(split, row) for split, row in all_rows(dataset) if row.lineage.maker == "rephrase"]
    assert {split for split, _ in made_up} == {"train"}
    assert len(made_up) == len(asked) == plain.count("sft", "train")
    parents = {row.id for split, row in all_rows(dataset) if split == "train"}
    assert {row.lineage.parents[0] for _, row in made_up} <= parents
    for split in ("validation", "test"):
        assert dataset.rows("sft", split) == plain.rows("sft", split)


async def test_nothing_to_learn_from_is_said(made: Any) -> None:
    with pytest.raises(InvalidInput, match="Nothing"):
        await made(Material(answers=[]))


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    heavy = "{'sklearn', 'datasketch', 'krippendorff', 'jsonschema', 'torch', 'datasets'}"
    program = f"import sys, finetune.curate, finetune.imports; sys.exit(str({heavy} & set(sys.modules) or ''))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stderr.strip() == ""
