"""Adapters on several engines at once: on all or on none, drained before they go; over scripted engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import ConfigurationError, GeneratorUnavailable, NotFound, Unavailable
from serving.adapters import EngineAdapters
from serving.settings import EndpointSettings
from tests.scripted_engine import ScriptedEngine, adapter_folder, scripted_engine

Engines = tuple[ScriptedEngine, ScriptedEngine]


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    async with scripted_engine() as one, scripted_engine() as other:
        yield one, other


@pytest.fixture
async def adapters(engines: Engines) -> AsyncIterator[EngineAdapters]:
    made = EngineAdapters([EndpointSettings(base_url=each.url, model="m", retries=0) for each in engines])
    yield made
    await made.close()


async def test_every_engine_serves_it_or_none(engines: Engines, adapters: EngineAdapters, tmp_path: Path) -> None:
    folder = adapter_folder(tmp_path / "a")
    name = await adapters.load("hr", folder)
    assert [each.adapters for each in engines] == [{name: str(folder)}] * 2
    assert await adapters.names() == {name}
    other = adapter_folder(tmp_path / "b", b"other weights")
    engines[1].refuses = True
    with pytest.raises(GeneratorUnavailable, match="ENGINE__LORA"):
        await adapters.load("hr", other)
    assert [set(each.adapters) for each in engines] == [{name}] * 2
    engines[1].refuses = False
    engines[1].says = '{"held":"not at all"}'
    with pytest.raises(ConfigurationError, match="does not hold"):
        await adapters.load("hr", other)
    assert [set(each.adapters) for each in engines] == [{name}] * 2


async def test_one_that_changes_nothing_is_not_kept(engines: Engines, adapters: EngineAdapters, tmp_path: Path) -> None:
    folder = adapter_folder(tmp_path / "a")
    engines[1].idle = {str(folder)}  # it lists it, and writes under a schema with it
    with pytest.raises(ConfigurationError, match="changes nothing"):
        await adapters.load("hr", folder)
    assert [each.adapters for each in engines] == [{}, {}]


async def test_each_engine_says_what_it_serves_or_why_not(
    engines: Engines, adapters: EngineAdapters, tmp_path: Path
) -> None:
    name = await adapters.load("hr", adapter_folder(tmp_path / "a"))
    engines[1].adapters["only-here"] = "/b"
    assert [set(each.adapters) for each in await adapters.listings()] == [{name}, {name, "only-here"}]
    assert await adapters.names() == {name}
    away = EngineAdapters(
        [EndpointSettings(base_url=url, model="m") for url in (engines[0].url, "http://127.0.0.1:9/v1")]
    )
    first, second = await away.listings()
    assert (set(first.adapters), first.problem) == ({name}, None)
    assert (second.adapters, "cannot be reached" in str(second.problem)) == ({}, True)
    with pytest.raises(GeneratorUnavailable):
        await away.names()
    await away.close()


async def test_it_goes_once_no_engine_writes_with_it(
    engines: Engines, adapters: EngineAdapters, tmp_path: Path
) -> None:
    name = await adapters.load("hr", adapter_folder(tmp_path / "a"))
    engines[1].running = {name}
    with pytest.raises(Unavailable, match="still being written"):
        await adapters.unload(name, seconds=0.01)
    assert await adapters.names() == {name}  # nobody has lost it, and it is asked for again
    unloading = asyncio.create_task(adapters.unload(name))
    while engines[1].asked.count("/metrics") < 3:
        await asyncio.sleep(0.01)
    assert await adapters.names() == frozenset()  # they have it still, but it is on its way out
    engines[1].running = {"another"}
    await unloading
    assert [each.adapters for each in engines] == [{}, {}]
    with pytest.raises(NotFound):
        await adapters.unload(name)


async def test_one_thing_is_done_after_another(engines: Engines, adapters: EngineAdapters, tmp_path: Path) -> None:
    folder = adapter_folder(tmp_path / "a")
    names = await asyncio.gather(*(adapters.load("hr", folder) for _ in range(3)))
    assert len(set(names)) == 1
    assert [each.asked.count("/v1/load_lora_adapter") for each in engines] == [1, 1]


async def test_an_engine_that_died_while_it_was_tried_says_nothing_of_the_adapter(
    engines: Engines, adapters: EngineAdapters, tmp_path: Path
) -> None:
    engines[1].says = '{"held":"not'  # it broke off
    engines[1].healthy = False
    with pytest.raises(GeneratorUnavailable):
        await adapters.load("hr", adapter_folder(tmp_path / "a"))
    assert [each.adapters for each in engines] == [{}, {}]


@pytest.mark.parametrize("listing", ["{}", '{"data": [1]}', '{"data": [{"parent": "m"}]}', "[" * 100_000])
async def test_a_listing_that_is_none_is_said_and_hides_no_other_engine(
    engines: Engines, adapters: EngineAdapters, monkeypatch: pytest.MonkeyPatch, listing: str
) -> None:
    monkeypatch.setattr(engines[1], "_respond", lambda path, body: (200, listing))
    with pytest.raises(GeneratorUnavailable, match="OpenAI's protocol"):
        await adapters.names()
    good, bad = await adapters.listings()
    assert good.problem is None
    assert "OpenAI's protocol" in str(bad.problem)


async def test_figures_that_are_none_are_said(
    engines: Engines, adapters: EngineAdapters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await adapters.load("hr", adapter_folder(tmp_path / "a"))
    monkeypatch.setattr(engines[0], "_metrics", lambda: 'vllm:num_requests_running{engine="0"} many\n')
    with pytest.raises(GeneratorUnavailable, match="figures"):
        await adapters.unload(name, 1.0)
