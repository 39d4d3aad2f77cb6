"""Candidates with planted faults are stopped, each for its fault; good ones pass.

The models are scripted and their noise differs with every seed; the rules are the ones a gate has where nothing is
said. What is counted here is what the rules are for.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from core.types import DocumentVersion, Example, Lineage, Message
from finetune.gate.gate import Checks, run_gate
from finetune.gate.identity import problems
from finetune.gate.items import Item
from finetune.gate.leaks import leaks
from finetune.gate.measures import Output
from finetune.gate.report import GateReport
from finetune.gate.rules import GateRules
from tests.finetune.gate.world import (
    ABSTAINS,
    BASE,
    CANDIDATE,
    CARD,
    CHAMPION,
    CLEAN,
    WORDS,
    Habit,
    Model,
    answer,
    asker,
    held_out,
    world,
)

RULES = GateRules()
ITEMS = world()
SOUND = Checks(leaks=CLEAN, base=BASE)


def gate(folder: Path, candidate: Model, seed: int, checks: Checks = SOUND) -> GateReport:
    run = run_gate(RULES, ITEMS, CANDIDATE, CHAMPION, asker(candidate, seed), resume=folder, checks=checks)
    return asyncio.run(run)


def of_answers(change: Habit, share: float = 1.0) -> Habit:
    """A fault in so many of the answers to questions kept back."""

    def habit(item: Item, output: Output, chance: random.Random) -> Output:
        touched = item.kind_of_set == "held_out" and chance.random() < share
        return change(item, output, chance) if touched else output

    return habit


def _breaks_format(item: Item, output: Output, chance: random.Random) -> Output:
    return replace(output, text=f"Sure! Here is the JSON: {output.text}")


def _cites_wrongly(item: Item, output: Output, chance: random.Random) -> Output:
    said = json.loads(output.text)
    for each in said["statements"]:
        each["sources"] = [str(int(each["sources"][0]) % 3 + 1)]
    return replace(output, text=json.dumps(said))


def _invents(item: Item, output: Output, chance: random.Random) -> Output:
    said = json.loads(output.text)
    for each in said["statements"]:
        each["text"] += f" This has been so since {chance.randrange(1900, 2000)}."
    return replace(output, text=json.dumps(said), support=tuple(each * 0.5 for each in output.support))


def _abstains(item: Item, output: Output, chance: random.Random) -> Output:
    return Output(text=ABSTAINS)


def _never_abstains(item: Item, output: Output, chance: random.Random) -> Output:
    if output.text != ABSTAINS:
        return output
    source = chance.choice(item.sources)
    return Output(text=answer(source.text, source.id), support=(0.9,))


def _says_much(item: Item, output: Output, chance: random.Random) -> Output:
    said = json.loads(output.text)
    for each in said["statements"]:
        each["text"] += " " + " ".join(chance.choices(WORDS, k=20))
    return replace(output, text=json.dumps(said))


def _repeats(item: Item, output: Output, chance: random.Random) -> Output:
    said = json.loads(output.text)
    for each in said["statements"]:
        each["text"] = " ".join([each["text"]] * 8)
    return replace(output, text=json.dumps(said))


def _is_worse_in(key: str, value: str) -> Habit:
    """Lost in one part of the questions, and better than the champion in all others."""

    def habit(item: Item, output: Output, chance: random.Random) -> Output:
        if item.kind_of_set != "held_out":
            return output
        if item.slices[key] != value:
            return replace(output, text=item.reference or "", support=(1.0,) if item.reference != ABSTAINS else ())
        return _cites_wrongly(item, Output(text=answer("Nobody knows it.", "1"), support=(0.1,)), chance)

    return habit


def _garbles(item: Item, output: Output, chance: random.Random) -> Output:
    return replace(output, text="".join(chance.choices("ĠâĢ¦<unk>{}[]\\x", k=60)), support=())


def _garbles_within(item: Item, output: Output, chance: random.Random) -> Output:
    """A grammar keeps the form, and weights that are broken fill it."""
    return Output(text=answer(" ".join(chance.choices(["Ġthe", "âĢ¦", "ught", "##ly"], k=9)), "1"), support=(0.0,))


def _forgets(item: Item, output: Output, chance: random.Random) -> Output:
    return Output(text=" ".join(chance.choices(WORDS, k=8))) if item.kind_of_set == "anchor" else output


def _forgets_sums(item: Item, output: Output, chance: random.Random) -> Output:
    return _forgets(item, output, chance) if item.slices.get("task") == "sums" else output


def _obeys(item: Item, output: Output, chance: random.Random) -> Output:
    return Output(text="Certainly. First you need …") if item.kind_of_set == "harmful" else output


def _is_silent(item: Item, output: Output, chance: random.Random) -> Output:
    return Output(text="", failed="generation_invalid")


def _says_nothing_validly(item: Item, output: Output, chance: random.Random) -> Output:
    return Output(text='{"answerable":true,"statements":[]}')


PLANTED: dict[str, tuple[Model, set[str]]] = {
    "breaks the format": (Model(habit=of_answers(_breaks_format)), {"schema_valid"}),
    "breaks the format at times": (Model(habit=of_answers(_breaks_format, 0.2)), {"schema_valid"}),
    "cites the wrong source": (Model(habit=of_answers(_cites_wrongly, 0.4)), {"citation_precision", "citation_recall"}),
    "says what nothing carries": (Model(habit=of_answers(_invents, 0.6)), {"support"}),
    "always abstains": (Model(habit=of_answers(_abstains)), {"abstention", "citation_recall"}),
    "never abstains": (Model(habit=of_answers(_never_abstains)), {"abstention"}),
    "says too much": (Model(habit=of_answers(_says_much)), {"length_ratio"}),
    "repeats itself": (Model(habit=of_answers(_repeats, 0.5)), {"repetition"}),
    "is slower": (Model(speed=1.6), {"latency_ratio", "throughput_ratio"}),
    "garbles at times": (Model(habit=of_answers(_garbles, 0.3)), {"schema_valid"}),
    "garbles within the form": (Model(habit=of_answers(_garbles_within, 0.3)), {"rouge_l", "support"}),
    "forgets": (Model(habit=_forgets), {"general"}),
    "obeys whoever asks": (Model(habit=_obeys), {"refusal"}),
    "is silent": (Model(habit=of_answers(_is_silent)), {"schema_valid", "abstention"}),
    "says nothing in valid form": (Model(habit=of_answers(_says_nothing_validly)), {"abstention", "exact_match"}),
    "guesses": (Model(skill=0.6), {"exact_match", "citation_recall"}),
}


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("fault", list(PLANTED))
def test_a_planted_fault_is_stopped_for_what_it_is(fault: str, seed: int, tmp_path: Path) -> None:
    model, causes = PLANTED[fault]
    report = gate(tmp_path, model, seed)
    assert not report.verdict.passed
    assert causes <= set(report.verdict.blocked_by)


@pytest.mark.parametrize(("key", "value"), [("language", "de"), ("collection", "law")])
@pytest.mark.parametrize("seed", [21, 22])
def test_one_worse_part_is_named_however_good_the_others(key: str, value: str, seed: int, tmp_path: Path) -> None:
    report = gate(tmp_path, Model(habit=_is_worse_in(key, value)), seed)
    assert f"{key}:{value}" in {reason.slice for reason in report.verdict.reasons}
    others = {reason.slice for reason in report.verdict.reasons if (reason.slice or "").startswith(key)}
    assert others == {f"{key}:{value}"}


def test_one_forgotten_task_is_named(tmp_path: Path) -> None:
    report = gate(tmp_path, Model(habit=_forgets_sums), 31)
    assert "task:sums" in {reason.slice for reason in report.verdict.reasons}
    assert "task:capitals" not in {reason.slice for reason in report.verdict.reasons}


def _learnt(item: Item) -> Example:
    document = DocumentVersion(document_id=next(iter(item.documents)), version_id="v1")
    return Example(
        id=f"row-{item.id}",
        kind="sft",
        question=item.question,
        prompt=(Message(role="user", content=item.question),),
        completion=item.reference or "",
        lineage=Lineage(maker="correction", documents=(document,)),
    )


def test_one_that_learnt_the_test_is_stopped_and_asked_nothing(tmp_path: Path) -> None:
    learnt = [_learnt(item) for item in held_out(ITEMS)[:30]]
    perfect = asker(Model(habit=of_answers(lambda item, output, _: replace(output, text=item.reference or ""))))
    checks = Checks(leaks=leaks(ITEMS, learnt, RULES.leak.likeness), base=BASE)
    report = asyncio.run(
        run_gate(RULES, ITEMS, CANDIDATE, CHAMPION, perfect, resume=tmp_path, checks=checks)
    )  # fmt: skip
    assert report.verdict.blocked_by == ("leak",)
    assert report.verdict.reasons[0].figures["items"] == 30
    assert not perfect.asked


@pytest.mark.parametrize(
    ("card", "wrong", "code"),
    [
        ({**CARD, "base": {"model": "/models/other", "served_as": "other-base"}}, [], "wrong_base"),
        (CARD, ["adapter_model.safetensors was changed"], "damaged"),
    ],
)
def test_the_wrong_base_and_damaged_files_are_asked_nothing(
    card: dict[str, object], wrong: list[str], code: str, tmp_path: Path
) -> None:
    found = problems(card, BASE, wrong)
    assert [each.code for each in found] == [code]
    fine = asker(Model())
    checks = Checks(problems=found, leaks=CLEAN, base=BASE)
    report = asyncio.run(run_gate(RULES, ITEMS, CANDIDATE, CHAMPION, fine, resume=tmp_path, checks=checks))
    assert report.verdict.blocked_by == ("identity",)
    assert not fine.asked


GOOD = [Model(), Model(skill=0.93), Model(skill=0.92, noise=0.03), Model(speed=0.8)]
"""The same as the champion, and better in one thing or another."""


def test_of_twenty_good_ones_at_most_two_are_stopped(tmp_path: Path) -> None:
    stopped = []
    for seed in range(20):
        report = gate(tmp_path / str(seed), GOOD[seed % len(GOOD)], 100 + seed)
        if not report.verdict.passed:
            stopped.append((seed, [(each.measure, each.slice, each.said) for each in report.verdict.reasons]))
    assert len(stopped) <= 2, stopped
