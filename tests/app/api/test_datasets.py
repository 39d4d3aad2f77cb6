"""Datasets over HTTP: from questions and words on their answers to rows, for administrators alone."""

from __future__ import annotations

import asyncio
import errno
import json
from pathlib import Path
from typing import Any

import pytest

from app.finetune import builds as building
from app.finetune.build_state import Build, BuildFiles
from app.settings import ApiKey, AuthSettings
from app.store.run_records import NewRun
from core.types import Answer, AnswerTrace, Attempt, GeneratorInfo, Message, Principal, Retrieval, Source
from finetune.recipe import Recipe

ROOT, ANA = "root-key-0123456789", "ana-key-0123456789"
AUTH = AuthSettings(keys=(ApiKey(key=ROOT, id="root", admin=True), ApiKey(key=ANA, id="ana", groups=("hr",))))
LINE = {"user": "How many days of notice does a tenant give?", "assistant": "A tenant gives ninety days of notice."}


async def ask(client: Any, question: str, **more: Any) -> dict[str, Any]:
    response = await client.post("/v1/answers", json={"question": question, "cache": False, **more})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def say(client: Any, answer: dict[str, Any], rating: str, **more: Any) -> None:
    response = await client.post("/v1/feedback", json={"answer_id": answer["id"], "rating": rating, **more})
    assert response.status_code == 201, response.text


async def build(world: Any, client: Any, **body: Any) -> dict[str, Any]:
    """A build once it is over."""
    begun = await client.post("/v1/finetune/datasets", json={"name": "handbook", **body})
    assert begun.status_code == 202, begun.text
    await world.app.state.boot.services.finetune.builds.settled()
    found: dict[str, Any] = (await client.get(f"/v1/finetune/builds/{begun.json()['id']}")).json()
    return found


