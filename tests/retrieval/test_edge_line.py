"""The line before the engine, with a scripted engine: who goes first, who waits, and what is remembered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from retrieval.edge_child import EngineLost
from retrieval.edge_line import READS_IN_A_ROW, Job, Line
from retrieval.rpc import Frame, Op, Tag, pack, unpack


class ScriptedEngine:
    """Answers in order and notes what it was asked; `gate` can keep it busy, `refuse` makes it say no."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuse = False
        self.gone = False

    async def call(self, tag: int, body: bytes) -> Frame:
        await self.gate.wait()
        if self.gone:
            raise EngineLost("gone")
        self.asked.append((tag, unpack(body)))
        if self.refuse:
            return Frame(0, Tag.ERROR, pack(["invalid_input", "no"]))
        return Frame(0, Tag.OK, pack(10 if Op(tag).writes else None))


@pytest.fixture
async def engine() -> ScriptedEngine:
    return ScriptedEngine()


def line_of(engine: ScriptedEngine, flush_points: int = 10**6) -> Line:
    return Line(engine, flush_points)  # type: ignore[arg-type]


def put(line: Line, op: Op, name: Any, answers: list[Any]) -> None:
    line.put(Job(op=op, body=pack(name), answer=lambda frame: answers.append((name, frame.tag))))


async def drained(line: Line, answers: list[Any], count: int) -> None:
    running = asyncio.create_task(line.run())
    async with asyncio.timeout(10):
        while sum(tag != Tag.WAIT for _, tag in answers) < count:
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_reads_go_before_writes_that_came_first(engine: ScriptedEngine) -> None:
    line, answers = line_of(engine), []
    for name in ("w1", "w2"):
        put(line, Op.UPSERT, name, answers)
    for name in ("r1", "r2"):
        put(line, Op.SEARCH, name, answers)
    await drained(line, answers, 4)
    assert [name for name, _ in answers] == ["r1", "r2", "w1", "w2"]


async def test_writes_are_not_starved(engine: ScriptedEngine) -> None:
    line, answers = line_of(engine), []
    put(line, Op.UPSERT, "w", answers)
    for number in range(3 * READS_IN_A_ROW):
        put(line, Op.SEARCH, number, answers)
    await drained(line, answers, 3 * READS_IN_A_ROW + 1)
    assert [name for name, _ in answers].index("w") == READS_IN_A_ROW


async def test_held_writes_wait_and_are_told_so_while_reads_go_on(engine: ScriptedEngine) -> None:
    line, answers = line_of(engine), []
    line.hold_writes(True)
    put(line, Op.UPSERT, "w", answers)
    for number in range(2 * READS_IN_A_ROW):
        put(line, Op.SEARCH, number, answers)
    await drained(line, answers, 2 * READS_IN_A_ROW)
    assert "w" not in [name for name, _ in answers]
    line.tell_waiting(longer_than=1000)
    assert answers[-1][1] != Tag.WAIT
    line.tell_waiting(longer_than=0)
    assert answers[-1] == ("w", Tag.WAIT)
    line.hold_writes(False)
    await drained(line, answers, 2 * READS_IN_A_ROW + 1)
    assert answers[-1] == ("w", Tag.OK)


async def test_taken_writes_are_told_in_order_and_refused_ones_are_not(engine: ScriptedEngine) -> None:
    line, answers, told = line_of(engine), [], []
    line.on_write = lambda frame: told.append((frame.tag, unpack(frame.body)))
    put(line, Op.UPSERT, "a", answers)
    put(line, Op.DELETE_VERSIONS, "b", answers)
    put(line, Op.SEARCH, "c", answers)
    put(line, Op.FLUSH, "d", answers)
    await drained(line, answers, 4)
    assert told == [(Op.UPSERT, "a"), (Op.DELETE_VERSIONS, "b")]
    assert (line.tally.pending, line.tally.unflushed) == (20, 0)
    engine.refuse = True
    put(line, Op.UPSERT, "e", answers)
    await drained(line, answers, 5)
    assert answers[-1] == ("e", Tag.ERROR)
    assert len(told) == 2
    assert line.tally.pending == 20


async def test_it_flushes_after_so_many_points(engine: ScriptedEngine) -> None:
    line, answers = line_of(engine, flush_points=30), []
    for name in range(4):
        put(line, Op.UPSERT, name, answers)
    await drained(line, answers, 4)
    assert [tag for tag, _ in engine.asked] == [Op.UPSERT, Op.UPSERT, Op.UPSERT, Op.FLUSH, Op.UPSERT]


async def test_nothing_is_at_the_engine_in_between(engine: ScriptedEngine) -> None:
    line, answers, seen = line_of(engine), [], []
    running = asyncio.create_task(line.run())
    engine.gate.clear()
    put(line, Op.UPSERT, "w", answers)
    await asyncio.sleep(0)

    async def action() -> None:
        seen.append(len(engine.asked))

    between = asyncio.create_task(line.between(action))
    await asyncio.sleep(0.01)
    assert seen == []
    engine.gate.set()
    await between
    assert seen == [1]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_lost_engine_ends_the_line(engine: ScriptedEngine) -> None:
    line, answers = line_of(engine), []
    engine.gone = True
    put(line, Op.SEARCH, "r", answers)
    with pytest.raises(EngineLost):
        await line.run()
    assert answers == []
