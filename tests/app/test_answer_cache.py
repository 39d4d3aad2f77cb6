"""What makes two answers one, and what is taken for an answer that was remembered."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.answer import AnswerRequest
from agents.settings import AgentSettings
from app.answer_cache import Kept, packed, unpacked, worth_keeping
from app.answer_keys import ground, key_of
from app.settings import Settings
from core.types import (
    Answer,
    AnswerTrace,
    Attempt,
    Box,
    Filters,
    GeneratorInfo,
    Message,
    Principal,
    Retrieval,
    Source,
    Statement,
)

ANA = Principal(id="ana", groups=frozenset({"everyone", "hr"}))
WRITER = GeneratorInfo(name="model", fingerprint="model:1")
REQUEST = AnswerRequest(id="a", question="How much leave?", principal=ANA)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SAID = (Message(role="user", content="Hello"), Message(role="assistant", content="Hello."))


def key(request: AnswerRequest = REQUEST, **how: Any) -> str:
    return key_of(**{"ground": "g", "request": request, "version": "v", "generator": WRITER, **how})


@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, question="How much leave"),
        replace(REQUEST, question="how much leave?"),
        replace(REQUEST, principal=replace(ANA, groups=frozenset({"everyone"}))),
        replace(REQUEST, principal=replace(ANA, groups=frozenset({"everyone", "hr", "sales"}))),
        replace(REQUEST, principal=replace(ANA, groups=frozenset({"everyone,hr"}))),
        replace(REQUEST, principal=replace(ANA, groups=frozenset())),
        replace(REQUEST, principal=replace(ANA, admin=True)),
        replace(REQUEST, principal=replace(ANA, groups=frozenset({"admin"}))),
        replace(REQUEST, history=SAID),
        replace(REQUEST, history=SAID[:1]),
        replace(REQUEST, history=(Message(role="user", content="HelloHello."),)),
        replace(REQUEST, collections=("default",)),
        replace(REQUEST, filters=Filters(document_ids=("d",))),
        replace(REQUEST, filters=Filters(metadata={"year": 2026})),
        replace(REQUEST, filters=Filters(metadata={"year": "2026"})),
        replace(REQUEST, filters=Filters(metadata={"year": (2026,)})),
        replace(REQUEST, filters=Filters(metadata={"final": True})),
        replace(REQUEST, filters=Filters(metadata={"final": 1})),
        replace(REQUEST, filters=Filters(created_after=NOON)),
        replace(REQUEST, filters=Filters(created_before=NOON)),
    ],
)
def test_what_is_asked_and_who_may_see_what_is_in_the_key(request_: AnswerRequest) -> None:
    others = {key(each) for each in (REQUEST, replace(REQUEST, filters=Filters(metadata={"year": (2026, 2027)})))}
    assert key(request_) not in others


def test_every_key_of_these_is_another() -> None:
    keys = [
        key(),
        key(ground="other"),
        key(version="w"),
        key(generator=replace(WRITER, name="other")),
        key(generator=replace(WRITER, fingerprint="model:2")),
        key(generator=replace(WRITER, adapter="a@1")),
        key(generator=replace(WRITER, adapter="a@2")),
    ]
    assert len(set(keys)) == len(keys)


def test_the_adapter_is_the_one_asked_for_or_the_default() -> None:
    asked = replace(REQUEST, adapter="a@1")
    assert key(asked) != key()
    assert key(asked) == key(asked, generator=replace(WRITER, adapter="a@2"))
    assert key(asked) == key(generator=replace(WRITER, adapter="a@1"))


def test_who_it_is_and_the_order_of_things_are_not_in_it() -> None:
    same = [
        replace(REQUEST, id="b", fresh=True, question=" How much leave?\n"),
        replace(REQUEST, principal=replace(ANA, id="amy")),
    ]
    assert {key(each) for each in same} == {key()}
    root = Principal(id="root", admin=True)
    assert key(replace(REQUEST, principal=root)) == key(replace(REQUEST, principal=replace(root, groups=ANA.groups)))
    two = [replace(REQUEST, collections=names) for names in (("a", "b"), ("b", "a"))]
    assert key(two[0]) == key(two[1])
    assert key(replace(REQUEST, question="\ud800")) != key()  # half a character does no harm


def test_settings_and_parts_are_the_ground(tmp_path: Path) -> None:
    made = [
        ground(Settings(data_dir=tmp_path), "1"),
        ground(Settings(data_dir=tmp_path), "2"),
        ground(Settings(data_dir=tmp_path, agents=AgentSettings(sources=3)), "1"),
    ]
    assert len(set(made)) == 3
    assert ground(Settings(data_dir=tmp_path / "elsewhere", log_level="debug"), "1") == made[0]


SOURCE = Source(
    id="1",
    chunk_id="c",
    document_id="d",
    version_id="v",
    title="Leave",
    text="Leave is 28 days.",
    page=1,
    boxes=(Box(page=1, x0=1, y0=2, x1=3, y1=4),),
    sentences=((0, 17),),
)
ANSWER = Answer(
    id="a",
    question="How much leave?",
    statements=(Statement(text="Leave is 28 days.", sources=("1",), support=1.0, supported=True),),
    sources=(SOURCE,),
    answerable=True,
    retrieval=Retrieval(used=True, reason="asked", n=1),
    generator=WRITER,
    timings_ms={"total": 1.5},
)
TRACE = AnswerTrace(
    asked="How much leave?",
    question="How much leave?",
    filters=Filters(metadata={"year": (2025, 2026), "b": True}, created_after=NOON),
    offered=("c",),
    messages=SAID,
    schema={"type": "object", "enum": ["1"]},
    attempts=(Attempt(output="{}"),),
)
KEPT = Kept(key="k", written_at=NOON, answer=ANSWER, trace=TRACE)


def test_what_was_packed_is_the_same_again() -> None:
    found = unpacked("k", packed(KEPT))
    assert found == KEPT


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"footnote answer 1\n",
        b"footnote answer 0\n" + packed(KEPT).partition(b"\n")[2],
        packed(KEPT)[:-1],
        packed(KEPT)[:60] + b"?" + packed(KEPT)[61:],
        packed(replace(KEPT, key="other")),
        packed(replace(KEPT, answer=replace(ANSWER, sources=()))),
        packed(replace(KEPT, answer=replace(ANSWER, statements=(Statement(text="Invented.", sources=("2",)),)))),
        b"footnote answer 1\n" + zlib.compress(b'{"key": "k"}'),
        b"footnote answer 1\n" + zlib.compress(b"[" * 100_000),
        b"footnote answer 1\n" + zlib.compress(b" " * (64 * 2**20)),
    ],
)
def test_anything_else_is_no_answer(value: bytes) -> None:
    assert unpacked("k", value) is None


@pytest.mark.parametrize(
    ("answer", "trace"),
    [
        (replace(ANSWER, degraded=("rerank_timeout",)), TRACE),
        (ANSWER, replace(TRACE, degraded=("condense",))),
        (replace(ANSWER, sources=(), statements=()), TRACE),
        (ANSWER, replace(TRACE, attempts=())),
        (ANSWER, replace(TRACE, attempts=(Attempt(output="", problem="It is no JSON."),))),
        (ANSWER, replace(TRACE, attempts=(Attempt(output="", problem="It is no JSON."), Attempt(output="{}")))),
    ],
)
def test_only_what_came_about_as_it_always_would_is_kept(answer: Answer, trace: AnswerTrace) -> None:
    assert worth_keeping(ANSWER, TRACE)
    assert not worth_keeping(answer, trace)


def test_times_are_kept_with_their_zone() -> None:
    found = unpacked("k", packed(KEPT))
    assert found is not None
    assert found.written_at - NOON == timedelta(0)
