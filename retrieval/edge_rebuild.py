"""Rebuilding the shard's graphs in the background without stopping searches, and without losing a write.

The engine's `optimize()` blocks its process for as long as it runs (35 s for 50,000 points), so it runs elsewhere:

1. *flushing, copying*: writes are held back, the shard is flushed and its folder copied; searches go on.
2. *optimizing*: a niced process opens the copy, optimizes and syncs it. Writes go to the old shard again, and each one
   it has taken is remembered, up to a bound in bytes; past the bound the rebuild is given up and tried again later.
3. *loading*: a second engine process opens the rebuilt copy, while the first still answers, and is warmed by the latest
   searches.
4. *replaying*: the remembered writes are repeated on it, in slices, until few are left.
5. *switching*: writes are held back, the last ones are repeated and flushed, `CURRENT` is replaced, searches go to the
   new engine, writes go on.
6. *removing*: the old engine stops, its folder is removed.

A kill at any moment leaves `CURRENT` naming a complete shard: until the rename the old one, which took every write that
was acknowledged; afterwards the new one, which has had every one of them repeated, in the same order. Repeating a write
is harmless: upserts, deletes by version and payload replacements by document are idempotent.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from core.errors import FootnoteError, IndexUnavailable
from retrieval.edge_child import Engine, EngineLost, rebuild
from retrieval.edge_home import Current, Home
from retrieval.edge_line import Line
from retrieval.rpc import Frame, Op, Tag, unpack
from retrieval.settings import IndexSettings

STAGES = ("flushing", "copying", "optimizing", "loading", "replaying", "switching", "removing")
FEW = 8
"""Writes left to repeat that are few enough to hold the others back for."""

Stage = Callable[[str], None]
_T = TypeVar("_T")


class _Log:
    """Writes taken by the old shard since it was copied."""

    def __init__(self, limit: int) -> None:
        self.frames: deque[Frame] = deque()
        self.full = asyncio.Event()
        self._left = limit

    def add(self, frame: Frame) -> None:
        self._left -= len(frame.body)
        if self._left < 0:
            self.full.set()
        if not self.full.is_set():
            self.frames.append(frame)


class Rebuilder:
    """Watches the line's tally and rebuilds when due. `at_stage` is told each stage as it begins."""

    def __init__(
        self, home: Home, current: Current, line: Line, size: int, settings: IndexSettings, at_stage: Stage
    ) -> None:
        self.current = current
        self.stage = "idle"
        self.rebuilds = 0
        self.last_error: str | None = None
        self._home = home
        self._line = line
        self._size = size
        self._settings = settings
        self._at_stage = at_stage
        self._not_before = 0.0

    @property
    def due(self) -> bool:
        """Whether enough is pending: a little when writing is quiet, more while it goes on."""
        now, tally = time.monotonic(), self._line.tally
        quiet = now - tally.last_write >= self._settings.optimize_quiet
        threshold = self._settings.optimize_points if quiet else self._settings.optimize_hard_points
        return tally.pending >= threshold and now >= self._not_before

    async def run_if_due(self) -> None:
        """Rebuilds if due. A failed rebuild leaves everything as it was and is tried again after a while."""
        if not self.due:
            return
        started = time.monotonic()
        target = self._home.new_shard()
        try:
            await self._run(target)
            self.last_error = None
        except (FootnoteError, OSError, EngineLost) as error:
            self.last_error = str(error)
            self._not_before = time.monotonic() + max(60.0, 2 * (time.monotonic() - started))
        finally:
            self._line.on_write = None
            self._line.hold_writes(False)
            await asyncio.to_thread(self._home.remove_leftovers, self.current)
            self._stage("idle")

    async def _run(self, target: Current) -> None:
        line, log = self._line, _Log(self._settings.optimize_log_bytes)
        copied = await self._copy(target, log)
        self._stage("optimizing")
        if not await self._unless_full(rebuild(self._home.shard(target), self._size, self._settings), log):
            line.tally.pending -= copied
            return
        self._stage("loading")
        engine = await self._unless_full(Engine.start(self._home.shard(target), self._size, self._settings), log)
        try:
            for search in list(line.recent_searches):
                await engine.call(Op.SEARCH, search)
            self._stage("replaying")
            while len(log.frames) > FEW:
                await self._repeat(engine, log)
            line.hold_writes(True)
            await line.ask(Op.FLUSH)  # when it is answered, no write is at the engine
            await self._repeat(engine, log)
            if log.full.is_set():
                raise IndexUnavailable("More was written during a rebuild of the index than may be remembered.")
            await engine.call(Op.FLUSH, b"\xc0")
            points = unpack((await engine.call(Op.INFO, b"\xc0")).body)["points"]
            old = await self._switch(engine, replace(target, optimized=points), copied)
        except BaseException:
            if line.engine is not engine:
                await engine.kill()
            raise
        line.on_write = None
        line.hold_writes(False)
        self._stage("removing")
        await old.kill()  # everything it holds is obsolete
        self.rebuilds += 1

    async def _copy(self, target: Current, log: _Log) -> int:
        """Copies the shard while nothing is written, and begins the log; how many points awaited a rebuild by then."""
        line = self._line
        self._stage("flushing")
        line.hold_writes(True)
        await line.ask(Op.FLUSH)  # when it is answered, no write is at the engine
        self._stage("copying")
        copying = asyncio.create_task(asyncio.to_thread(self._home.copy, self.current, target))
        try:
            await asyncio.shield(copying)
        except asyncio.CancelledError:
            await copying  # a thread cannot be stopped, and what it makes is to be removed
            raise
        copied = line.tally.pending
        line.on_write = log.add
        line.hold_writes(False)
        return copied

    async def _switch(self, engine: Engine, target: Current, copied: int) -> Engine:
        """Makes the rebuilt shard the current one, on disk and for searches; the engine that served until now."""
        line = self._line
        self._stage("switching")
        old = line.engine

        async def swap() -> None:
            await asyncio.to_thread(self._home.switch, target)
            self.current = target
            line.engine = engine
            line.tally.pending -= copied

        await line.between(swap)
        return old

    async def _repeat(self, engine: Engine, log: _Log) -> None:
        for _ in range(len(log.frames)):
            frame = log.frames.popleft()
            reply = await engine.call(frame.tag, frame.body)
            if reply.tag != Tag.OK:
                raise IndexUnavailable(f"A write could not be repeated on the rebuilt index: {unpack(reply.body)[1]}")

    async def _unless_full(self, work: Coroutine[Any, Any, _T], log: _Log) -> _T:
        """The work's result, unless the log fills up first: then the work is cancelled."""
        task, full = asyncio.create_task(work), asyncio.create_task(log.full.wait())
        try:
            await asyncio.wait([task, full], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise IndexUnavailable("More was written during a rebuild of the index than may be remembered.")
        finally:
            full.cancel()
            task.cancel()
            await asyncio.wait([task])

    def _stage(self, stage: str) -> None:
        self.stage = stage
        if stage != "idle":
            self._at_stage(stage)


__all__ = ["STAGES", "Rebuilder"]
