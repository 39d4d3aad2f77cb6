from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import Conflict, GeneratorUnavailable, InvalidInput
from finetune.gate.asking import order
from finetune.gate.gate import Checks, run_gate
from finetune.gate.items import Item
from finetune.gate.journal import LINES
from finetune.gate.measures import Output
from finetune.gate.report import GateReport
from finetune.gate.rules import GateRules
from tests.finetune.gate.world import BASE, CANDIDATE, CHAMPION, CLEAN, Model, Scripted, asker, world

RULES = GateRules(draws=200, speed_items=10)
ITEMS = [*world()[:40], *world()[120:130]]
CHECKS = Checks(leaks=CLEAN, base=BASE)


async def gate(whom: Scripted, folder: Path, **given: object) -> GateReport:
    rules = given.pop("rules", RULES)
    return await run_gate(rules, ITEMS, CANDIDATE, CHAMPION, whom, resume=folder, checks=CHECKS, **given)  # type: ignore[arg-type]


class Dying(Scripted):
    """Answers so many questions, and then no more."""

    left: int = 33

    async def ask(self, item: Item, version: str) -> Output:
        if len(self.asked) >= self.left:
            raise GeneratorUnavailable("The engine is gone.")
        return await super().ask(item, version)


async def test_both_are_asked_everything_once_and_some_again_for_speed(tmp_path: Path) -> None:
    whom, told = asker(Model()), list[tuple[int, int]]()
    report = await gate(whom, tmp_path, progress=lambda done, of: told.append((done, of)))
    first = whom.asked[:100]
    assert sorted(first) == sorted((item.id, version) for item in ITEMS for version in (CANDIDATE, CHAMPION))
    assert len(whom.asked) == 100 + 2 + 20
    assert told[0] == (0, 120)
    assert told[-1] == (120, 120)
    assert report.results is not None
    assert report.results.measures["latency_ratio"].interval.n == 10


async def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    dying = Dying(models=asker(Model()).models)
    with pytest.raises(GeneratorUnavailable):
        await gate(dying, tmp_path)
    kept = {json.loads(line)["key"] for line in (tmp_path / LINES).read_text("utf-8").splitlines()}
    assert len(kept) == 33
    going_on = asker(Model())
    resumed = await gate(going_on, tmp_path)
    again = {f"said:{item}:{version}" for item, version in going_on.asked[: 100 - 33]}
    assert again.isdisjoint(kept)
    assert len(going_on.asked) == 122 - 33
    fresh = (await gate(asker(Model()), tmp_path / "fresh")).to_row()
    assert all(fresh[name] == resumed.to_row()[name] for name in ("measures", "slices", "general", "tasks"))
    done = asker(Model())
    assert (await gate(done, tmp_path)).text() == resumed.text()
    assert not done.asked


async def test_a_line_that_was_cut_off_is_asked_again(tmp_path: Path) -> None:
    whole = await gate(asker(Model()), tmp_path)
    path = tmp_path / LINES
    path.write_bytes(path.read_bytes()[:-20])
    again = asker(Model())
    assert (await gate(again, tmp_path)).to_row()["measures"] == whole.to_row()["measures"]
    assert len(again.asked) == 3  # two that warm up, one that was lost
    assert all(json.loads(line) for line in path.read_text("utf-8").splitlines())


async def test_a_folder_is_one_runs_own(tmp_path: Path) -> None:
    await gate(asker(Model()), tmp_path)
    with pytest.raises(Conflict):
        await gate(asker(Model()), tmp_path, rules=RULES.model_copy(update={"seed": 8}))


async def test_what_was_answered_over_another_base_is_not_gone_on_with(tmp_path: Path) -> None:
    await gate(asker(Model()), tmp_path)
    smaller = replace(CHECKS, base=replace(BASE, quantization="fp8"))
    with pytest.raises(Conflict, match="over another base"):
        await run_gate(RULES, ITEMS, CANDIDATE, CHAMPION, asker(Model()), resume=tmp_path, checks=smaller)


async def test_no_more_are_asked_at_a_time_than_may_be(tmp_path: Path) -> None:
    class Counting(Scripted):
        now = 0
        most = 0

        async def ask(self, item: Item, version: str) -> Output:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return await super().ask(item, version)

    counting = Counting(models=asker(Model()).models)
    await gate(counting, tmp_path, rules=RULES.model_copy(update={"at_once": 3}))
    assert counting.most == 3


async def test_hostile_texts_are_kept_as_they_are(tmp_path: Path) -> None:
    def half(item: Item, output: Output, chance: object) -> Output:
        return replace(output, text="\ud800 \u2028 \r\n \x00 </script>")

    await gate(asker(Model(habit=half)), tmp_path)
    again = asker(Model())
    await gate(again, tmp_path)
    assert not again.asked


async def test_a_version_is_not_held_against_itself(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        await run_gate(RULES, ITEMS, CHAMPION, CHAMPION, asker(Model()), resume=tmp_path)
    with pytest.raises(InvalidInput):
        await run_gate(RULES, [*ITEMS, ITEMS[0]], CANDIDATE, CHAMPION, asker(Model()), resume=tmp_path)


def test_both_are_asked_one_after_the_other_and_neither_always_first() -> None:
    pairs = list(order(ITEMS, (CANDIDATE, CHAMPION), 7))
    assert all(pairs[place][0] is pairs[place + 1][0] for place in range(0, len(pairs), 2))
    first = sum(version == CANDIDATE for _, version in pairs[::2])
    assert 10 < first < len(ITEMS) - 10
    assert [item.id for item, _ in pairs[::2]] != [item.id for item in ITEMS]
