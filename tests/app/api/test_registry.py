"""The registry over HTTP: cards, damage that is named, an adapter put onto an engine; for administrators alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from finetune.bucket_registry import BucketRegistry
from finetune.registry import Registry, Version
from finetune.settings import FinetuneSettings, RegistrySettings
from tests.app.api.test_adapters import ANA, AUTH, ROOT, serving
from tests.contracts.test_versions import adapter
from tests.s3_server import S3, Wire
from tests.scripted_engine import ScriptedEngine, adapter_folder, scripted_engine

CARD: dict[str, Any] = {
    "method": "sft",
    "base": {"model": "/models/llama", "licence": "apache-2.0"},
    "data": {"dataset": "leave@0123456789abcdef"},
    "metrics": {"before": {"eval_loss": 2.0}, "after": {"eval_loss": 1.0}},
}


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    async with scripted_engine() as made:
        yield made


@pytest.fixture
async def world(make_world: Any, engine: ScriptedEngine) -> AsyncIterator[Any]:
    async with make_world(auth=AUTH, serving=serving(engine, None)) as made:
        yield made


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(root=tmp_path / "finetune" / "registry")


@pytest.fixture
def version(registry: Registry, tmp_path: Path) -> Version:
    source = tmp_path / "made"
    adapter_folder(source)
    return registry.publish("hr", "adapter", source, CARD, "# hr", now=1_700_000_000.0)


def path(version: Version, what: str = "") -> str:
    return f"/v1/adapters/{version.title}/versions/{version.name.rpartition('@')[2]}{what}"


async def test_a_version_is_listed_shown_and_loaded(world: Any, engine: ScriptedEngine, version: Version) -> None:
    root = world.as_(ROOT)
    shown = (await root.get(path(version))).json()
    assert shown.pop("card") == CARD
    assert shown == {
        "name": version.name, "title": "hr", "version": version.name[3:], "kind": "adapter",
        "created_at": "2023-11-14T22:13:20Z", "size": version.size, "method": "sft",
        "dataset": "leave@0123456789abcdef", "base": "/models/llama", "licence": "apache-2.0", "sound": None,
        "serving": False, "pinned_by": None,
    }  # fmt: skip
    for listing in ("/v1/finetune/registry", "/v1/finetune/registry?kind=adapter", "/v1/adapters/hr/versions"):
        assert (await root.get(listing)).json() == {"items": [shown]}
    assert (await root.get("/v1/finetune/registry?kind=reward")).json() == {"items": []}
    for _ in range(2):
        loaded = await root.post(path(version, "/load"))
        assert (loaded.status_code, loaded.json()) == (200, {"name": version.name}), loaded.text
    assert (await root.get(path(version))).json()["serving"] is True
    served = (await root.get("/v1/adapters")).json()["engines"]
    assert [each["adapters"] for each in served] == [{version.name: str(version.folder)}]


async def test_damage_is_named_and_never_loaded(world: Any, version: Version) -> None:
    root = world.as_(ROOT)
    assert (await root.post(path(version, "/verify"))).json() == {"sound": True, "problems": []}
    (version.folder / "adapter_model.safetensors").write_bytes(b"others")
    said = (await root.post(path(version, "/verify"))).json()
    assert said == {"sound": False, "problems": ["adapter_model.safetensors was changed"]}
    refused = await root.post(path(version, "/load"))
    assert refused.status_code == 409
    assert "adapter_model.safetensors was changed" in refused.json()["detail"]
    assert (await root.get("/v1/adapters")).json()["items"] == []
    (version.folder / "card.json").write_text("{torn")
    assert (await root.get("/v1/finetune/registry")).json()["items"][0]["sound"] is False


async def test_a_version_that_cannot_be_read_hides_no_other(world: Any, registry: Registry, version: Version) -> None:
    torn = registry.root / "torn@0123456789abcdef"
    torn.mkdir()
    (torn / "version.json").write_text('{"kind": "adap')
    listed = (await world.as_(ROOT).get("/v1/finetune/registry")).json()["items"]
    assert [each["name"] for each in listed] == [version.name]
    said = await world.as_(ROOT).get("/v1/adapters/torn/versions/0123456789abcdef")
    assert said.status_code == 404
    assert "damaged" in said.json()["detail"]


async def test_only_adapters_are_loaded(world: Any, registry: Registry, tmp_path: Path) -> None:
    source = tmp_path / "reranker"
    source.mkdir()
    (source / "model.safetensors").write_bytes(b"weights")
    made = registry.publish("order", "reranker", source, CARD, "")
    refused = await world.as_(ROOT).post(path(made, "/load"))
    assert refused.status_code == 409
    assert "reranker" in refused.json()["detail"]


async def test_old_ones_are_retired_and_pinned_ones_stay(
    make_world: Any, engine: ScriptedEngine, tmp_path: Path
) -> None:
    rule = FinetuneSettings(registry=RegistrySettings(keep=1, days=30))
    async with make_world(auth=AUTH, serving=serving(engine, None), finetune=rule) as world:
        root, registry = world.as_(ROOT), Registry(root=tmp_path / "finetune" / "registry")
        old, pinned, new = (
            registry.publish("hr", "adapter", adapter(tmp_path / name, name.encode()), CARD, "", now=1_000.0 + number)
            for number, name in enumerate(("old", "pinned", "new"))
        )
        for _ in range(2):
            assert (await root.put(path(pinned, "/pin"))).status_code == 204
        assert (await root.get(path(pinned))).json()["pinned_by"] == "root"
        tried = (await root.post("/v1/finetune/registry/retire?dry_run=true")).json()
        said = [(each["name"], each["goes"], each["why"]) for each in tried["items"]]
        assert said == [
            (new.name, False, "one of the newest 1 of its title"), (pinned.name, False, "root pinned it"),
            (old.name, True, "1 newer ones of its title, and it is older than 30 days"),
        ]  # fmt: skip
        assert len(registry.versions()) == 3
        done = (await root.post("/v1/finetune/registry/retire")).json()
        assert (done["dry_run"], done["items"]) == (False, tried["items"])
        assert {each.name for each in registry.versions()} == {new.name, pinned.name}
        assert (await root.delete(path(pinned, "/pin"))).status_code == 204
        assert (await root.delete(path(old, "/pin"))).status_code == 404
        await root.post("/v1/finetune/registry/retire")
        assert [each.name for each in registry.versions()] == [new.name]
    rows = [json.loads(line) for line in (tmp_path / "finetune" / "audit.jsonl").read_text().splitlines()]
    assert [(row["by"], row["did"], row["version"]) for row in rows] == [
        ("root", "pinned", pinned.name), ("root", "pinned", pinned.name), ("root", "retired", old.name),
        ("root", "unpinned", pinned.name), ("root", "retired", pinned.name),
    ]  # fmt: skip


async def test_versions_in_a_bucket_are_listed_fetched_and_loaded(
    make_world: Any, engine: ScriptedEngine, s3: S3, tmp_path: Path
) -> None:
    with Wire(to=s3.port).strung() as wire:
        kept = s3.settings("api", endpoint=f"http://127.0.0.1:{wire.port}")
        elsewhere = BucketRegistry(s3.settings("api"), tmp_path / "elsewhere")
        made = elsewhere.publish("hr", "adapter", adapter(tmp_path / "made"), CARD, "")
        async with make_world(
            auth=AUTH, serving=serving(engine, None), finetune=FinetuneSettings(registry=kept)
        ) as world:
            root = world.as_(ROOT)
            [listed] = (await root.get("/v1/finetune/registry")).json()["items"]
            assert (listed["name"], listed["size"], listed["serving"]) == (made.name, made.size, False)
            assert (await root.get(path(made))).json()["card"] == CARD
            assert (await root.post(path(made, "/verify"))).json() == {"sound": True, "problems": []}
            assert (await root.post(path(made, "/load"))).status_code == 200
            fetched = tmp_path / "finetune" / "fetched" / made.name
            assert engine.adapters == {made.name: str(fetched)}
            assert (fetched / "adapter_model.safetensors").read_bytes() == b"weights"
            wire.up = 0
            for asked in (root.get("/v1/finetune/registry"), root.post(path(made, "/load"))):
                refused = await asked
                assert refused.status_code == 503
                assert "does not answer" in refused.json()["detail"]


@pytest.mark.parametrize("what", ["..%2F..%2Fetc/versions/passwd", "hr/versions/0123456789abcdef", "hr/versions/.."])
async def test_other_names_lead_nowhere(world: Any, version: Version, what: str) -> None:
    assert (await world.as_(ROOT).get(f"/v1/adapters/{what}")).status_code in (404, 405)


async def test_others_are_refused(world: Any, version: Version) -> None:
    ana = world.as_(ANA)
    asked = [await ana.get(each) for each in ("/v1/finetune/registry", "/v1/adapters/hr/versions", path(version))]
    asked += [await ana.post(path(version, each)) for each in ("/verify", "/load")]
    asked += [await ana.put(path(version, "/pin")), await ana.delete(path(version, "/pin"))]
    asked.append(await ana.post("/v1/finetune/registry/retire"))
    assert [each.status_code for each in asked] == [403] * 8
