"""What is in use stays; what goes is written down; it happens by itself after a publication."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.adapters import Adapters, open_adapters
from app.finetune.audit import AUDIT
from app.finetune.keeper import TrainingKeeper
from app.finetune.places import Places, places
from app.finetune.retention import Retention
from app.settings import Settings
from finetune.recipe import parse_recipe
from finetune.registry import Registry, Version
from finetune.runs import Runs
from finetune.settings import FinetuneSettings, RegistrySettings
from serving.settings import EndpointSettings, ServingSettings
from tests.contracts.test_versions import CARD, adapter
from tests.scripted_engine import ScriptedEngine, scripted_engine

Publish = Callable[..., Version]


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    async with scripted_engine() as made:
        yield made


@pytest.fixture
def settings(tmp_path: Path, engine: ScriptedEngine) -> Settings:
    wire = EndpointSettings(base_url=engine.url, model="m", flavour="vllm")
    return Settings(
        data_dir=tmp_path,
        serving=ServingSettings(generator="openai_compatible", endpoint=wire),
        finetune=FinetuneSettings(registry=RegistrySettings(keep=1, days=90)),
    )


@pytest.fixture
def where(settings: Settings) -> Places:
    return places(settings)


@pytest.fixture
def registry(where: Places) -> Registry:
    return Registry(root=where.registry)


@pytest.fixture
def publish(registry: Registry, tmp_path: Path) -> Publish:
    """Publishes adapters that were made long ago, each a second after the one before."""
    made: list[Version] = []

    def published(title: str = "hr", **card: object) -> Version:
        number = len(made)
        source = adapter(tmp_path / f"made-{number}", b"weights %d" % number)
        made.append(registry.publish(title, "adapter", source, {**CARD, **card}, "", now=1_000.0 + number))
        return made[-1]

    return published


@pytest.fixture
async def adapters(settings: Settings) -> AsyncIterator[Adapters]:
    found = open_adapters(settings, "m")
    yield found
    await found.close()


def names(registry: Registry) -> set[str]:
    return {each.name for each in registry.versions()}


async def test_what_is_in_use_stays_and_says_why(
    settings: Settings, registry: Registry, where: Places, adapters: Adapters, engine: ScriptedEngine, publish: Publish
) -> None:
    old, loaded, default, pinned, agents, base, of_run, made, served, newest = (publish() for _ in range(10))
    publish("other", settings={"model": str(base.folder)})
    engine.adapters[loaded.name] = str(loaded.folder)
    registry.pin(pinned.name, "ana")
    runs = Runs(root=where.runs)
    reward = {"name": "model", "path": str(of_run.folder)}
    recipe = {"name": "x", "method": "grpo", "model": str(made.folder), "data": "/none.jsonl", "rewards": [reward]}
    runs.create("x-1", parse_recipe(json.dumps(recipe)))
    answering = Adapters(settings=settings, base="m", default=default.name, engines=adapters.engines)
    retention = Retention(settings, registry, where, answering, {agents.name})

    async def deployed() -> set[str]:
        return {served.name}

    retention.deployed = deployed
    decisions = {each.name: each for each in await retention.plan()}
    assert [each.name for each in decisions.values() if each.goes] == [old.name]
    said = (
        (loaded, "it is loaded"), (default, "it answers by default"), (pinned, "ana pinned it"),
        (agents, "an agent answers with it"), (of_run, "x-1 names it"), (made, "x-1 names it"),
        (served, "it is in service, or one step back from it"), (newest, "one of the newest 1 of its title"),
    )  # fmt: skip
    assert [decisions[version.name].why for version, _ in said] == [why for _, why in said]
    assert decisions[base.name].why.startswith("other@")
    before = names(registry)
    assert await retention.retire("root") == list(decisions.values())
    assert names(registry) == before - {old.name}
    [row] = [json.loads(line) for line in (where.root / AUDIT).read_text().splitlines()]
    assert (row["by"], row["did"], row["version"]) == ("root", "retired", old.name)
    assert "1 newer ones" in row["why"]


async def test_no_adapter_goes_while_an_engine_is_away(
    settings: Settings, registry: Registry, where: Places, publish: Publish
) -> None:
    old, new = publish(), publish()
    away = settings.serving.endpoint.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    serving = settings.serving.model_copy(update={"endpoint": away})
    adapters = open_adapters(settings.model_copy(update={"serving": serving}), "m")
    decisions = await Retention(settings, registry, where, adapters).retire("root")
    assert [(each.goes, each.why) for each in decisions] == [(False, "an engine does not say what it serves")] * 2
    assert names(registry) == {old.name, new.name}
    await adapters.close()


async def test_it_happens_after_a_publication(
    settings: Settings, registry: Registry, where: Places, adapters: Adapters, publish: Publish
) -> None:
    old, new = publish(), publish()
    keeper = TrainingKeeper(Runs(root=where.runs), registry, at_once=0)
    retention = Retention(settings, registry, where, adapters, mine=lambda: keeper.keeps)
    keeper.on_published = retention.nudge
    retention.start()
    try:
        run = keeper.create(parse_recipe("{name: hr, method: sft, model: /none, data: /none.jsonl}"), None, "root")
        await asyncio.to_thread(adapter, run.model)
        run.put("resolved.yaml", (run.path / "recipe.yaml").read_text())
        run.add_report(before={"eval_loss": 2.0}, after={"eval_loss": 1.0}, seconds=3.0, steps=4)
        run.change_status(state="done", started_at=10.0, ended_at=13.0)
        await asyncio.to_thread(keeper.look)
        while old.name in names(registry):
            await asyncio.sleep(0.02)
        assert names(registry).isdisjoint({old.name, new.name})
        assert len(names(registry)) == 1
    finally:
        await retention.close()
        await keeper.close()
