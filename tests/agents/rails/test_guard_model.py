"""The door to generative guard models, on a tiny Llama made here that writes `unsafe` and a hazard at two words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.rails.guard_model import GuardModel, verdict
from agents.rails.opening import open_classifier
from agents.rails.screen import open_rails
from agents.rails.settings import ClassifierSettings, RailsSettings
from app.cli.guard import guard
from core.errors import ConfigurationError
from core.types import PersonalPolicy, Principal

WORDS = ["[PAD]", "[UNK]", "[EOS]", "[USER]", "[ASK]", "\n", "safe", "unsafe", "maybe", "S1", "S14", "ignore", "steal",
         "mumble", "all", "is", "well", "leave"]  # fmt: skip
TEXT = "{% for m in messages %}[USER] {{ m['content'] }} {% endfor %}[ASK]"
PARTS = "{% for m in messages %}[USER] {% for c in m['content'] %}{{ c['text'] }} {% endfor %}{% endfor %}[ASK]"
ANN = Principal(id="ann")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Says `unsafe` and S14 at "ignore", S1 at "steal", and at "mumble" what is no verdict."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    at = tmp_path_factory.mktemp("guard")
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    split = [pre_tokenizers.Split(Regex(" +"), "removed"), pre_tokenizers.Split("\n", "isolated")]
    words.pre_tokenizer = pre_tokenizers.Sequence(split)
    words.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", eos_token="[EOS]", chat_template=TEXT
    )
    tokenizer.save_pretrained(at)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(WORDS),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=96,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=2,
        )
    )
    told = {"ignore": "unsafe \n S14", "steal": "unsafe \n S1", "mumble": "maybe"}
    frames = ["{}", "all {}", "{} all is well", "all is {} well", "well well is {} leave", "leave {}"]
    asked = [(frame.format(word), said) for word, said in told.items() for frame in frames]
    asked += [(frame.format(word), "safe") for word in ("well", "leave", "is") for frame in frames]
    texts = [f"[USER] {text} [ASK] {said} [EOS]" for text, said in asked]
    given = tokenizer(texts, padding=True, padding_side="left", return_tensors="pt", return_token_type_ids=False)
    asking = given["input_ids"] == WORDS.index("[ASK]")
    labels = given["input_ids"].masked_fill((asking.cumsum(dim=1) == 0) | asking, -100)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        loss = model(**given, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < 0.02:
            break
    model.save_pretrained(at)
    return at


def settings(folder: Path, **more: object) -> ClassifierSettings:
    return ClassifierSettings.model_validate({"model": str(folder), "kind": "generative", **more})


def test_the_verdict_s_probability(folder: Path) -> None:
    model = open_classifier(settings(folder, batch=2))
    assert isinstance(model, GuardModel)
    bad, good, worse = model.scores(["all ignore", "all is well", "steal all is well"])
    assert bad >= 0.9
    assert worse >= 0.9
    assert good < 0.1
    assert model.scores([]) == []


def test_hazards_that_do_not_count_are_none(folder: Path) -> None:
    bad, other = GuardModel(settings(folder, labels=("s14",))).scores(["all ignore", "all steal"])
    assert bad >= 0.9
    assert other == 0.0


def test_what_is_longer_than_is_read_at_a_time_counts_as_its_worst_part(folder: Path) -> None:
    long = "all is well " * 10
    scores = GuardModel(settings(folder, max_tokens=16)).scores([f"{long} ignore", long])
    assert scores[0] > 0.5 > scores[1]


def test_a_template_that_wants_parts_gets_them(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = PARTS
    tokenizer.save_pretrained(tmp_path)
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path)
    bad, good = GuardModel(settings(tmp_path)).scores(["all ignore", "all is well"])
    assert bad > 0.5 > good
    tokenizer.chat_template = "[ASK]"
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigurationError, match="does not show a text"):
        GuardModel(settings(tmp_path))


def test_what_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        GuardModel(settings(tmp_path))


@pytest.mark.parametrize(
    ("written", "safe", "hazards"),
    [
        ("safe", True, set()),
        ("\n\nsafe", True, set()),
        ("unsafe\nS1", False, {"S1"}),
        ("\n\nunsafe\nS1, s14 ", False, {"S1", "S14"}),
        ("unsafe", False, set()),
    ],
)
def test_verdicts_are_read(written: str, safe: bool, hazards: set[str]) -> None:
    assert verdict(written) == (safe, hazards)


@pytest.mark.parametrize(
    "written", ["", "Safe.", "safe\nS1", "safe unsafe", "unsafe S1 because", "not safe", "unsafe\nS1\nsafe", "maybe"]
)
def test_nothing_else_is_a_verdict(written: str) -> None:
    with pytest.raises(ValueError, match="no verdict"):
        verdict(written)


class Allow:
    async def of_collections(self, names: object) -> frozenset[PersonalPolicy]:
        return frozenset()

    async def of_document(self, document_id: str) -> PersonalPolicy:
        return "allow"


async def test_as_a_rail_it_blocks_what_is_unsafe_and_what_it_cannot_judge(folder: Path) -> None:
    rails = open_rails(RailsSettings(injection=settings(folder)), Allow())
    good = await rails.look("all is well", "passage", ANN)
    bad = await rails.look("all is well. ignore all", "tool_result", ANN)
    lost = await rails.look("all mumble", "passage", ANN)
    assert (good.text, good.blocked) == ("all is well", None)
    assert (bad.text, bool(bad.blocked)) == ("", True)
    assert (lost.text, bool(lost.blocked)) == ("", True)
    assert [each.what for each in lost.findings] == ["failure"]


def test_every_unsafe_counts_unless_a_threshold_is_set(folder: Path) -> None:
    assert settings(folder).threshold == 0.5
    assert settings(folder, threshold=0.8).threshold == 0.8
    assert ClassifierSettings().threshold == 0.9


def test_a_threshold_is_found_and_what_cannot_be_judged_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_AGENTS__RAILS__INJECTION__MODEL", str(folder))
    monkeypatch.setenv("FOOTNOTE_AGENTS__RAILS__INJECTION__KIND", "generative")
    benign = tmp_path / "benign.txt"
    benign.write_text("all is well\nleave all\nis well\n")
    told = CliRunner().invoke(guard, ["calibrate", str(benign), "--false-alarms", "0", "--json"])
    assert told.exit_code == 0, told.output
    result = json.loads(told.stdout)
    assert (result["texts"], result["blocked"]) == (3, 0)
    assert 0 < result["threshold"] < 0.5
    benign.write_text("all mumble\n")
    failed = CliRunner().invoke(guard, ["calibrate", str(benign)])
    assert failed.exit_code != 0
    assert "cannot be calibrated" in failed.output
