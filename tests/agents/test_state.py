"""A run's state: what goes in comes out again, and what a newer version has written is read as far as it is known."""

from __future__ import annotations

import json
from dataclasses import asdict

from agents.state import (
    Frame,
    dumped_source,
    dumped_step,
    kept_step,
    read_frame,
    read_source,
    read_step,
    shown,
    upserted,
)
from core.types import Box, GeneratorInfo, Source, Step, Usage

STEP = Step(
    number=3,
    agent="lead/helper",
    tool="find",
    arguments={"query": "leave"},
    thought="I look.",
    status="waiting",
    parent=1,
    permission="ask",
    reasons=("So it is.",),
    decision="approve",
    observation="It is.",
    data={"rows": [1, 2]},
    sources=("1", "2"),
    generator=GeneratorInfo(name="m", fingerprint="f", adapter="a"),
    usage=Usage(prompt_tokens=1, completion_tokens=2),
    cost=0.5,
    timings_ms={"generate": 1.5},
)
SOURCE = Source(
    id="1",
    chunk_id="c",
    document_id="d",
    version_id="v",
    title="T",
    text="Text.",
    page=2,
    boxes=(Box(page=2, x0=1, y0=2, x1=3, y1=4),),
    heading_path=("A", "B"),
    sentences=((0, 5),),
    score=0.5,
)
FRAME = Frame(
    agent="helper", path="lead/helper", task="Do it.", budget="helper 1", parent=1, closing={"reason": "steps"}
)


def test_what_goes_in_as_json_comes_out() -> None:
    assert read_step(json.loads(json.dumps(dumped_step(STEP)))) == STEP
    assert read_source(json.loads(json.dumps(dumped_source(SOURCE)))) == SOURCE
    assert read_frame(json.loads(json.dumps(asdict(FRAME)))) == FRAME
    assert kept_step(STEP) == {**dumped_step(STEP), "data": {}}


def test_what_is_not_known_is_passed_over() -> None:
    assert read_step({**dumped_step(STEP), "mood": "fine"}) == STEP
    assert read_source({**dumped_source(SOURCE), "mood": "fine"}) == SOURCE


def test_changes_replace_what_is_known_and_add_what_is_new() -> None:
    one, two, changed = {"number": 1, "a": 1}, {"number": 2, "a": 1}, {"number": 1, "a": 2}
    assert upserted(None, [[one], [two, changed]]) == [changed, two]
    assert upserted(upserted([one], [[two]]), [[changed]]) == upserted([one], [[two], [changed]])
    assert upserted([{"id": "1"}], [[{"id": "2"}]]) == [{"id": "1"}, {"id": "2"}]


def test_what_the_next_node_has_to_know_is_not_shown() -> None:
    assert shown({"pending": {"text": "x"}, "answer": None}) == {"answer": None}
