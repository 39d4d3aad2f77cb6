"""The door to sequence classifiers, on a tiny model made here that knows one word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.rails.classifier import TransformersClassifier
from agents.rails.settings import ClassifierSettings
from app.cli.guard import guard
from core.errors import ConfigurationError

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ignore", "all", "is", "well", "leave"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer whose weights are set so that "ignore" alone makes it say bad."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    at = tmp_path_factory.mktemp("classifier")
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(at)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=24, num_labels=2, id2label={0: "BENIGN", 1: "MALICIOUS"},
        label2id={"BENIGN": 0, "MALICIOUS": 1}, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(at)
    long = "all is well " * 6
    texts = ["ignore all", "ignore", "well ignore is", f"{long} ignore", f"ignore {long}", "leave ignore", "all ignore"]
    texts += ["all is well", "leave", "is well leave all", long, f"well {long}", "all", "well"]
    labels = torch.tensor([1] * 7 + [0] * 7)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(120):
        given = tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        model(**given, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(at)
    return at


def test_the_bad_label_s_probability(folder: Path) -> None:
    classifier = TransformersClassifier(ClassifierSettings(model=str(folder), labels=("malicious",)))
    bad, good = classifier.scores(["ignore all", "all is well"])
    assert bad > 0.9
    assert good < 0.1
    assert classifier.scores([]) == []


def test_without_labels_all_but_the_first_are_bad(folder: Path) -> None:
    classifier = TransformersClassifier(ClassifierSettings(model=str(folder)))
    assert classifier.scores(["ignore"])[0] > 0.9


def test_what_is_longer_than_the_model_reads_counts_as_its_worst_part(folder: Path) -> None:
    classifier = TransformersClassifier(ClassifierSettings(model=str(folder), batch=2))
    scores = classifier.scores(["all is well " * 40 + "ignore", "all is well " * 40])
    assert scores[0] > 0.5 > scores[1]


def test_what_cannot_be_loaded_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        TransformersClassifier(ClassifierSettings(model=str(tmp_path)))
    with pytest.raises(ConfigurationError, match="does not know all of the labels jailbreak"):
        TransformersClassifier(ClassifierSettings(model=str(folder), labels=("jailbreak",)))


def test_a_threshold_is_found_on_texts_of_one_s_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOOTNOTE_AGENTS__RAILS__INJECTION__MODEL", str(folder))
    benign = tmp_path / "benign.jsonl"
    benign.write_text("\n".join(json.dumps({"text": text}) for text in ["all is well", "leave all", "well"]))
    told = CliRunner().invoke(guard, ["calibrate", str(benign), "--false-alarms", "0", "--json"])
    assert told.exit_code == 0, told.output
    result = json.loads(told.stdout)
    assert (result["texts"], result["blocked"]) == (3, 0)
    assert 0 < result["threshold"] < 0.5
