from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from finetune.gate.gate import Checks, run_gate
from finetune.gate.identity import Base
from finetune.gate.page import page
from finetune.gate.plots import grid, intervals
from finetune.gate.report import GateReport
from finetune.gate.rules import GateRules
from tests.finetune.gate.world import BASE, CHAMPION, CLEAN, Model, Scripted, world

EVIL = "<script>alert(1)</script>"
HOSTILE = f'x"onload="y{EVIL}'


class Tags(HTMLParser):
    """Every tag and attribute there is."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> GateReport:
    """Of a candidate, parts and items that have hostile names."""
    items = [
        replace(item, id=item.id + HOSTILE, slices={key: value + HOSTILE for key, value in item.slices.items()})
        for item in world()
    ]
    whom = Scripted(models={HOSTILE: Model(skill=0.5), CHAMPION: Model()})
    checks = Checks(leaks=CLEAN, base=Base(model=HOSTILE, quantization=EVIL), memory={HOSTILE: 2.0, CHAMPION: 1.0})
    folder: Path = tmp_path_factory.mktemp("gate")
    return asyncio.run(
        run_gate(GateRules(draws=200), items, HOSTILE, CHAMPION, whom, resume=folder, checks=checks)
    )  # fmt: skip


def test_nothing_of_a_hostile_text_is_taken_for_markup(report: GateReport) -> None:
    html = page(report.to_row())
    tags = Tags()
    tags.feed(html)
    assert EVIL not in html
    assert html.count("&lt;script&gt;") > 10
    usual = "html head meta title style body h1 h2 p ul li table tr th td span div svg line circle rect text"
    assert {tag for tag, _ in tags.found} <= set(usual.split())
    assert not [name for _, attributes in tags.found for name in attributes if name.startswith("on")]
    assert not [name for _, attributes in tags.found for name in attributes if name in ("src", "href", "style")]


def test_nothing_is_fetched(report: GateReport) -> None:
    html = page(report.to_row())
    assert not re.search(r"https?:|//|url\(|@import", html)
    assert "default-src 'none'" in html
    assert "prefers-color-scheme" in html


def test_plots_are_whole(report: GateReport) -> None:
    drawn = re.findall(r"<svg.*?</svg>", page(report.to_row()))
    assert len(drawn) == 4
    for each in drawn:
        assert "nan" not in each
        ElementTree.fromstring(each)


def test_intervals_without_ends_and_of_no_width_are_drawn() -> None:
    for drawn in (intervals([("a", None, 0.1, None, "bad")], 0.0), intervals([("a", 0.0, 0.0, 0.0, "good")], 0.0)):
        numbers = re.findall(r'"(-?[\d.]+)"', drawn)
        assert all(-1 <= float(each) <= 1_000 for each in numbers)
    assert ElementTree.fromstring(grid({("a&b", "c"): (0.0, "good")})).tag == "svg"


def test_the_report_says_all_that_was_decided_by(report: GateReport) -> None:
    row: dict[str, Any] = json.loads(report.text())
    assert row["rules"]["digest"] == report.rules.digest
    assert (row["candidate"], row["champion"], row["base"]["quantization"]) == (HOSTILE, CHAMPION, EVIL)
    assert row["passed"] is False
    told = {each["measure"]: each for each in row["measures"]}
    assert told["exact_match"]["said"] == "worse"
    assert told["exact_match"]["low"] <= told["exact_match"]["difference"] <= told["exact_match"]["high"]
    assert 0 < len(told["exact_match"]["worst"]) <= 5
    assert {each["measure"] for each in row["speed"]} == {"latency_ratio", "throughput_ratio", "memory_ratio"}
    assert set(row["blocked_by"]) >= {"exact_match", "memory_ratio"}
    assert {each["slice"].partition(":")[0] for each in row["slices"]} == {
        "language",
        "collection",
        "length",
        "expected",
    }


def test_no_text_of_a_question_or_answer_is_in_it(report: GateReport) -> None:
    assert "The rule on" not in report.text()
    assert "What is allowed" not in report.text()


def test_one_that_was_asked_nothing_has_a_page_too() -> None:
    bare = GateReport(rules=GateRules(), candidate="a", champion="b", base=BASE)
    assert "a was stopped" in page(json.loads(bare.text()))
