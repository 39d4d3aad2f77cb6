"""Which findings are alarms: sure enough among all of a look, and large enough."""

from __future__ import annotations

import numpy as np

from finetune.watch.findings import Finding, alarms, too_little
from finetune.watch.rules import WatchRules

RULES = WatchRules(alpha=0.04, looks=1)


def test_the_bar_is_as_high_as_there_are_measures_and_scopes() -> None:
    found = {"*": (_finding(0.009), _finding(0.02)), "collection:a": (_finding(0.5), _finding(0.9))}
    judged = alarms(found, RULES)
    assert [each.alarm for each in judged["*"]] == [True, False]
    alone = alarms({"*": found["*"][1:]}, RULES)
    assert alone["*"][0].alarm, "among fewer measures the same figure is sure enough"


def test_holm_steps_down_and_stops() -> None:
    judged = alarms({"*": tuple(_finding(p) for p in (0.013, 0.0099, 0.5, 0.019))}, RULES)["*"]
    assert [each.alarm for each in judged] == [True, True, False, True]
    judged = alarms({"*": tuple(_finding(p) for p in (0.0134, 0.011, 0.5, 0.019))}, RULES)["*"]
    assert not any(each.alarm for each in judged), "the least is not small enough, so none is"


def test_more_looks_make_a_higher_bar() -> None:
    sure = {"*": (_finding(0.009), _finding(0.9))}
    assert alarms(sure, RULES)["*"][0].alarm
    assert not alarms(sure, RULES.model_copy(update={"looks": 10}))["*"][0].alarm


def test_what_is_sure_and_small_is_no_alarm_but_takes_its_part() -> None:
    small = alarms({"*": (_finding(1e-9, large=False), _finding(0.015))}, RULES)["*"]
    assert [each.state for each in small] == ["steady", "alarm"]


def test_too_little_is_neither_tested_nor_an_alarm() -> None:
    few = too_little("support", "mean", (40, 12), (40, 9), (50, 50))
    assert few.too_little == "The current window has 9 independent answers with this figure; 50 are needed."
    judged = alarms({"*": (few, _finding(0.039))}, RULES)["*"]
    assert [each.state for each in judged] == ["too_little", "alarm"]


def test_a_family_of_null_measures_raises_an_alarm_as_seldom_as_promised() -> None:
    rules = WatchRules(alpha=0.1, looks=1)
    raised = 0
    for seed in range(2_000):
        ps = np.random.default_rng(seed).random(24)
        judged = alarms({"*": tuple(_finding(p) for p in ps[:12]), "b": tuple(_finding(p) for p in ps[12:])}, rules)
        raised += any(each.alarm for findings in judged.values() for each in findings)
    assert 0.07 * 2_000 <= raised <= 0.1 * 2_000 + 3 * np.sqrt(2_000 * 0.09)


def _finding(p: float, large: bool = True) -> Finding:
    return Finding(measure="support", kind="mean", records=(100, 100), difference=0.1, p=float(p), large=large)
