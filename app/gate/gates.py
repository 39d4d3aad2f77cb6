"""Runs the gate in the server, one at a time over all servers that share the folder.

Both versions are on the engines while they are asked, under the names that people would be answered by, so what is
measured is what would be served: base, quantization, adapter and grammar.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from app.finetune.audit import note
from app.finetune.places import Places
from app.gate.folders import PAGE, REPORT, RULES, Gate, GateFolders
from app.gate.judge import open_judge
from app.gate.lending import noted, returned
from app.gate.likeness import open_vectors
from app.gate.material import Material, gather
from app.gate.memory import lent_and_measured
from core.errors import Conflict, DiskFull, FootnoteError, InvalidInput, NotFound, StoreUnavailable
from finetune.gate.identity import Base, Problem

if TYPE_CHECKING:
    from app.services import Services
    from finetune.gate.gate import Checks
    from finetune.gate.report import GateReport
    from finetune.gate.rules import GateRules

log = logging.getLogger("footnote.gate")

_SAVE_EVERY = 1.0
"""Seconds between two notes of how far it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateOrder:
    """What is to be held against what: a version of the registry, the champion (None: what answers everybody now), on
    which dataset, by which rules (YAML). `harmful` is an imported file of prompts."""

    candidate: str
    dataset: str
    champion: str | None = None
    rules: str = ""
    harmful: str | None = None


class _Stopped(Exception):
    """It is not to go on."""


