"""Training over HTTP: traps said before the start, a run followed, killed and registered; who may, and what a recipe
may name."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.tiny_llama import build_adapter
from finetune.registry import Registry
from finetune.run_folder import RunFolder
from finetune.settings import FinetuneSettings, RunSettings
from tests.finetune.conftest import rows_of, tiny, write_rows  # noqa: F401

TRAIN = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "max_length": 256}
Make = Callable[..., Any]
Read = Callable[[httpx.Response], AsyncIterator[Any]]


@pytest.fixture
async def trainer(make_world: Make, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:  # noqa: F811
    """A server with rows to learn from, whose recipes may name the small model."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_rows(tmp_path / "finetune" / "files" / "rows.jsonl", rows_of("sft", 48, 1))
    write_rows(tmp_path / "finetune" / "files" / "kept.jsonl", rows_of("sft", 8, 2))
    write_rows(tmp_path / "finetune" / "files" / "kto.jsonl", rows_of("kto", 8, 2))
    (tmp_path / "secret.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    chosen = RunSettings(models=(tiny.parent,), waiting=2, trackers=("mlflow",))
    async with make_world(finetune=FinetuneSettings(runs=chosen)) as world:
        yield world


def recipe(**given: Any) -> dict[str, Any]:
    train = {**TRAIN, **given.pop("train", {})}
    data = {"train": "rows.jsonl", "validation": "kept.jsonl"}
    return {"name": "manner", "method": "sft", "model": "model", "data": data, "train": train, **given}


async def linted(world: Any, given: Any) -> dict[str, Any]:
    response = await world.http.post("/v1/finetune/lint", json={"recipe": given})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


TRAPS: list[tuple[dict[str, Any], str, str]] = [
    ({"lora": {"use_dora": True}}, "lora.use_dora", "use_dora"),
    ({"lora": {"modules_to_save": ["lm_head"]}}, "lora.modules_to_save", "modules_to_save"),
    ({"lora": {"r": 64}}, "lora.r", "16"),
    ({"train": {"max_prompt_length": 12}}, "train.max_prompt_length", "max_length"),
    ({"train": {"learning_rat": 0.1}}, "train.learning_rat", "learning_rate"),
    ({"name": "12"}, "name", "letter"),
    (
        {"method": "kto", "data": "kto.jsonl", "train": {"per_device_train_batch_size": 1}},
        "train.per_device_train_batch_size",
        "per_device_train_batch_size",
    ),
]


async def test_traps_are_said_before_the_start(trainer: Any) -> None:
    for given, place, said in TRAPS:
        found = await linted(trainer, recipe(**given))
        assert not found["ok"], given
        wrong = [each for each in found["findings"] if each["level"] == "error"]
        assert any(said in each["change"] + each["message"] for each in wrong), (given, wrong)
        assert place in [each["place"] for each in wrong], (given, wrong)
        refused = await trainer.http.post("/v1/finetune/runs", json={"recipe": recipe(**given)})
        assert refused.status_code == 422
        assert wrong[0]["message"] in refused.json()["detail"]
    assert (await trainer.http.get("/v1/finetune/runs")).json() == {"items": []}


async def test_a_sound_recipe_is_told_with_its_defaults_and_memory(trainer: Any) -> None:
    found = await linted(trainer, "name: manner\nmethod: sft\nmodel: model\ndata: rows.jsonl\n")
    assert found["ok"], found["findings"]
    assert "lora_alpha: 32" in found["resolved"]
    assert found["memory"]["needed_bytes"] > sum(found["memory"]["parts"].values()) > 0
    assert found["memory"]["free_bytes"] > 0


ELSEWHERE: list[tuple[dict[str, Any], str]] = [
    ({"data": "../secret.jsonl"}, "data"),
    ({"data": "/etc/passwd"}, "data"),
    ({"data": {"train": "rows.jsonl", "validation": "/etc/passwd"}}, "data.validation"),
    ({"data": "."}, "data"),
    ({"model": "/etc"}, "model"),
    ({"model": "../.."}, "model"),
    ({"model": "meta-llama/Llama-3.1-8B"}, "model"),
    ({"model": "other@0123456789abcdef"}, "model"),
    ({"method": "grpo", "rewards": [{"name": "model", "path": "/etc"}]}, "rewards.0.path"),
    ({"train": {"deepspeed": "/etc/passwd"}}, "train.deepspeed"),
    ({"train": {"chat_template_path": "/etc/passwd"}}, "train.chat_template_path"),
    ({"train": {"model_init_kwargs": {"trust_remote_code": True}}}, "train.model_init_kwargs"),
    ({"train": {"push_to_hub": True}}, "train.push_to_hub"),
    ({"train": {"optim": "../x"}}, "train.optim"),
    ({"lora": {"base_model_name_or_path": "/etc"}}, "lora.base_model_name_or_path"),
    ({"lora": {"loftq_config": {"a": 1}}}, "lora.loftq_config"),
    ({"lora": {"target_modules": "(.*)*(.*)*(.*)*x"}}, "lora.target_modules"),
    ({"lora": {"exclude_modules": "(a|a)*"}}, "lora.exclude_modules"),
    ({"lora": {"layers_pattern": ["(a+)+"]}}, "lora.layers_pattern"),
    ({"lora": {"rank_pattern": {"(a+)+b": 8}}}, "lora.rank_pattern"),
    ({"lora": {"alpha_pattern": {"(a+)+b": 8}}}, "lora.alpha_pattern"),
    ({"trackers": ["wandb"]}, "trackers"),
    ({"name": "..", "model": "model"}, "name"),
    ({"method": "sftt"}, "method"),
]


async def test_a_recipe_names_nothing_that_is_not_allowed(trainer: Any) -> None:
    for given, place in ELSEWHERE:
        found = await linted(trainer, recipe(**given))
        assert [(each["level"], each["place"]) for each in found["findings"]] == [("error", place)], given


async def test_a_model_whose_weights_lie_is_a_finding(trainer: Any, tiny: Path) -> None:  # noqa: F811
    lying = shutil.copytree(tiny, tiny.parent / "lying", dirs_exist_ok=True)
    (lying / "model.safetensors").write_bytes(b"\xff" * 64)
    found = await linted(trainer, recipe(model="lying"))
    assert [(each["level"], each["place"]) for each in found["findings"]] == [("error", "model")]
    assert (await trainer.http.post("/v1/finetune/runs", json={"recipe": recipe(model="lying")})).status_code == 422


async def test_an_adapter_of_the_registry_is_merged_into_its_base_and_made_smaller(
    trainer: Any,
    tiny: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    def smaller(**given: Any) -> dict[str, Any]:
        return {
            "name": "small",
            "method": "quantize",
            "model": "model",
            "scheme": "int8",
            "data": "rows.jsonl",
            **given,
        }

    registry = Registry(root=tmp_path / "finetune" / "registry")
    files = build_adapter(tmp_path / "adapter", tiny, 1)
    card = {"base": {"model": str(tiny)}}
    version = registry.publish("manner", "adapter", files, card, "")
    for given in (smaller(model=version.name), smaller(adapter=version.name)):
        found = await linted(trainer, given)
        assert found["ok"], found["findings"]
        assert f"model: {tiny}" in found["resolved"]
        assert f"adapter: {version.folder}" in found["resolved"]
    gone = registry.publish("lost", "adapter", files, {"base": {"model": "/nowhere"}}, "")
    for given, place in (
        (smaller(model=gone.name), "model"),
        (smaller(adapter="/etc"), "adapter"),
        (smaller(scheme="gguf-f16"), "scheme"),
    ):
        found = await linted(trainer, given)
        assert [(each["level"], each["place"]) for each in found["findings"]] == [("error", place)], given


HOSTILE = (
    "a: &a [1]\nb: *a\n",
    "[" * 5000,
    "name: 2026-99-99",
    "!!python/object:os.system {}",
    "- 1",
    "",
    "x" * 64_000,
)


async def test_hostile_recipes_are_refused_in_a_sentence(trainer: Any) -> None:
    for text in HOSTILE:
        found = await linted(trainer, text)
        assert not found["ok"]
        assert len(found["findings"]) == 1


async def test_a_tracker_that_the_settings_name_is_only_looked_for(trainer: Any) -> None:
    found = await linted(trainer, recipe(trackers=["mlflow"]))
    assert all("FOOTNOTE_FINETUNE__RUNS__TRACKERS" not in each["message"] for each in found["findings"])


async def test_links_out_of_the_folder_are_not_followed(trainer: Any, tmp_path: Path) -> None:
    (tmp_path / "finetune" / "files" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    found = await linted(trainer, recipe(data="link.jsonl"))
    assert [each["place"] for each in found["findings"]] == ["data"]


async def test_a_run_is_killed_goes_on_and_is_registered(
    trainer: Any, serve: Make, read_events: Read, tmp_path: Path
) -> None:
    given = {"recipe": recipe(train={"max_steps": 12, "save_steps": 2, "learning_rate": 1e-2}), "name": "first"}
    made = await trainer.http.post("/v1/finetune/runs", json=given)
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == "/v1/finetune/runs/first"
    again = await trainer.http.post("/v1/finetune/runs", json=given)
    assert again.status_code == 409
    folder = RunFolder(path=tmp_path / "finetune" / "runs" / "first")
    async with serve(trainer.app) as address, httpx.AsyncClient(base_url=address, timeout=240) as client:
        seen = []
        async with client.stream("GET", "/v1/finetune/runs/first/events") as response:
            async for event in read_events(response):
                seen.append(event)
                if event.name == "metrics" and event.data["step"] >= 3:
                    break
        status = folder.status()
        if status.pid is not None and folder.locked():
            os.killpg(os.getpgid(status.pid), signal.SIGKILL)
        last = max(event.id for event in seen if event.id)
        headers = {"Last-Event-ID": str(last)}
        async with asyncio.timeout(240):
            async with client.stream("GET", "/v1/finetune/runs/first/events", headers=headers) as response:
                more = [event async for event in read_events(response)]
    assert more[-1].name == "end", more[-1]
    run = more[-1].data
    assert (run["state"], run["step"], run["progress"]) == ("done", 12, 1.0), run
    assert run["metrics"]["after"]["eval_loss"] < run["metrics"]["before"]["eval_loss"]
    numbers = [event.id for event in more if event.name == "metrics"]
    assert numbers == list(range(last + 1, last + 1 + len(numbers)))
    [version] = trainer.app.state.boot.services.finetune.training.registry.versions()
    assert run["published"] == version.name

    whole = (await trainer.http.get("/v1/finetune/runs/first/curves")).json()
    assert whole["next"] == len(whole["items"])
    assert [line["step"] for line in whole["items"] if "loss" in line] == list(range(1, 13))
    rest = (await trainer.http.get("/v1/finetune/runs/first/curves", params={"after": 2})).json()
    assert rest == {"items": whole["items"][2:], "next": whole["next"]}
    lines = (await trainer.http.get("/v1/finetune/runs/first/log")).json()["lines"]
    assert lines
    scraped = (await trainer.http.get("/metrics")).text
    assert 'footnote_training_runs{state="done"} 1.0' in scraped
    assert 'footnote_training_run_duration_seconds_count{method="sft",state="done"} 1.0' in scraped
    for path in ("cancel", "resume"):
        assert (await trainer.http.post(f"/v1/finetune/runs/first/{path}")).status_code == 409
    assert (await trainer.http.delete("/v1/finetune/runs/first")).status_code == 204
    assert (await trainer.http.get("/v1/finetune/runs/first")).status_code == 404
    assert trainer.app.state.boot.services.finetune.training.registry.verify(version.name) == []


async def test_a_run_that_waits_is_cancelled_resumed_and_deleted(trainer: Any) -> None:
    made = await trainer.http.post("/v1/finetune/runs", json={"recipe": recipe(), "start": False})
    run = made.json()
    assert (run["name"], run["state"], run["data"]) == ("manner-1", "queued", "rows.jsonl")
    assert run["created_by"]
    more = await trainer.http.post("/v1/finetune/runs", json={"recipe": recipe(), "start": False})
    assert more.status_code == 201, more.text
    many = await trainer.http.post("/v1/finetune/runs", json={"recipe": recipe(), "start": False})
    assert many.status_code == 409
    assert "FOOTNOTE_FINETUNE__RUNS__WAITING" in many.json()["detail"]
    assert (await trainer.http.post("/v1/finetune/runs/manner-2/cancel")).status_code == 200
    assert (await trainer.http.delete("/v1/finetune/runs/manner-2")).status_code == 204
    cancelled = await trainer.http.post("/v1/finetune/runs/manner-1/cancel")
    assert cancelled.json()["state"] == "cancelled"
    assert (await trainer.http.get("/v1/finetune/runs")).json()["items"][0]["state"] == "cancelled"
    assert (await trainer.http.delete("/v1/finetune/runs/manner-1")).status_code == 204
    for method, path in (("GET", ""), ("GET", "/curves"), ("GET", "/events"), ("GET", "/log"), ("POST", "/cancel")):
        missing = await trainer.http.request(method, f"/v1/finetune/runs/manner-1{path}")
        assert missing.status_code == 404, path
    told = (await trainer.http.get("/v1/finetune/audit", params={"after": 1})).json()
    assert [(row["did"], row["run"]) for row in told["items"]] == [
        ("created", "manner-2"), ("cancelled", "manner-2"), ("deleted", "manner-2"),
        ("cancelled", "manner-1"), ("deleted", "manner-1"),
    ]  # fmt: skip
    assert {row["by"] for row in told["items"]} == {run["created_by"]}
    assert told["next"] == 6


async def test_a_run_cannot_be_named_out_of_its_folder(trainer: Any) -> None:
    for name in ("..", "../x", ".hidden", "a/b", "x" * 81):
        given = {"recipe": recipe(), "name": name, "start": False}
        assert (await trainer.http.post("/v1/finetune/runs", json=given)).status_code == 422, name


async def test_training_is_for_administrators(make_world: Make, keys: Any, ana: str) -> None:
    from app.settings import AuthSettings

    async with make_world(auth=AuthSettings(keys=keys)) as world, world.as_(ana) as client:
        body = {"recipe": recipe()}
        for method, path, sent in (
            ("POST", "/lint", body), ("POST", "/runs", body), ("GET", "/runs", None), ("GET", "/runs/a", None),
            ("GET", "/runs/a/curves", None), ("GET", "/runs/a/events", None), ("GET", "/runs/a/log", None),
            ("POST", "/runs/a/cancel", None), ("POST", "/runs/a/resume", None), ("DELETE", "/runs/a", None),
            ("GET", "/audit", None),
        ):  # fmt: skip
            response = await client.request(method, f"/v1/finetune{path}", json=sent)
            assert response.status_code == 403, (method, path)


@pytest.mark.parametrize(
    "given",
    [
        "[" * 60_000,
        "name: a\nmethod: sft\nmodel: model\ndata: rows.jsonl\ntrain: {max_steps: 0x" + "f" * 60_000 + "}\n",
        "name: a\nmethod: sft\nmodel: model\ndata: rows.jsonl\ntrain: {learning_rate: .nan}\n",
        "name: a\nmethod: sft\nmodel: model\ndata: rows.jsonl\ntrain: {max_steps: 1" + "0" * 400 + "}\n",
        "name: a\nmethod: grpo\nmodel: model\ndata: rows.jsonl\nrewards: [{name: length, weight: .inf}]\n",
        {"name": "a", "method": "sft", "model": "model", "data": "a" * 4_000},
        {"name": "a", "method": "sft", "model": "b" * 4_000, "data": "rows.jsonl"},
        {"name": "a", "method": "sft", "model": "model", "data": "\ud800"},
        {"name": "a", "method": "sft", "model": "model", "data": "rows.jsonl", "train": {"max_length": [1, 2]}},
        {"name": "a", "method": "sft", "model": "model", "data": "rows.jsonl", "lora": {"rank_pattern": [1]}},
    ],
)
async def test_what_would_stall_or_break_the_reader_is_a_finding(trainer: Any, given: Any) -> None:
    body = json.dumps({"recipe": given})  # httpx sends no half characters
    response = await trainer.http.post("/v1/finetune/lint", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200, response.text
    assert not response.json()["ok"]
