"""The gate over HTTP: a candidate is put onto the engine, asked what people asked, and let through or stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from app.gate.folders import GateFolders
from core.errors import GeneratorMissing, GeneratorRefused, GeneratorUnavailable
from core.types import Example, GenerationRequest, Lineage, Message, Source
from finetune.dataset import Curated, write_dataset
from finetune.registry import Registry
from finetune.rows import identified
from tests.app.api.test_adapters import AUTH, ROOT, serving
from tests.finetune.gate.world import SCHEMA, answer
from tests.scripted_engine import ScriptedEngine, adapter_folder, scripted_engine

RULES = "min_items: 20\nspeed_items: 5\n"


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    async with scripted_engine() as made:
        yield made


@pytest.fixture
async def world(make_world: Any, engine: ScriptedEngine, tmp_path: Path) -> AsyncIterator[Any]:
    async with make_world(auth=AUTH, serving=serving(engine, None)) as made:
        made.generator.says = lambda request: said(request, right=True)
        made.root = made.as_(ROOT)
        made.dataset = dataset(tmp_path)
        yield made


def example(number: int) -> Example:
    """A question about one of two sources, with its right answer."""
    facts = [f"The rule {number}-{n} allows {7 * number + n} units." for n in (1, 2)]
    question = f"What does rule {number}-{1 + number % 2} allow?"
    sources = tuple(
        Source(id=str(n), title="Handbook", text=text, chunk_id="", document_id="", version_id="")
        for n, text in enumerate(facts, start=1)
    )
    return identified(
        Example(
            id="", kind="sft", lineage=Lineage(maker="correction", conversation_id=f"c{number}"), question=question,
            prompt=(Message(role="user", content=f"{question}\n{json.dumps(facts)}"),),
            completion=answer(facts[number % 2], str(1 + number % 2)), schema=SCHEMA, sources=sources,
        )
    )  # fmt: skip


def prompts(example: Example) -> Example:
    """The row that brings the sources of the same prompt."""
    return identified(Example(**{**{name: getattr(example, name) for name in example.__slots__}, "kind": "prompt"}))


def dataset(tmp_path: Path, name: str = "leave", train: range = range(100, 110)) -> str:
    asked = [example(number) for number in range(40)]
    rows = [*asked, *map(prompts, asked)]
    learnt = [example(number) for number in train]
    made = write_dataset(tmp_path / "finetune" / "datasets", name, Curated(examples={"train": learnt, "test": rows}))
    return made.version


def held(weights: bytes, kind: type[np.generic] = np.uint8) -> bytes:
    """A file of weights that holds these."""
    return bytes(save({"lora_A": np.frombuffer(weights, kind)}))


def version(tmp_path: Path, learnt_from: str, base: str = "m", weights: bytes = b"weights") -> str:
    source = tmp_path / f"made-{weights.decode()}-{base}"
    adapter_folder(source, held(weights))
    card = {"kind": "adapter", "base": {"model": base, "served_as": base}, "data": {"dataset": learnt_from}}
    found = Registry(root=tmp_path / "finetune" / "registry").publish("hr", "adapter", source, card, "# hr")
    return found.name


def said(request: GenerationRequest, right: bool) -> str:
    """The answer that the sources bear, or another one."""
    wanted = request.question.split()[3]
    source = next(each for each in request.sources if wanted in each.text)
    if right:
        return answer(source.text, source.id)
    other = next(each for each in request.sources if each is not source)
    return answer(other.text, source.id)


async def run(world: Any, candidate: str, status: int = 201, **more: Any) -> Any:
    body = {"candidate": candidate, "dataset": world.dataset, "rules": RULES, **more}
    response = await world.root.post("/v1/gates", json=body)
    assert response.status_code == status, response.text
    return await ended(world, response.json()["id"]) if status == 201 else response.json()


async def ended(world: Any, gate_id: str) -> Any:
    async with asyncio.timeout(60):
        while (found := (await world.root.get(f"/v1/gates/{gate_id}")).json())["state"] == "running":
            await asyncio.sleep(0.02)
    return found


async def test_a_good_candidate_passes_and_may_be_deployed(world: Any, engine: ScriptedEngine, tmp_path: Path) -> None:
    candidate = version(tmp_path, world.dataset)
    found = await run(world, candidate)
    assert (found["state"], found["passed"], found["champion"]) == ("done", True, "scripted"), found
    assert (found["done"], found["of"]) == (found["of"], 2 * 40 + 2 * 5)
    assert found["report"]["items"] == 40
    assert engine.adapters == {}, "it was lent"
    asked = {request.adapter for request in world.generator.requests}
    assert asked == {candidate, "scripted"}
    body = {"version": candidate, "stage": "champion", "gate": found["id"]}
    made = await world.root.post("/v1/deployments", json=body)
    assert made.status_code == 201, made.text
    async with asyncio.timeout(60):
        while (await world.root.get(f"/v1/deployments/{made.json()['id']}")).json()["stage"] != "champion":
            await asyncio.sleep(0.05)
    assert list(engine.adapters) == [candidate]
    rows = (await world.root.get("/v1/finetune/audit")).json()["items"]
    assert "passed the gate" in [row["did"] for row in rows if row.get("version") == candidate]
    page = await world.root.get(f"/v1/gates/{found['id']}/page")
    assert page.headers["content-type"].startswith("text/html")
    assert "script" not in page.headers["content-security-policy"]
    assert candidate in page.text


async def test_a_bad_candidate_is_stopped_and_not_deployed(world: Any, tmp_path: Path) -> None:
    candidate = version(tmp_path, world.dataset)
    world.generator.says = lambda request: said(request, right=request.adapter != candidate)
    found = await run(world, candidate)
    assert (found["state"], found["passed"]) == ("done", False)
    assert {reason["measure"] for reason in found["report"]["reasons"]} >= {"support", "exact_match"}
    response = await world.root.post("/v1/deployments", json={"version": candidate, "gate": found["id"]})
    assert response.status_code == 409
    assert "stopped" in response.json()["detail"]
    other = version(tmp_path, world.dataset, weights=b"others")
    response = await world.root.post("/v1/deployments", json={"version": other, "gate": found["id"]})
    assert response.status_code == 409
    assert "is about" in response.json()["detail"]


async def test_what_was_trained_on_the_questions_is_asked_nothing(world: Any, tmp_path: Path) -> None:
    leaked = dataset(tmp_path, "leaked", train=range(0, 10))
    found = await run(world, version(tmp_path, leaked))
    assert found["passed"] is False
    assert found["report"]["blocked_by"] == ["leak"], found["report"]
    assert world.generator.requests == []


async def test_another_base_is_asked_nothing(world: Any, engine: ScriptedEngine, tmp_path: Path) -> None:
    found = await run(world, version(tmp_path, world.dataset, base="another"))
    assert found["report"]["blocked_by"] == ["identity"], found["report"]
    assert "trained on another" in found["said"]
    assert "/v1/load_lora_adapter" not in engine.asked


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (held(np.full(4, np.nan, np.float16).tobytes(), np.float16), "values that are no numbers, such as lora_A"),
        (held(b"cut off")[:-3], "no whole safetensors file"),
        (b"", "no safetensors file"),
    ],
    ids=("no numbers", "cut off", "empty"),
)
async def test_weights_that_are_none_stop_a_candidate_that_is_asked_nothing(
    world: Any, tmp_path: Path, weights: bytes, why: str
) -> None:
    source = adapter_folder(tmp_path / "lost", weights)
    card = {"kind": "adapter", "base": {"model": "m", "served_as": "m"}, "data": {"dataset": world.dataset}}
    lost = Registry(root=tmp_path / "finetune" / "registry").publish("lost", "adapter", source, card, "# lost")
    found = await run(world, lost.name)
    assert (found["state"], found["passed"], found["report"]["blocked_by"]) == ("done", False, ["identity"]), found
    assert why in found["said"]
    assert world.generator.requests == []


@pytest.mark.parametrize(
    ("how", "why"),
    [({"thinks": "-7.25"}, "changes nothing of what the model says"), ({"says": "Certainly!"}, "schema")],
    ids=("does nothing", "not held to a schema"),
)
async def test_what_the_engine_refuses_of_a_candidate_stops_it(
    world: Any, engine: ScriptedEngine, tmp_path: Path, how: dict[str, str], why: str
) -> None:
    for name, value in how.items():
        setattr(engine, name, value)
    found = await run(world, version(tmp_path, world.dataset))
    assert (found["state"], found["passed"], found["report"]["blocked_by"]) == ("done", False, ["identity"]), found
    assert why in found["said"]
    assert world.generator.requests == []
    assert engine.adapters == {}, "nothing stays loaded"


async def test_an_engine_that_takes_nothing_ends_the_run_and_stops_nobody(
    world: Any, engine: ScriptedEngine, tmp_path: Path
) -> None:
    engine.refuses = True
    found = await run(world, version(tmp_path, world.dataset))
    assert found["state"] == "failed", "it may be set up wrongly"
    assert "did not take" in found["error"]


async def test_a_prompt_that_the_engine_refuses_is_an_output_that_failed(world: Any, tmp_path: Path) -> None:
    long = example(3).question

    def refuses(request: GenerationRequest) -> str:
        if request.question == long:
            raise GeneratorRefused("The generator refused the request (400).")
        return said(request, right=True)

    world.generator.says = refuses
    found = await run(world, version(tmp_path, world.dataset))
    assert (found["state"], found["passed"]) == ("done", True), found
    [valid] = [each for each in found["report"]["measures"] if each["measure"] == "schema_valid"]
    assert (valid["candidate"], valid["champion"]) == (pytest.approx(39 / 40), pytest.approx(39 / 40))


async def test_a_version_that_the_engine_lost_ends_the_run(world: Any, tmp_path: Path) -> None:
    def lost(request: GenerationRequest) -> str:
        raise GeneratorMissing("The generator refused the request (404).")

    world.generator.says = lost
    found = await run(world, version(tmp_path, world.dataset))
    assert (found["state"], found["passed"]) == ("failed", None), found


async def test_a_report_is_against_what_answers_there_now(world: Any, engine: ScriptedEngine, tmp_path: Path) -> None:
    first, second = (version(tmp_path, world.dataset, weights=weights) for weights in (b"first", b"second"))
    early, late = await run(world, first), await run(world, second)
    assert early["passed"], early
    assert late["passed"], late
    body = {"version": first, "stage": "champion", "gate": early["id"]}
    made = (await world.root.post("/v1/deployments", json=body)).json()
    async with asyncio.timeout(60):
        while (await world.root.get(f"/v1/deployments/{made['id']}")).json()["stage"] != "champion":
            await asyncio.sleep(0.05)
    stale = await world.root.post("/v1/deployments", json={"version": second, "gate": late["id"]})
    assert stale.status_code == 409, stale.text
    assert f"footnote gate run {second} --champion {first}" in stale.json()["detail"]
    anew = await run(world, second)
    assert anew["champion"] == first
    begun = await world.root.post("/v1/deployments", json={"version": second, "gate": anew["id"]})
    assert begun.status_code == 201, begun.text


async def test_a_report_over_another_base_lets_nothing_through(world: Any, tmp_path: Path) -> None:
    candidate = version(tmp_path, world.dataset)
    found = await run(world, candidate)
    gates = world.app.state.boot.services.finetune.gates
    gates._served = replace(gates._served, quantization="fp8")  # the server was started anew with it
    response = await world.root.post("/v1/deployments", json={"version": candidate, "gate": found["id"]})
    assert response.status_code == 409, response.text
    assert "scripted (not quantized), and scripted (fp8) is served now" in response.json()["detail"]


async def test_what_a_killed_server_lent_is_given_back(world: Any, engine: ScriptedEngine, tmp_path: Path) -> None:
    services = world.app.state.boot.services
    candidate = version(tmp_path, world.dataset)
    found = await run(world, candidate)
    folders = GateFolders(tmp_path / "finetune" / "gates")
    await services.rollout.lend([candidate])
    folders.note_lent(found["id"], [candidate])  # and then it was killed
    assert list(engine.adapters) == [candidate]
    async with services.finetune.gates.kept(services), asyncio.timeout(20):
        while engine.adapters or folders.lent():
            await asyncio.sleep(0.02)
    folders.note_lent(found["id"], [candidate])
    await services.rollout.lend([candidate])
    other = version(tmp_path, world.dataset, weights=b"others")
    assert (await run(world, other))["passed"]
    assert (engine.adapters, folders.lent()) == ({}, {}), "by the next run, before it begins"


async def test_what_a_run_lent_and_is_in_service_meanwhile_stays(
    world: Any, engine: ScriptedEngine, tmp_path: Path
) -> None:
    services = world.app.state.boot.services
    candidate = version(tmp_path, world.dataset)
    found = await run(world, candidate)
    await world.root.post("/v1/deployments", json={"version": candidate, "gate": found["id"]})
    async with asyncio.timeout(20):
        while candidate not in engine.adapters:
            await asyncio.sleep(0.02)
    assert await services.rollout.give_back([candidate]) == []
    assert list(engine.adapters) == [candidate]


async def test_a_run_that_another_server_goes_on_with_is_that_server_s(world: Any, tmp_path: Path) -> None:
    candidate = version(tmp_path, world.dataset)

    def breaks(request: GenerationRequest) -> str:
        raise GeneratorUnavailable("The generator cannot be reached.")

    world.generator.says = breaks
    found = await run(world, candidate)
    assert found["state"] == "failed"
    folders = GateFolders(tmp_path / "finetune" / "gates")
    folders.save(folders.get(found["id"]).model_copy(update={"state": "done", "passed": True, "said": "elsewhere"}))
    seen = (await world.root.get(f"/v1/gates/{found['id']}")).json()
    assert (seen["state"], seen["said"]) == ("done", "elsewhere")
    [listed] = (await world.root.get("/v1/gates")).json()["items"]
    assert listed["state"] == "done"


async def test_what_broke_off_goes_on_and_asks_nothing_twice(world: Any, tmp_path: Path) -> None:
    candidate = version(tmp_path, world.dataset)

    def breaks(request: GenerationRequest) -> str:
        if len(world.generator.requests) > 40:
            raise GeneratorUnavailable("The generator cannot be reached.")
        return said(request, right=True)

    world.generator.says = breaks
    found = await run(world, candidate)
    assert found["state"] == "failed"
    assert "resume it" in found["error"]
    before = len(world.generator.requests)
    world.generator.says = lambda request: said(request, right=True)
    response = await world.root.post(f"/v1/gates/{found['id']}/resume")
    assert response.status_code == 200, response.text
    again = await ended(world, found["id"])
    assert (again["state"], again["passed"]) == ("done", True), again
    assert len(world.generator.requests) - before < 90 - 30
    assert (await world.root.post(f"/v1/gates/{found['id']}/resume")).status_code == 409


async def test_answers_are_kept_no_longer_than_the_report_or_the_dataset_needs_them(world: Any, tmp_path: Path) -> None:
    candidate = version(tmp_path, world.dataset)
    done = await run(world, candidate)
    gates = tmp_path / "finetune" / "gates"
    assert sorted(path.name for path in (gates / done["id"]).iterdir()) == [
        "gate.json", "report.html", "report.json", "rules.yaml", "state.json",
    ]  # fmt: skip

    def breaks(request: GenerationRequest) -> str:
        if len(world.generator.requests) > 40:
            raise GeneratorUnavailable("The generator cannot be reached.")
        return said(request, right=True)

    world.generator.requests.clear()
    world.generator.says = breaks
    broken = await run(world, candidate)
    answers = gates / broken["id"] / "items.jsonl"
    assert "allows" in answers.read_text(), "it may be gone on with"
    held = world.app.state.boot.services.finetune.gates
    held.forget_answers([world.dataset])
    assert answers.exists()
    held.forget_answers([])  # as a purge does that has removed it
    assert not answers.exists()


async def test_a_run_is_cancelled_and_only_one_is_at_work(world: Any, tmp_path: Path) -> None:
    candidate = version(tmp_path, world.dataset)

    async def never(request: GenerationRequest) -> Any:
        await asyncio.Event().wait()

    world.generator.complete = never
    body = {"candidate": candidate, "dataset": world.dataset, "rules": RULES}
    first = (await world.root.post("/v1/gates", json=body)).json()
    assert (await world.root.post("/v1/gates", json=body)).status_code == 409
    cancelled = await world.root.post(f"/v1/gates/{first['id']}/cancel")
    assert cancelled.status_code == 200
    assert (await ended(world, first["id"]))["state"] == "cancelled", "it waits for nothing that is being written"
    assert (await world.root.get(f"/v1/gates/{first['id']}/page")).status_code == 404
    assert [each["id"] for each in (await world.root.get("/v1/gates")).json()["items"]] == [first["id"]]


async def test_what_cannot_be_asked_is_said(world: Any, tmp_path: Path) -> None:
    candidate = version(tmp_path, world.dataset)
    assert "line 2" in (await run(world, candidate, 422, rules="min_items: 30\n  x: ["))["detail"]
    assert (await run(world, "hr@0000000000000000", 404))["code"] == "not_found"
    assert (await run(world, candidate, 404, dataset="nothing@0000000000000000"))["code"] == "not_found"
    assert (await run(world, candidate, 404, dataset="../../etc"))["code"] == "not_found"
    assert (await run(world, candidate, 404, harmful="nothing.jsonl"))["code"] == "not_found"
    assert (await world.root.get("/v1/gates/nothing")).status_code == 404


async def test_memory_that_cannot_be_measured_is_said_and_stops_where_it_is_required(
    world: Any, tmp_path: Path
) -> None:
    candidate = version(tmp_path, world.dataset)
    found = await run(world, candidate)
    assert "not vLLM itself" in found["report"]["unmeasured"]["memory_ratio"]
    assert found["passed"] is True
    found = await run(world, candidate, rules=RULES + "measures: {memory_ratio: {required: true}}\n")
    assert found["report"]["blocked_by"] == ["memory_ratio"]
    assert "not measured" in found["said"]
    assert "memory_ratio not measured" in (await world.root.get(f"/v1/gates/{found['id']}/page")).text


async def test_what_it_was_trained_on_top_of_gives_questions_away_too(world: Any, tmp_path: Path) -> None:
    leaked = dataset(tmp_path, "leaked", train=range(0, 10))
    below = version(tmp_path, leaked, weights=b"below")
    source = adapter_folder(tmp_path / "above", held(b"above"))
    base = {"model": str(tmp_path / "finetune" / "registry" / below), "served_as": "m"}
    card = {"kind": "adapter", "base": base, "data": {"dataset": world.dataset}}
    above = Registry(root=tmp_path / "finetune" / "registry").publish("hr", "adapter", source, card, "# hr").name
    found = await run(world, above)
    assert found["report"]["blocked_by"] == ["leak"], found["report"]
    assert world.generator.requests == []


async def test_a_report_goes_unless_what_is_in_service_rests_on_it(world: Any, tmp_path: Path) -> None:
    candidate = version(tmp_path, world.dataset)
    first, second = await run(world, candidate), await run(world, candidate)
    made = await world.root.post(
        "/v1/deployments", json={"version": candidate, "stage": "champion", "gate": first["id"]}
    )
    assert made.status_code == 201, made.text
    refused = await world.root.delete(f"/v1/gates/{first['id']}")
    assert (refused.status_code, "in service" in refused.json()["detail"]) == (409, True)
    assert (await world.root.delete(f"/v1/gates/{second['id']}")).status_code == 204
    assert [each["id"] for each in (await world.root.get("/v1/gates")).json()["items"]] == [first["id"]]
    for gone in (second["id"], "..", "../../finetune", "%2e%2e", "a" * 36):
        assert (await world.root.delete(f"/v1/gates/{gone}")).status_code in (404, 405)
    assert not [each for each in (tmp_path / "finetune" / "gates").iterdir() if second["id"] in each.name]
    rows = (await world.root.get("/v1/finetune/audit")).json()["items"]
    assert [row["by"] for row in rows if row["did"] == "deleted a report of the gate"] == ["root"]


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "alias"),
        ("a: " + "[" * 5_000, "levels deep"),
        ("min_items: " + "9" * 50_000, "longer"),
        ("!!python/object/apply:os.system [id]", "YAML"),
        ("general: {lm_eval: [../../etc/passwd]}", "lm_eval"),
    ],
)
async def test_rules_that_attack_are_refused(world: Any, tmp_path: Path, rules: str, why: str) -> None:
    found = await run(world, version(tmp_path, world.dataset), 422, rules=rules)
    assert why in found["detail"]
    assert (await world.root.get("/v1/gates")).json()["items"] == []


@pytest.mark.parametrize(
    ("data", "why"), [(b"\xff\xfe\x00", "UTF-8"), (b" " * (8 * 2**20 + 1), "larger than 8 MiB"), (b"{}", "Line 1")]
)
async def test_a_harmful_file_that_is_none_is_refused(world: Any, tmp_path: Path, data: bytes, why: str) -> None:
    files = tmp_path / "finetune" / "files"
    files.mkdir(parents=True)
    (files / "harm.jsonl").write_bytes(data)
    found = await run(world, version(tmp_path, world.dataset), 422, harmful="harm.jsonl")
    assert why in found["detail"]