class Gates:
    """The runs of the gate below a folder, over what is `served` under adapters. For one event loop."""

    def __init__(self, places: Places, served: Base) -> None:
        self._places = places
        self._served = served
        self._folders = GateFolders(places.gates)
        self._now: Gate | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop: str | None = None
        self._saved = 0.0

    async def begin(self, services: Services, order: GateOrder, who: str) -> Gate:
        """Begins a run. Raises `InvalidInput` for rules that cannot be followed, `NotFound` for a version, dataset or
        file that is not there, `Conflict` while there is one, `DiskFull`."""
        rules = read(order.rules)
        champion = order.champion or services.rollout.champion() or services.adapters.by_itself
        gate = Gate(
            id=str(uuid.uuid4()),
            candidate=order.candidate,
            champion=champion,
            dataset=order.dataset,
            harmful=order.harmful,
            state="running",
            by=who,
            started_at=datetime.now(UTC),
        )
        material = await gather(services, self._places, gate, rules)
        lock = await asyncio.to_thread(self._taken, gate, order.rules)
        note(self._places.root, who, "asks the gate", version=gate.candidate, why=f"report {gate.id}")
        self._start(services, gate, rules, material, lock)
        return gate

    async def resume(self, services: Services, gate_id: str, who: str) -> Gate:
        """Goes on with a run that was ended. Raises `NotFound`, `Conflict` where it is at work or done."""
        gate = await self.get(gate_id)
        if gate.state not in ("interrupted", "cancelled", "failed"):
            raise Conflict(f"This run of the gate cannot be resumed: it is {gate.state}.")
        written: str | None = await asyncio.to_thread(self._folders.read, gate_id, RULES)
        rules = read(written or "")
        gate = gate.model_copy(update={"state": "running", "error": None, "ended_at": None})
        material = await gather(services, self._places, gate, rules)
        lock = await asyncio.to_thread(self._taken, gate, None)
        note(self._places.root, who, "resumes the gate", version=gate.candidate, why=f"report {gate.id}")
        self._start(services, gate, rules, material, lock)
        return gate

    async def cancel(self, gate_id: str) -> Gate:
        """Ends a run: at once while it asks, else before it does. Raises `NotFound`, `Conflict` where it is over or
        another server's."""
        gate = await self.get(gate_id)
        if gate.state != "running":
            raise Conflict(f"This run of the gate is over: it is {gate.state}.")
        mine = self._mine()
        if mine is None or mine.id != gate_id:
            raise Conflict("Another server runs it; ask that one.")
        self._stop = self._stop or "cancelled"
        if mine.stage == "asking" and self._task is not None:
            self._task.cancel()  # a task of lm-eval, or a slow answer, may take long
        return gate

    async def delete(self, services: Services, gate_id: str, who: str) -> None:
        """Removes a run and its report. Raises `NotFound`, `Conflict` while it is at work or what is in service rests
        on it, `StoreUnavailable`."""
        gate = await self.get(gate_id)
        if gate.state == "running":
            raise Conflict("This run of the gate is at work. Cancel it first.")
        live = [each for each in await services.rollout.desk.deployments.live() if each.gate == gate_id]
        if live:
            raise Conflict(f"{live[0].version} is in service by this report. Roll it back first.")
        try:
            await asyncio.to_thread(self._folders.remove, gate_id)
        except OSError as error:
            raise StoreUnavailable(f"This run of the gate cannot be removed: {error.strerror}.") from None
        note(self._places.root, who, "deleted a report of the gate", version=gate.candidate, why=f"report {gate_id}")

    def forget_answers(self, datasets: Collection[str]) -> None:
        """Removes the answers of runs that ended without a report on a dataset that is none of these any more."""
        for gate in self._folders.all():
            if gate.state != "running" and gate.dataset not in datasets:
                with contextlib.suppress(OSError):
                    self._folders.forget_answers(gate.id)

    async def get(self, gate_id: str) -> Gate:
        """How a run fares. Raises `NotFound`."""
        mine = self._mine()
        if mine is not None and mine.id == gate_id:
            return mine
        return await asyncio.to_thread(self._folders.get, gate_id)

    async def list(self) -> list[Gate]:
        """All runs, the newest first."""
        now, found = self._mine(), await asyncio.to_thread(self._folders.all)
        return [now if now is not None and each.id == now.id else each for each in found]

    async def report(self, gate_id: str) -> dict[str, Any] | None:
        """The report, once there is one. Raises `NotFound`."""
        return await asyncio.to_thread(self._folders.report, gate_id)

    async def page(self, gate_id: str) -> str:
        """The report as a page. Raises `NotFound`, also before there is one."""
        found = await asyncio.to_thread(self._folders.read, gate_id, PAGE)
        if found is None:
            raise NotFound("There is no report yet: the gate is still at work, or was stopped.")
        return found

    async def passed(self, gate_id: str, version: str, champion: str) -> None:
        """Raises `Conflict` where a report does not let a version through in the place of a champion, over what is
        served now; `NotFound`."""
        gate = await self.get(gate_id)
        if gate.candidate != version:
            raise Conflict(f"This report is about {gate.candidate}, not about {version}.")
        if gate.state != "done":
            raise Conflict(f"This run of the gate is {gate.state}: it says nothing yet.")
        if not gate.passed:
            raise Conflict(f"The gate stopped {version}: {gate.said}")
        if gate.champion != champion:
            raise Conflict(
                f"This report holds {version} against {gate.champion}, and {champion} answers there now. Run the gate "
                f"against that one: `footnote gate run {version} --champion {champion}`."
            )
        await self._check_base(gate_id)

    async def _check_base(self, gate_id: str) -> None:
        base = ((await self.report(gate_id)) or {}).get("base")
        if base is None:
            return
        now = self._served
        if base["model"] not in (now.model, *now.also) or base["quantization"] != now.quantization:
            was, is_now = (f"{each[0]} ({each[1] or 'not quantized'})" for each in (
                (base["model"], base["quantization"]), (now.model, now.quantization)))  # fmt: skip
            raise Conflict(f"This report is about {was}, and {is_now} is served now. Run the gate again.")

    @asynccontextmanager
    async def kept(self, services: Services) -> AsyncIterator[None]:
        """What a killed server's run left on the engines is given back while the block lasts."""
        async with returned(services, self._folders):
            yield

    async def close(self) -> None:
        """Ends what is at work; it goes on when it is resumed."""
        if self._task is not None and not self._task.done():
            self._stop = "interrupted"
            self._task.cancel()
            await asyncio.wait([self._task])

    async def settled(self) -> None:
        """Returns once nothing is at work."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _mine(self) -> Gate | None:
        """What is at work here. Once it is over any server may go on with it or remove it: then its folder tells."""
        return self._now if self._task is not None and not self._task.done() else None

    # ---- the work ---------------------------------------------------------------------------------------------------

    def _start(self, services: Services, gate: Gate, rules: GateRules, material: Material, lock: IO[str]) -> None:
        self._now, self._stop = gate, None
        work = self._work(services, gate, rules, material, lock)
        self._task = asyncio.create_task(work, name=f"gate {gate.id}")

    def _taken(self, gate: Gate, rules: str | None) -> IO[str]:
        try:
            lock = self._folders.hold(gate.id)
            if lock is None:
                raise Conflict("The gate is at work already; wait for it, or cancel it.")
            try:
                if rules is None:
                    self._folders.save(gate)
                else:
                    self._folders.make(gate, rules)
            except BaseException:
                lock.close()
                raise
            return lock
        except OSError as error:
            raise DiskFull(f"The gate cannot begin: {error.strerror}. Make room for it.") from None

    async def _work(self, services: Services, gate: Gate, rules: GateRules, material: Material, lock: IO[str]) -> None:
        ended: dict[str, Any] = {}
        try:
            ended = await self._asked(services, gate, rules, material)
        except (_Stopped, asyncio.CancelledError):
            ended = {"state": self._stop or "interrupted"}
        except FootnoteError as error:
            ended = {"state": "failed", "error": f"{error.message} Then resume it: it asks nothing twice."}
        except Exception:
            log.exception("the gate ended")
            ended = {"state": "failed", "error": "It could not go on; the server's log says why."}
        finally:
            try:
                self._note(**ended, ended_at=datetime.now(UTC))
            finally:
                lock.close()
            if self._now is not None and self._now.state == "done":
                with contextlib.suppress(OSError):
                    self._folders.forget_answers(gate.id)  # what is done is not gone on with
                word = "passed the gate" if self._now.passed else "was stopped at the gate"
                note(
                    self._places.root, gate.by, word, version=gate.candidate, why=f"report {gate.id}: {self._now.said}"
                )

    async def _asked(self, services: Services, gate: Gate, rules: GateRules, material: Material) -> dict[str, Any]:
        from finetune.gate.gate import run_gate

        checks = material.checks
        versions = () if material.stopped(rules) else (gate.champion, gate.candidate)
        async with noted(services, self._folders, gate.id, versions):
            if versions:
                self._note(stage="loading")
                checks = await _loaded(services, gate, rules, material)
            self._note(stage="asking")
            async with (
                open_judge(services.settings.finetune.gate.judge, rules) as judge,
                open_vectors(services, rules) as vectors,
            ):
                report = await run_gate(
                    rules,
                    material.items,
                    gate.candidate,
                    gate.champion,
                    material.asker,
                    resume=self._folders.folder(gate.id),
                    checks=checks,
                    judge=judge,
                    benches=material.benches,
                    vectors=vectors,
                    progress=self._progress,
                )
        if self._stop is not None:  # asked for while nothing told how far it was
            raise _Stopped
        self._note(stage="report")
        await asyncio.to_thread(self._keep, gate.id, report)
        return {"state": "done", "stage": "", "passed": report.verdict.passed, "said": _said(report)}

    def _keep(self, gate_id: str, report: GateReport) -> None:
        from finetune.gate.page import page

        try:
            self._folders.put(gate_id, PAGE, page(report.to_row()))
            self._folders.put(gate_id, REPORT, report.text())
        except OSError as error:
            raise DiskFull(f"The gate's report cannot be kept: {error.strerror}. Make room for it.") from None

    def _progress(self, done: int, of: int) -> None:
        if self._stop is not None:
            raise _Stopped
        assert self._now is not None
        if time.monotonic() - self._saved >= _SAVE_EVERY or done == of:
            self._note(done=done, of=of)
        else:
            self._now = self._now.model_copy(update={"done": done, "of": of})

    def _note(self, **changes: Any) -> None:
        assert self._now is not None
        self._now = self._now.model_copy(update=changes)
        self._saved = time.monotonic()
        try:
            self._folders.save(self._now)
        except OSError as error:
            log.warning("how the gate %s fares could not be kept: %s", self._now.id, error)


def read(rules: str) -> GateRules:
    """The rules that a text of YAML holds. Raises `InvalidInput`."""
    from finetune.gate.rules import read_rules
    from finetune.recipe import yaml_value

    return read_rules(rules, yaml_value)


async def _loaded(services: Services, gate: Gate, rules: GateRules, material: Material) -> Checks:
    """Both versions on the engines, and what is known before they are asked, their memory with it. What the engines
    refuse of the candidate itself stops it; what they refuse of the champion ends the run."""
    await services.rollout.lend((gate.champion,))
    try:
        if "memory_ratio" not in rules.measures:
            await services.rollout.lend((gate.candidate,))
            return material.checks
        found = await lent_and_measured(services, material.asker, material.items, gate.champion, gate.candidate)
    except InvalidInput as error:
        refused = Problem(code="refused", said=f"It cannot be served: {error.message}")
        return replace(material.checks, problems=(*material.checks.problems, refused))
    why = {"memory_ratio": found.why} if found.why else {}
    return replace(material.checks, memory=found.bytes, unmeasured=why)


def _said(report: GateReport) -> str:
    reasons: Sequence[str] = [each.said for each in report.verdict.reasons]
    if reasons:
        return " ".join(reasons[:3]) + (f" And {len(reasons) - 3} more." if len(reasons) > 3 else "")
    return "Nothing is shown to be worse than the rules bear."


__all__ = ["GateOrder", "Gates", "read"]
