"""A judge behind OpenAI's protocol: it is asked either way round, its agreement with people is told, and it is never
the only witness."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.types import Example
from finetune.dataset import Curated, write_dataset
from finetune.gate.settings import GateJudgeSettings, GateSettings
from finetune.rows import identified
from finetune.settings import FinetuneSettings
from tests.app.api.test_adapters import AUTH, ROOT, serving
from tests.app.api.test_gates import ended, example, prompts, run, said, version
from tests.finetune.gate.world import answer
from tests.scripted_engine import ScriptedEngine, scripted_engine

RULES = "min_items: 20\nspeed_items: 5\njudge: {enabled: true, min_items: 20}\n"
SECRET = "judge-secret-0123456789"


@dataclass(kw_only=True)
class JudgingServer(ScriptedEngine):
    """Prefers the answer that has the words of the right one; the first where it is `blind`. It lists no model
    while it is `away`."""

    right: dict[str, str] = field(default_factory=dict)
    blind: bool = False
    away: bool = False
    pairs: int = 0

    def _respond(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        if path == "/v1/models" and self.away:
            return 200, '{"data": []}'
        if path != "/v1/chat/completions":
            return super()._respond(path, body)
        self.pairs += 1
        data = json.loads(body["messages"][-1]["content"])
        good = self.right[data["question"]]
        first, second = (good in data[name] for name in ("first", "second"))
        better = "first" if self.blind or first > second else "second" if second > first else "neither"
        chunk = {"choices": [{"delta": {"content": json.dumps({"reason": "r", "better": better})},
                              "finish_reason": "stop"}]}  # fmt: skip
        return 200, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"


@pytest.fixture
async def judge() -> AsyncIterator[JudgingServer]:
    made = JudgingServer()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield made
    server.close()


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    async with scripted_engine() as made:
        yield made


@pytest.fixture
async def world(make_world: Any, engine: ScriptedEngine, judge: JudgingServer, tmp_path: Path) -> AsyncIterator[Any]:
    chosen = GateJudgeSettings.model_validate({"base_url": judge.url, "model": "m", "api_key": SECRET})
    finetune = FinetuneSettings(gate=GateSettings(judge=chosen))
    async with make_world(auth=AUTH, serving=serving(engine, None), finetune=finetune) as made:
        made.generator.says = lambda request: said(request, right=True)
        made.root = made.as_(ROOT)
        made.dataset = pairs(tmp_path, judge)
        yield made


def pairs(tmp_path: Path, judge: JudgingServer) -> str:
    """Forty questions, on each of which people decided a pair."""
    asked = [example(number) for number in range(40)]
    rows = [*asked, *map(prompts, asked), *map(decided, asked)]
    judge.right = {each.question: json.loads(each.completion)["statements"][0]["text"] for each in asked}
    learnt = [example(number) for number in range(100, 110)]
    folder = tmp_path / "finetune" / "datasets"
    return write_dataset(folder, "leave", Curated(examples={"train": learnt, "test": rows})).version


def decided(row: Example) -> Example:
    values = {name: getattr(row, name) for name in row.__slots__}
    return identified(Example(**{**values, "kind": "preference", "rejected": answer("Nobody knows.", "1")}))


async def test_its_word_and_its_agreement_with_people_are_told(
    world: Any, judge: JudgingServer, tmp_path: Path
) -> None:
    candidate = version(tmp_path, world.dataset)
    world.generator.says = lambda request: said(request, right=request.adapter == candidate)
    found = await run(world, candidate, rules=RULES)
    assert found["state"] == "done", found
    word = found["report"]["judge"]
    assert (word["wins"], word["losses"], word["kappa"], word["people"]) == (40, 0, 1, 40)
    assert (word["trusted"], word["model"]) == (True, "m")
    assert judge.pairs == 2 * 80
    assert (found["done"], found["of"]) == (found["of"], 2 * 40 + 2 * 5 + 80)
    page = (await world.root.get(f"/v1/gates/{found['id']}/page")).text
    assert "Agreement of m with people" in page
    assert SECRET not in json.dumps(found) + page


async def test_a_judge_of_places_bears_no_witness(world: Any, judge: JudgingServer, tmp_path: Path) -> None:
    judge.blind = True
    candidate = version(tmp_path, world.dataset)
    world.generator.says = lambda request: said(request, right=request.adapter != candidate)
    found = await run(world, candidate, rules=RULES)
    word = found["report"]["judge"]
    assert (word["unsure"], word["rate"], word["trusted"]) == (40, None, False)
    assert "judge" not in found["report"]["blocked_by"]


async def test_one_that_is_not_there_ends_the_run_which_goes_on_when_it_is(
    world: Any, judge: JudgingServer, tmp_path: Path
) -> None:
    judge.away = True
    found = await run(world, version(tmp_path, world.dataset), rules=RULES)
    assert found["state"] == "failed"
    assert "does not list 'm'" in found["error"]
    judge.away = False
    assert (await world.root.post(f"/v1/gates/{found['id']}/resume")).status_code == 200
    assert (await ended(world, found["id"]))["state"] == "done"


async def test_rules_that_ask_a_judge_where_none_is_set_are_refused(
    make_world: Any, engine: ScriptedEngine, judge: JudgingServer, tmp_path: Path
) -> None:
    async with make_world(auth=AUTH, serving=serving(engine, None)) as world:
        world.root, world.dataset = world.as_(ROOT), pairs(tmp_path, judge)
        refused = await run(world, version(tmp_path, world.dataset), 422, rules=RULES)
        assert "FOOTNOTE_FINETUNE__GATE__JUDGE__MODEL" in refused["detail"]
        assert (await world.root.get("/v1/gates")).json()["items"] == []