async def rows(client: Any, version: str, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for split in ("train", "validation", "test"):
        path = f"/v1/finetune/datasets/{version}/rows"
        response = await client.get(path, params={"kind": kind, "split": split})
        assert response.status_code == 200, response.text
        found += response.json()["items"]
    return found


async def corrected(world: Any, client: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A document, and an answer from it that was put right."""
    book = await world.handbook(client=client, groups="hr")
    await world.app.state.tracing.settled()
    answer = await ask(client, "how many days is leave?")
    await world.app.state.tracing.settled()
    await say(client, answer, "down", corrected="Leave is 28 days. [1]")
    return book, answer


@pytest.fixture
async def world(make_world: Any) -> Any:
    async with make_world(auth=AUTH) as made:
        yield made


async def test_a_correction_becomes_rows_that_say_where_they_come_from(world: Any) -> None:
    root = world.as_(ROOT)
    book, answer = await corrected(world, root)
    done = await build(world, root)
    assert (done["state"], done["error"], done["progress"]) == ("done", None, 1.0)
    listed = (await root.get("/v1/finetune/datasets")).json()
    assert [each["version"] for each in listed["items"]] == [done["dataset"]]
    assert listed["builds"][0]["id"] == done["id"]
    shown = (await root.get(f"/v1/finetune/datasets/{done['dataset']}")).json()
    assert (shown["answers"], shown["damaged"]) == (1, False)
    found = await rows(root, done["dataset"], "sft")
    assert [json.loads(row["completion"][0]["content"])["statements"][0]["text"] for row in found] == [
        "Leave is 28 days."
    ]
    lineage = found[0]["lineage"]
    assert (lineage["answer_id"], lineage["person"]) == (answer["id"], "root")
    assert [each["document_id"] for each in lineage["documents"]] == [book["document_id"]]

    path = "/v1/finetune/lineage"
    traced = (await root.get(path, params={"document": book["document_id"]})).json()
    assert traced["datasets"] == [done["dataset"]]
    assert found[0]["id"] in {row["id"] for row in traced["rows"]}
    assert (await root.get(path, params={"person": "nobody"})).json()["rows"] == []
    (file,) = world.settings.data_dir.glob("finetune/datasets/*/sft.train.jsonl")
    file.write_text("{}\n")
    damaged = await root.get(f"/v1/finetune/datasets/{done['dataset']}/rows", params={"kind": "sft", "split": "train"})
    assert (damaged.status_code, "is damaged" in damaged.json()["detail"]) == (409, True)
    assert (await root.delete(f"/v1/finetune/datasets/{done['dataset']}")).status_code == 204
    assert (await root.get(f"/v1/finetune/datasets/{done['dataset']}")).status_code == 404


async def test_what_was_deleted_or_left_out_is_neither_shown_nor_learnt(world: Any) -> None:
    root = world.as_(ROOT)
    book, answer = await corrected(world, root)
    version = (await build(world, root))["dataset"]
    body = {"kind": "answer", "id": answer["id"], "reason": "She asked for it."}
    assert (await root.post("/v1/finetune/exclusions", json=body)).status_code == 201
    kept = (await root.get("/v1/finetune/exclusions")).json()["items"]
    assert [(each["id"], each["by"]) for each in kept] == [(answer["id"], "root")]
    hidden = await rows(root, version, "sft")
    assert [sorted(row) for row in hidden] == [["id", "lineage", "withheld"]]
    failed = await build(world, root)
    assert (failed["state"], "Nothing is left to learn from" in failed["error"]) == ("failed", True)
    gone = await root.delete("/v1/finetune/exclusions", params={"kind": "answer", "id": answer["id"]})
    assert gone.status_code == 204
    assert (await rows(root, version, "sft"))[0]["withheld"] is False

    deleted = await root.delete(f"/v1/documents/{book['document_id']}")
    assert deleted.status_code in (200, 202, 204)
    assert (await rows(root, version, "sft"))[0]["withheld"] is True
    assert (await build(world, root))["state"] == "failed"


async def test_datasets_with_what_was_deleted_are_purged_whole_and_it_is_said_who_learnt_from_them(world: Any) -> None:
    root = world.as_(ROOT)
    book, _ = await corrected(world, root)
    version = (await build(world, root))["dataset"]
    line = json.dumps(LINE) + "\n"
    assert (await root.put("/v1/finetune/files/other.jsonl", content=line)).status_code == 200
    services = world.app.state.boot.services
    places, training = services.finetune.places, services.finetune.training
    recipe = Recipe(name="tuned", method="sft", model="m", data=places.datasets / version)
    training.create(recipe, "at-work", "root", start=False)
    assert (await root.post("/v1/finetune/purge")).json() == {"dry_run": False, "items": []}

    assert (await root.delete(f"/v1/documents/{book['document_id']}")).status_code in (200, 202, 204)
    whole = (await build(world, root, imports=["other.jsonl"]))["dataset"]
    told = (await root.post("/v1/finetune/purge?dry_run=true")).json()["items"]
    assert [(each["dataset"], each["runs"], each["removed"]) for each in told] == [(version, ["at-work"], False)]
    assert told[0]["rows"] > 0
    folder = training.runs.folder("at-work")
    folder.change_status(state="queued")
    [kept] = (await root.post("/v1/finetune/purge")).json()["items"]
    assert (kept["removed"], "at-work learns from it now" in kept["kept"]) == (False, True)
    refused = await root.delete(f"/v1/finetune/datasets/{version}")
    assert (refused.status_code, "at-work" in refused.json()["detail"]) == (409, True)
    folder.change_status(state="cancelled")
    [gone] = (await root.post("/v1/finetune/purge")).json()["items"]
    assert (gone["removed"], gone["kept"]) == (True, None)
    assert (places.datasets / version).exists() is False
    assert [each["version"] for each in (await root.get("/v1/finetune/datasets")).json()["items"]] == [whole]
    said = [json.loads(each) for each in (places.root / "audit.jsonl").read_text().splitlines()]
    assert [(each["by"], each["version"]) for each in said if each["did"] == "purged"] == [("root", version)]
    assert (await world.as_(ANA).post("/v1/finetune/purge")).status_code == 403


async def test_what_an_asker_may_no_longer_read_is_not_learnt(world: Any) -> None:
    root, ana = world.as_(ROOT), world.as_(ANA)
    book = await world.handbook(client=root, groups="hr")
    answer = await ask(ana, "how many days is leave?")
    await world.app.state.tracing.settled()
    await say(ana, answer, "down", corrected="Leave is 28 days. [1]")
    assert (await build(world, root))["state"] == "done"
    changed = await root.patch(f"/v1/documents/{book['document_id']}", json={"groups": ["board"]})
    assert changed.status_code == 200, changed.text
    world.searcher.requests.clear()
    assert (await build(world, root))["state"] == "failed"
    assert {request.principal.id for request in world.searcher.requests} <= {"ana"}


async def test_an_answer_asked_for_again_is_preferred(world: Any) -> None:
    root = world.as_(ROOT)
    await world.handbook("Leave is 28 days.", client=root)
    world.generator.outputs = [
        '{"answerable": true, "statements": [{"text": "Leave is 30 days.", "sources": ["1"]}]}',
        '{"answerable": true, "statements": [{"text": "Leave is 28 days.", "sources": ["1"]}]}',
    ]
    first = await ask(root, "how many days is leave?")
    again = await ask(
        root, "how many days is leave?", conversation_id=first["conversation_id"], regenerates=first["id"]
    )
    await world.app.state.tracing.settled()
    await say(root, again, "up")
    done = await build(world, root)
    assert done["state"] == "done", done
    pairs = await rows(root, done["dataset"], "preference")
    assert [("28" in row["chosen"][0]["content"], "30" in row["rejected"][0]["content"]) for row in pairs] == [
        (True, True)
    ]
    other = await root.post("/v1/answers", json={"question": "leave?", "regenerates": again["id"]})
    assert other.status_code == 422
    strange = {"question": "leave?", "conversation_id": first["conversation_id"], "regenerates": "none"}
    assert (await root.post("/v1/answers", json=strange)).status_code == 404


async def test_a_word_on_a_remembered_answer_counts_for_what_was_written_first(world: Any) -> None:
    root = world.as_(ROOT)
    await world.handbook(client=root, groups="hr")
    asked = {"question": "how many days is leave?"}
    first, copy = [(await root.post("/v1/answers", json=asked)).json() for _ in range(2)]
    assert (first["cached"], copy["cached"]) == (False, True)
    await world.app.state.tracing.settled()
    await say(root, copy, "down", corrected="Leave is 28 days. [1]")
    done = await build(world, root)
    assert done["state"] == "done", done
    [row] = await rows(root, done["dataset"], "sft")
    assert (row["lineage"]["answer_id"], row["lineage"]["first"]) == (copy["id"], first["id"])
    traced = (await root.get("/v1/finetune/lineage", params={"answer": first["id"]})).json()
    assert row["id"] in {each["id"] for each in traced["rows"]}
    left = await root.post("/v1/finetune/exclusions", json={"kind": "answer", "id": first["id"]})
    assert left.status_code == 201
    assert (await rows(root, done["dataset"], "sft"))[0]["withheld"] is True
    assert (await build(world, root))["state"] == "failed"


async def test_rated_steps_of_agents_are_learnt_from_and_go_with_their_thread(world: Any) -> None:
    root = world.as_(ROOT)
    book = await world.handbook(client=root, groups="hr")
    store, who = world.app.state.boot.services.store, Principal(id="root", admin=True)
    thread = await store.threads.create(who)
    run = await store.runs.create(who, NewRun(thread_id=thread.id, agent="main", request={"task": "leave"}))
    source = Source(
        id="1",
        chunk_id="c",
        document_id=book["document_id"],
        version_id="v",
        title="Handbook",
        text="Leave is 30 days.",
    )
    answer = Answer(
        id=f"{run.id}.1", question="How long is leave?", statements=(), sources=(source,), answerable=True,
        retrieval=Retrieval(used=True, reason="", n=1), generator=GeneratorInfo(name="g", fingerprint="f"),
        timings_ms={},
    )  # fmt: skip
    call = '{"thought": "Look it up.", "action": {"tool": "search", "arguments": {"query": "leave"}}}'
    trace = AnswerTrace(
        asked="How long is leave?", question="How long is leave?", schema={"type": "object"},
        messages=(Message(role="user", content="Task: How long is leave?"),), attempts=(Attempt(output=call),),
    )  # fmt: skip
    await store.step_prompts.write(run.id, 1, answer, trace)
    step = {"number": 1, "agent": "main", "tool": "search", "arguments": {"query": "leave"}, "status": "done"}
    await store.run_steps.put(run.id, 1, step)
    rated = await root.put(f"/v1/threads/{thread.id}/runs/{run.id}/steps/1/feedback", json={"rating": "down"})
    assert rated.status_code == 200, rated.text
    done = await build(world, root)
    assert done["state"] == "done", done
    [row] = await rows(root, done["dataset"], "kto")
    assert (row["withheld"], row["label"], row["prompt"]) == (
        False, False, [{"role": "user", "content": "Task: How long is leave?"}]
    )  # fmt: skip
    assert json.loads(row["completion"][0]["content"])["action"]["tool"] == "search"
    lineage = row["lineage"]
    assert (lineage["answer_id"], lineage["conversation_id"]) == (f"{run.id}.1", thread.id)
    await store.runs.cancel(run.id, who, "interrupt")
    await store.threads.delete(thread.id, who)
    assert (await rows(root, done["dataset"], "kto"))[0]["withheld"] is True
    assert (await build(world, root))["state"] == "failed"


async def test_files_are_taken_in_looked_through_and_learnt_from(world: Any) -> None:
    root = world.as_(ROOT)
    body = json.dumps(LINE) + "\nnot json\n"
    taken = await root.put("/v1/finetune/files/handbook.jsonl?licence=CC-BY-4.0", content=body)
    assert taken.status_code == 200, taken.text
    assert (taken.json()["rows"], [each["line"] for each in taken.json()["refused"]]) == (1, [2])
    assert taken.json()["licence"] == "CC-BY-4.0"
    assert [each["name"] for each in (await root.get("/v1/finetune/files")).json()["items"]] == ["handbook.jsonl"]
    done = await build(world, root, imports=["handbook.jsonl"])
    assert done["state"] == "done", done
    report = f"/v1/finetune/datasets/{done['dataset']}/report"
    told = (await root.get(report, params={"stage": "import"})).json()["items"]
    assert [each["row"] for each in told] == ["handbook.jsonl:2"]
    dataset = (await root.get(f"/v1/finetune/datasets/{done['dataset']}")).json()
    assert dataset["figures"]["licences"] == ["CC-BY-4.0"]
    assert (await root.get(report, params={"stage": "cap"})).json()["items"] == []
    missing = await root.post("/v1/finetune/datasets", json={"name": "a", "imports": ["none.jsonl"]})
    assert missing.status_code == 404
    assert (await root.delete("/v1/finetune/files/handbook.jsonl")).status_code == 204
    assert (await root.delete("/v1/finetune/files/handbook.jsonl")).status_code == 404


@pytest.mark.parametrize("name", ["..%2f..%2fetc.jsonl", ".hidden.jsonl", "a.zip", "a b.jsonl", "x" * 101 + ".jsonl"])
async def test_hostile_names_are_refused_and_lead_nowhere(world: Any, name: str, tmp_path: Path) -> None:
    root = world.as_(ROOT)
    before = sorted(tmp_path.rglob("*.jsonl"))
    assert (await root.put(f"/v1/finetune/files/{name}", content=json.dumps(LINE))).status_code in (404, 405, 422)
    assert (await root.delete(f"/v1/finetune/files/{name}")).status_code in (404, 405)
    assert (await root.get(f"/v1/finetune/datasets/{name}")).status_code == 404
    assert sorted(tmp_path.rglob("*.jsonl")) == before


@pytest.mark.parametrize(
    "body",
    [b"PK\x03\x04\xff\xfe\x00", b"", b"[" * 100_000, b"1\n" * 6_000, b"\n" * 500_002, b"[" + b"1," * 6_000 + b"1]"],
    ids=["zip", "empty", "deep", "no rows", "lines", "array"],
)
async def test_what_is_no_file_of_examples_leaves_nothing(world: Any, body: bytes) -> None:
    root = world.as_(ROOT)
    response = await root.put("/v1/finetune/files/bomb.jsonl", content=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
    folder = world.app.state.boot.services.finetune.places.files
    assert list(folder.glob("*")) == []


async def test_it_is_for_administrators(world: Any) -> None:
    ana = world.as_(ANA)
    version = "handbook@0123456789abcdef"
    asked = [
        await ana.get("/v1/finetune/datasets"),
        await ana.post("/v1/finetune/datasets", json={"name": "a"}),
        *[await ana.get(f"/v1/finetune/datasets/{version}{end}") for end in ("", "/report", "/rows?kind=sft")],
        await ana.delete(f"/v1/finetune/datasets/{version}"),
        await ana.get("/v1/finetune/builds/1"),
        await ana.post("/v1/finetune/builds/1/cancel"),
        await ana.put("/v1/finetune/files/a.jsonl", content=b"{}"),
        await ana.get("/v1/finetune/files"),
        await ana.delete("/v1/finetune/files/a.jsonl"),
        await ana.get("/v1/finetune/lineage?person=root"),
        await ana.get("/v1/finetune/exclusions"),
        await ana.post("/v1/finetune/exclusions", json={"kind": "person", "id": "root"}),
        await ana.delete("/v1/finetune/exclusions?kind=person&id=root"),
        await ana.get("/v1/finetune/advice"),
    ]
    assert [each.status_code for each in asked] == [403] * len(asked)


async def test_one_at_a_time_and_cancelled_in_between(world: Any) -> None:
    root = world.as_(ROOT)
    await corrected(world, root)
    builds = world.app.state.boot.services.finetune.builds
    embedder = world.app.state.boot.services.embedder
    held, inner = asyncio.Event(), embedder.passages

    async def passages(texts: Any) -> Any:
        await held.wait()
        return await inner(texts)

    embedder.passages = passages
    begun = (await root.post("/v1/finetune/datasets", json={"name": "a"})).json()
    second = await root.post("/v1/finetune/datasets", json={"name": "b"})
    assert (second.status_code, second.json()["code"]) == (409, "conflict")
    assert (await root.post(f"/v1/finetune/builds/{begun['id']}/cancel")).status_code == 202
    held.set()
    await builds.settled()
    path = f"/v1/finetune/builds/{begun['id']}"
    assert (await root.get(path)).json()["state"] == "cancelled"
    assert (await root.get("/v1/finetune/datasets")).json()["items"] == []
    assert (await root.post(f"{path}/cancel")).status_code == 409


async def test_a_full_disk_is_said_and_leaves_nothing(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    root = world.as_(ROOT)
    await corrected(world, root)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("finetune.dataset.os.fsync", full)
        refused = await root.post("/v1/finetune/datasets", json={"name": "a"})
        assert (refused.status_code, "Make room" in refused.json()["detail"]) == (507, True)
        patched.setattr("app.finetune.build_state.BuildFiles.save", lambda self, build: None)
        begun = (await root.post("/v1/finetune/datasets", json={"name": "a"})).json()
        await world.app.state.boot.services.finetune.builds.settled()
        told = (await root.get(f"/v1/finetune/builds/{begun['id']}")).json()
    assert (told["state"], "disk is full" in told["error"]) == ("failed", True)
    assert list(world.app.state.boot.services.finetune.places.datasets.glob("*")) == []
    assert (await build(world, root))["state"] == "done"


async def test_one_that_nobody_works_on_any_more_was_interrupted(world: Any) -> None:
    root = world.as_(ROOT)
    places = world.app.state.boot.services.finetune.places
    left = Build.model_validate(
        {"id": "0" * 36, "name": "a", "state": "building", "stage": "blame", "progress": 0.3, "started_at": 0}
    )
    files = BuildFiles(places.builds)
    lock = files.hold(left.id)
    assert lock is not None
    files.save(left)
    assert (await root.get(f"/v1/finetune/builds/{left.id}")).json()["state"] == "building"
    assert files.hold("another") is None
    lock.close()
    told = (await root.get(f"/v1/finetune/builds/{left.id}")).json()
    assert (told["state"], "begin it again" in told["error"]) == ("interrupted", True)
    assert building.KEPT > 1


async def test_advice_counts_what_there_is(world: Any) -> None:
    root = world.as_(ROOT)
    await corrected(world, root)
    await build(world, root)
    told = (await root.get("/v1/finetune/advice")).json()
    assert (told["rung"], told["counts"]["judged"], told["counts"]["good"]) == ("gather", 1, 0)
    assert told["missing"]["sft"] == 200 - told["counts"]["rows"].get("sft", 0)
