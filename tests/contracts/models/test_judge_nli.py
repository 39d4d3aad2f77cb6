"""The judge of inference, over cross-encoders of three labels that the tests build and teach a handful of pairs."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.asker import Asker
from agents.judge_nli import NliJudge
from agents.judging import Claim, Judge, Opinion
from agents.settings import JudgeSettings
from core.errors import ConfigurationError
from core.types import Source

ASKER = Asker(caller="ana", scope="everyone")
PREMISES = ("New employees have 25 days of annual leave.", "The server room is on the second floor.")
SAID = {
    "entailment": "Leave is 25 days for whoever is new.",
    "contradiction": "Nobody ever takes a holiday here.",
    "neutral": "The canteen opens at noon, and soup is served.",
}
ORDERS = (("contradiction", "entailment", "neutral"), ("ENTAILMENT", "NEUTRAL", "CONTRADICTION"))


def source(text: str, number: int = 1, title: str = "") -> Source:
    return Source(id=str(number), chunk_id=f"c{number}", document_id="d", version_id="v", title=title, text=text)


def claim(text: str, *premises: str) -> Claim:
    return Claim(text=text, sources=tuple(source(premise, n) for n, premise in enumerate(premises, start=1)))


def taught(folder: Path, labels: tuple[str, ...]) -> Path:
    """The model in a folder, taught the pairs above, its labels in this order; nothing follows from the second
    premise."""
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    names = dict(enumerate(labels))
    model = BertForSequenceClassification.from_pretrained(
        folder, id2label=names, label2id={n: i for i, n in names.items()}
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pairs = [(PREMISES[0], said, kind) for kind, said in SAID.items()]
    pairs += [(PREMISES[1], said, "neutral") for said in SAID.values()]
    read = tokenizer([a for a, _, _ in pairs], [b for _, b, _ in pairs], padding=True, return_tensors="pt")
    wanted = torch.tensor([[label.lower() for label in labels].index(kind) for _, _, kind in pairs])
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(3 if weights.dim() > 1 else 1)  # from small ones it would long not tell the pairs apart
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.eval()  # without dropout six pairs are learned in a moment
    for _ in range(200):
        loss = model(**read, labels=wanted).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < 0.01:
            break
    assert loss.item() < 0.02
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(make_cross_encoder: Callable[[int], Path]) -> list[Path]:
    return [taught(make_cross_encoder(3), labels) for labels in ORDERS]


@pytest.fixture(params=[0, 1], ids=["one order", "another"])
def judge(request: pytest.FixtureRequest, models: list[Path]) -> NliJudge:
    return NliJudge(JudgeSettings(kind="nli", model=str(models[request.param])))


async def opinions(judge: Judge, *claims: Claim) -> list[Opinion]:
    return list((await judge.judge(claims, ASKER)).opinions)


async def test_support_is_the_probability_of_entailment_wherever_that_label_stands(judge: NliJudge) -> None:
    found = await opinions(judge, *(claim(said, PREMISES[0]) for said in SAID.values()))
    assert [each.supported for each in found] == [True, False, False]
    assert found[0].support > 0.9 > 0.1 > max(each.support for each in found[1:])
    assert judge.method == "nli"


async def test_the_labels_are_the_models_own_and_not_a_habit(models: list[Path], tmp_path: Path) -> None:
    """The same weights under other names of their labels support another statement."""
    folder = shutil.copytree(models[0], tmp_path / "renamed")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": "entailment", "1": "contradiction", "2": "neutral"}
    (folder / "config.json").write_text(json.dumps(config))
    judge = NliJudge(JudgeSettings(kind="nli", model=str(folder)))
    found = await opinions(judge, *(claim(said, PREMISES[0]) for said in SAID.values()))
    assert [each.supported for each in found] == [False, True, False]


async def test_agrees_with_the_library(models: list[Path]) -> None:
    from sentence_transformers import CrossEncoder

    (found,) = await opinions(
        NliJudge(JudgeSettings(kind="nli", model=str(models[0]))), claim(SAID["neutral"], PREMISES[0])
    )
    expected = CrossEncoder(str(models[0]), device="cpu").predict([(PREMISES[0], SAID["neutral"])], apply_softmax=True)
    assert found.support == pytest.approx(float(expected[0][1]), abs=1e-3)


async def test_one_source_that_carries_it_is_enough(judge: NliJudge) -> None:
    both, other = await opinions(
        judge, claim(SAID["entailment"], PREMISES[1], PREMISES[0]), claim(SAID["entailment"], PREMISES[1])
    )
    assert both.supported
    assert not other.supported


async def test_a_long_source_is_read_in_windows_and_counts_as_its_best(models: list[Path]) -> None:
    judge = NliJudge(JudgeSettings(kind="nli", model=str(models[0]), batch=3))
    long = claim(SAID["entailment"], " ".join([PREMISES[1]] * 30 + [PREMISES[0]] + [PREMISES[1]] * 30))
    pairs, owners = judge._pairs([long, claim(SAID["neutral"], PREMISES[0])])
    windows = [premise for premise, _ in pairs[:-1]]
    assert owners == [0] * len(windows) + [1]
    assert len(windows) > 10
    assert any(PREMISES[0] in window for window in windows)
    assert windows[0].startswith(PREMISES[1])
    assert windows[-1].endswith(PREMISES[1])
    tokenizer: Any = judge._model.tokenizer
    assert all(len(tokenizer(*pair)["input_ids"]) <= 64 for pair in pairs)
    whole = await opinions(judge, long)
    singly = await opinions(judge, *(claim(SAID["entailment"], window) for window in windows))
    assert whole[0].support == pytest.approx(max(each.support for each in singly), abs=1e-3)


async def test_what_two_sources_say_together_is_read_together(models: list[Path]) -> None:
    judge = NliJudge(JudgeSettings(kind="nli", model=str(models[0])))
    pairs, _ = judge._pairs([claim("Leave and the server room.", *PREMISES)])
    assert [premise for premise, _ in pairs[:2]] == list(PREMISES)
    assert all(premise in pairs[2][0] for premise in PREMISES)


async def test_odd_texts_survive(judge: NliJudge) -> None:
    found = await opinions(judge, claim("\ud800", "\x00"), claim("word " * 3000, "", "x"), claim("?", "word " * 3000))
    assert len(found) == 3
    assert all(0 <= each.support <= 1 for each in found)


async def test_cancelling_leaves_it_usable(judge: NliJudge) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await judge.judge([claim(SAID["entailment"], *PREMISES)] * 50, ASKER)
    assert (await opinions(judge, claim(SAID["entailment"], PREMISES[0])))[0].supported


def test_what_cannot_judge_is_refused(make_cross_encoder: Callable[[int], Path], tmp_path: Path) -> None:
    for model, message in ((tmp_path / "none", "cannot be loaded"), (make_cross_encoder(3), "LABEL_0, LABEL_1")):
        with pytest.raises(ConfigurationError, match=message):
            NliJudge(JudgeSettings(kind="nli", model=str(model)))
    with pytest.raises(ConfigurationError, match="which of its labels"):
        NliJudge(JudgeSettings(kind="nli", model=str(make_cross_encoder(1))))
    with pytest.raises(ValueError, match="JUDGE__MODEL"):
        JudgeSettings(kind="nli")
