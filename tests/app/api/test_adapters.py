"""Adapters over HTTP: administrators load and unload them, and choose one for an answer; paths lead nowhere else."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import ApiKey, AuthSettings
from serving.settings import AdapterSettings, EndpointSettings, LocalSettings, ServingSettings
from tests.scripted_engine import ScriptedEngine, adapter_folder, scripted_engine

ROOT, ANA = "root-key-0123456789", "ana-key-0123456789"
AUTH = AuthSettings(keys=(ApiKey(key=ROOT, id="root", admin=True), ApiKey(key=ANA, id="ana")))


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    async with scripted_engine() as made:
        yield made


def serving(engine: ScriptedEngine, folder: Path | None, **more: Any) -> ServingSettings:
    return ServingSettings(
        generator="openai_compatible",
        endpoint=EndpointSettings(base_url=engine.url, model="m", flavour="vllm", retries=0, **more),
        adapters=AdapterSettings(directory=folder, drain_seconds=0.1),
    )


@pytest.fixture
async def world(make_world: Any, engine: ScriptedEngine, tmp_path: Path) -> AsyncIterator[Any]:
    adapter_folder(tmp_path / "adapters" / "hr" / "v1")
    async with make_world(auth=AUTH, serving=serving(engine, tmp_path / "adapters")) as made:
        yield made


async def load(client: Any, title: str = "hr", path: str = "hr/v1", **more: Any) -> Any:
    return await client.post("/v1/adapters", json={"title": title, "path": path}, **more)


async def test_loaded_listed_asked_and_unloaded(
    world: Any, engine: ScriptedEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = world.as_(ROOT)
    with caplog.at_level(logging.INFO, logger="footnote.adapters"):
        response = await load(root)
        assert response.status_code == 201, response.text
        name = response.json()["name"]
        listed = (await root.get("/v1/adapters")).json()
        folder = str(tmp_path / "adapters" / "hr" / "v1")
        assert listed == {
            "base": "scripted",
            "default": None,
            "items": [{"name": name, "everywhere": True, "default": False}],
            "engines": [{"url": engine.url, "adapters": {name: folder}, "problem": None}],
        }
        await world.handbook(client=root)
        for chosen in (name, "scripted"):
            asked = await root.post("/v1/answers", json={"question": "leave?", "adapter": chosen, "cache": False})
            assert asked.status_code == 200
            assert world.generator.requests[-1].adapter == chosen
        assert (await root.delete(f"/v1/adapters/{name}")).status_code == 204
    assert engine.adapters == {}
    assert (await root.get("/v1/adapters")).json()["items"] == []
    assert caplog.messages == [f"root loaded the adapter {name} from {folder}", f"root unloaded the adapter {name}"]


async def test_only_administrators_have_a_hand_in_it(world: Any, engine: ScriptedEngine) -> None:
    ana = world.as_(ANA)
    refused = [
        await ana.get("/v1/adapters"),
        await load(ana),
        await ana.delete("/v1/adapters/hr@1"),
        await ana.post("/v1/answers", json={"question": "leave?", "adapter": "m"}),
    ]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(403, "forbidden")] * 4
    assert (engine.asked, world.generator.requests) == ([], [])


@pytest.mark.parametrize("path", ["..", "../outside", "hr/../../outside", "/etc", "link", ".", "a\x00b", "~"])
async def test_no_path_leads_out_of_the_folder(world: Any, engine: ScriptedEngine, tmp_path: Path, path: str) -> None:
    outside = adapter_folder(tmp_path / "outside")
    (tmp_path / "adapters" / "link").symlink_to(outside)
    mixed = adapter_folder(tmp_path / "adapters" / "mixed")
    (mixed / "adapter_model.safetensors").unlink()
    (mixed / "adapter_model.safetensors").symlink_to(outside / "adapter_model.safetensors")
    for each in (path, str(outside), "mixed"):
        response = await load(world.as_(ROOT), path=each)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
    assert engine.adapters == {}


async def test_what_is_no_adapter_is_refused_and_what_the_engine_refuses_is_said(
    world: Any, engine: ScriptedEngine
) -> None:
    root = world.as_(ROOT)
    for title, path, says in (("hr", "hr", "adapter_config.json is missing"), ("h r", "hr/v1", "title")):
        response = await load(root, title, path)
        assert (response.status_code, says in response.json()["detail"]) == (422, True)
    engine.refuses = True
    response = await load(root)
    assert (response.status_code, response.json()["code"]) == (503, "generator_unavailable")
    unknown = await root.delete("/v1/adapters/none@1")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    asked = await root.post("/v1/answers", json={"question": "leave?", "adapter": "none@1"})
    assert (asked.status_code, asked.json()["code"]) == (404, "not_found")


async def test_what_is_being_written_with_stays(world: Any, engine: ScriptedEngine) -> None:
    root = world.as_(ROOT)
    name = (await load(root)).json()["name"]
    engine.running = {name}
    response = await root.delete(f"/v1/adapters/{name}")
    assert (response.status_code, "still being written" in response.json()["detail"]) == (503, True)
    assert name in engine.adapters


async def test_the_one_that_answers_by_default_is_said_and_stays(
    make_world: Any, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.adapters["hr@1"] = "/adapters/hr"
    async with make_world(serving=serving(engine, None, adapter="hr@1")) as world:
        listed = (await world.http.get("/v1/adapters")).json()
        assert (listed["default"], listed["items"][0]["default"]) == ("hr@1", True)
        response = await world.http.delete("/v1/adapters/hr@1")
        assert (response.status_code, response.json()["code"]) == (409, "conflict")
        unset = await load(world.http)
        assert (unset.status_code, "ADAPTERS__DIRECTORY" in unset.json()["detail"]) == (409, True)
    assert "hr@1" in engine.adapters


async def test_without_engines_there_is_nothing_to_load(make_world: Any, tmp_path: Path) -> None:
    async with make_world() as world:
        assert (await world.http.get("/v1/adapters")).json()["items"] == []
        for response in (await load(world.http), await world.http.delete("/v1/adapters/a")):
            assert (response.status_code, "FLAVOUR=vllm" in response.json()["detail"]) == (409, True)
    local = LocalSettings(model="/models/m", adapters={"hr": tmp_path}, adapter="hr")
    async with make_world(serving=ServingSettings(generator="local", local=local)) as world:
        listed = (await world.http.get("/v1/adapters")).json()
        assert listed["items"] == [{"name": "hr", "everywhere": True, "default": True}]
        asked = await world.http.post("/v1/answers", json={"question": "leave?", "adapter": "other"})
        assert asked.status_code == 404
