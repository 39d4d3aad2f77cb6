from __future__ import annotations

import pytest
import yaml

from core.errors import InvalidInput
from finetune.gate.rules import GateRules, read_rules


def read(text: str) -> GateRules:
    return read_rules(text, yaml.safe_load)


def test_what_is_left_out_has_defaults() -> None:
    rules = read("min_items: 60\nmeasures:\n  support: {margin: 0.02}\n  schema_valid: {margin: 0.01}\n")
    assert rules.min_items == 60
    assert rules.measures["support"].margin == 0.02
    assert rules.measures["schema_valid"].floor == GateRules().measures["schema_valid"].floor
    assert rules.measures["rouge_l"] == GateRules().measures["rouge_l"]
    assert read("") == GateRules()


def test_null_leaves_a_measure_out() -> None:
    assert "exact_match" not in read("measures: {exact_match: null}").measures


def test_the_digest_is_that_of_all_that_is_said() -> None:
    assert read("min_items: 60\nseed: 3").digest == read("seed: 3  # told otherwise\nmin_items: 60").digest
    assert read(f"min_items: {GateRules().min_items}").digest == GateRules().digest
    assert read("slices: {margin: 0.06}").digest != GateRules().digest
    assert len(GateRules().digest) == 16


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("min_items: 60\nmeasures: [", "line 2"),
        ("min_itmes: 60", "min_itmes"),
        ("measures: {suport: {margin: 0.1}}", "measures.suport"),
        ("measures: {support: {margn: 0.1}}", "measures.support.margn"),
        ("measures: {support: {margin: -1}}", "measures.support.margin"),
        ("measures: {support: 0.1}", "measures.support"),
        ("measures: {latency_ratio: {margin: 0.1}}", "latency_ratio is a ratio"),
        ("measures: {support: {margin: null}}", "support needs a margin"),
        ("measures: {length_ratio: {floor: 3}}", "floor of measures.length_ratio"),
        ("measures: [support]", "measures"),
        ("- 1", "mapping"),
        ("confidence: .nan", "confidence"),
        ("judge: {margin: high}", "judge.margin"),
        ("x: " + "y" * 100_001, "longer"),
    ],
)
def test_what_cannot_be_followed_is_named(text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        read(text)
