"""Drift over HTTP: what was answered is compared with what it was, kept, and raised as an alarm where it moved."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.drift.drift import prices_of
from app.drift.examples import LONGEST, examples, named
from app.drift.looks import Looks
from app.finetune.audit import rows
from app.settings import AuthSettings
from app.store.tables import answers
from core.types import (
    Answer,
    Example,
    GeneratorInfo,
    Lineage,
    Message,
    Principal,
    Retrieval,
    Statement,
    Usage,
)
from finetune.advise import NEEDED
from finetune.dataset import Curated, write_dataset
from finetune.rows import identified
from finetune.settings import FinetuneSettings, PriceSettings, WatchSettings
from finetune.watch.rules import WatchRules
from serving.settings import EndpointSettings, ServingSettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOSTILE = "\x1b[31mnow\x1b[0m \u202ethen <script>alert(1)</script>\x00"
RULES = WatchRules(reference_days=7, current_days=7, least=30)


@pytest.fixture
async def office(make_world: Any, keys: Any) -> AsyncIterator[Any]:
    watch = WatchSettings(rules=RULES, prices={"scripted": PriceSettings(prompt=1.0, completion=4.0)})
    async with make_world(auth=AuthSettings(keys=keys), finetune=FinetuneSettings(watch=watch)) as world:
        world.root = world.as_("root-key-0123456789")
        yield world


async def answered(world: Any, days: range, abstains: float, seed: int = 1, entropy: float | None = None) -> None:
    """Ten answers a day, so many days ago, each in a conversation of its own; of tokens with this mean entropy."""
    chance = random.Random(seed)
    for day in days:
        for number in range(10):
            at = NOW - timedelta(days=day, minutes=number)
            name = f"{day}-{number}-{seed}"
            topic = chance.choice(("leave", "travel", "laptops"))
            question = f"What is the rule on {topic}, {chance.choice(('now', 'then', 'again'))}?"
            begun = await world.store.answers.begin(name, None, Principal(id="ana"), question)
            silent = chance.random() < abstains
            said = Statement(
                text="Leave is 28 days a year.", sources=(), support=chance.uniform(0.6, 0.9), supported=True
            )
            await world.store.answers.finish(
                Answer(
                    id=begun.id, question=question, statements=() if silent else (said,), sources=(),
                    answerable=not silent, retrieval=Retrieval(used=True, reason="", n=0),
                    generator=GeneratorInfo(name="scripted", fingerprint="f"), timings_ms={"generate": 100.0},
                    usage=Usage(
                        prompt_tokens=1000, completion_tokens=100, scored_tokens=100 if entropy else 0,
                        entropy=100 * (entropy or 0) * chance.uniform(0.8, 1.2), surprisal=50.0 if entropy else 0.0,
                    ),
                )
            )  # fmt: skip
            async with world.store.seen._database.write() as connection:
                await connection.execute(update(answers).where(answers.c.id == begun.id).values(created_at=at))


async def look(world: Any) -> Any:
    return await world.app.state.boot.services.drift.look(world.app.state.boot.services, NOW)


async def test_nothing_was_looked_at_yet(office: Any) -> None:
    assert (await office.root.get("/v1/drift")).json() == {"next_at": None, "report": None}
    found = (await office.root.post("/v1/drift/look")).json()
    assert "too little" in found["report"]["said"]
    assert found["report"]["alarms"] == []
    assert found["report"]["proposal"]["due"] is False


async def test_what_is_as_it_was_raises_no_alarm(office: Any) -> None:
    await answered(office, range(1, 22), abstains=0.1)
    found = await look(office)
    assert found["alarms"] == [], found["said"]
    [whole] = [each for each in found["scopes"] if each["name"] == "*"]
    assert whole["state"] == "steady"
    assert len(whole["series"]) == 21
    assert [each["answers"] for each in whole["series"]] == [10] * 21
    [cost] = whole["costs"]
    assert cost["per_answer"] == pytest.approx((1000 * 1.0 + 100 * 4.0) / 1_000_000)
    shown = (await office.root.get("/v1/drift")).json()
    assert shown["report"] == json.loads(json.dumps(found))
    assert shown["next_at"] is not None


async def test_more_abstentions_are_an_alarm_that_says_what_to_do(office: Any) -> None:
    await answered(office, range(8, 22), abstains=0.05)
    await answered(office, range(1, 8), abstains=0.6, seed=2)
    found = await look(office)
    raised = {alarm["measure"] for alarm in found["alarms"]}
    assert "abstention" in raised, found["said"]
    assert all(alarm["said"] and alarm["todo"] for alarm in found["alarms"])
    assert "What is the rule" not in json.dumps(found), "no text of a question"


async def test_a_model_that_is_less_sure_is_an_alarm(office: Any) -> None:
    await answered(office, range(8, 22), abstains=0.0, entropy=0.5)
    await answered(office, range(1, 8), abstains=0.0, seed=2, entropy=0.8)
    found = await look(office)
    raised = {alarm["measure"]: alarm["direction"] for alarm in found["alarms"]}
    assert raised["entropy"] == "up", found["said"]
    assert "entropy_distribution" in raised
    [whole] = [each for each in found["scopes"] if each["name"] == "*"]
    assert whole["series"][0]["entropy"] == pytest.approx(0.5, rel=0.1)
    assert whole["series"][-1]["entropy"] == pytest.approx(0.8, rel=0.1)


async def test_what_a_model_tells_of_itself_is_kept_with_its_answer_and_told_to_nobody(office: Any) -> None:
    await answered(office, range(1, 2), abstains=0.0, entropy=0.5)
    [record, *_] = await office.store.seen.of_day(NOW.replace(hour=0) - timedelta(days=1), 1)
    assert record.answer.usage.mean_entropy == pytest.approx(0.5, rel=0.3)
    assert record.answer.usage.mean_surprisal == 0.5
    async with office.store.seen._database.write() as connection:
        await connection.execute(update(answers).where(answers.c.id == record.id).values(principal_id="root"))
    shown = (await office.root.get(f"/v1/answers/{record.id}")).json()
    assert shown["usage"] == {"prompt_tokens": 1000, "completion_tokens": 100}


async def test_a_drift_that_lasts_is_said_once_reminded_of_and_over(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = office.app.state.boot.services
    told: list[tuple[str, str, str]] = []
    monkeypatch.setattr(
        services.rollout.alarm, "say", lambda what, said, **about: told.append((what, about["measure"], about["state"]))
    )
    await answered(office, range(8, 22), abstains=0.05)
    await answered(office, range(1, 8), abstains=0.6, seed=2)
    await answered(office, range(-9, 1), abstains=0.6, seed=3)
    await answered(office, range(-21, -9), abstains=0.05, seed=4)
    said = []
    for day in range(10):
        told.clear()
        row = await services.drift.look(services, NOW + timedelta(days=day))
        said.append([state for what, measure, state in told if measure == "abstention"])
        assert [each["since"] for each in row["lasting"] if each["measure"] == "abstention"] == [NOW.isoformat()]
    assert said == [["began"], *[[]] * 6, ["lasts"], [], []]
    for day in (20, 21):
        told.clear()
        row = await services.drift.look(services, NOW + timedelta(days=day))
    assert ("drift", "abstention", "over") in told
    assert row["lasting"] == []
    did = [
        each
        for each in rows(services.finetune.places.root)[0]
        if "abstention" in each["why"] or "answer" in each["why"]
    ]
    assert [each["did"] for each in did if "without an answer" in each["why"]] == ["drift_began", "drift_over"]
    assert {each["by"] for each in did} == {"the watch"}


async def test_of_a_busy_day_so_many_are_looked_at(office: Any) -> None:
    await answered(office, range(1, 2), abstains=0.0)
    start = NOW.replace(hour=0) - timedelta(days=1)
    assert len(await office.store.seen.of_day(start, 4)) == 4
    assert await office.store.seen.number_of_day(start) == 10
    assert len(await office.store.seen.of_day(start, 100)) == 10
    assert await office.store.seen.of_day(start, 4) == await office.store.seen.of_day(start, 4)


async def test_the_anchors_are_asked_and_held_against_the_first_time(
    make_world: Any, keys: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchors = tmp_path / "anchors.jsonl"
    rows = [{"prompt": f"What is {number} and one?", "completion": f"{number + 1} it is."} for number in range(20)]
    anchors.write_text("\n".join(map(json.dumps, rows)))
    finetune = FinetuneSettings(watch=WatchSettings(rules=RULES), anchors=anchors)
    wire = EndpointSettings(base_url="http://127.0.0.1:9/v1", model="m", retries=0)
    serving = ServingSettings(generator="openai_compatible", endpoint=wire)
    async with make_world(auth=AuthSettings(keys=keys), finetune=finetune, serving=serving) as world:
        told: list[tuple[str, str]] = []
        alarm = world.app.state.boot.services.rollout.alarm
        monkeypatch.setattr(alarm, "say", lambda what, said, **_: told.append((what, said)))
        world.generator.says = lambda request: json.dumps({"text": f"{int(request.question.split()[2]) + 1} it is."})
        first = await look(world)
        assert len(first["probe"]["scores"]) == 20
        assert set(first["probe"]["scores"].values()) == {1.0}
        assert (first["probe"]["version"], first["probe"]["since"]) == ("scripted", None)
        services = world.app.state.boot.services
        again = await services.drift.look(services, NOW + timedelta(days=1))
        assert (again["probe"]["difference"], again["probe"]["alarm"]) == (0.0, False)
        world.generator.says = lambda request: json.dumps({"text": "No idea at all."})
        worse = await services.drift.look(services, NOW + timedelta(days=2))
        assert worse["probe"]["alarm"] is True
        assert worse["probe"]["since"] == first["probe"]["at"]
        assert [what for what, _ in told] == ["probe"]


# ---- who may see what -----------------------------------------------------------------------------------------------


def kept_dataset(office: Any, version: str, numbers: range, answers_joined: int) -> str:
    """A dataset of rows to train SFT on, numbered, below the server's folder."""
    rows = [
        identified(Example(id="", kind="sft", lineage=Lineage(maker="correction"), question=f"q{n}", completion="c",
                           prompt=(Message(role="user", content=f"q{n}"),)))
        for n in numbers
    ]  # fmt: skip
    figures = {"words": {"joined": answers_joined}}
    root = office.app.state.boot.services.finetune.places.datasets
    return write_dataset(root, version, Curated(examples={"train": rows}, figures=figures)).version


async def spoken_of(office: Any, days: range, seed: int) -> None:
    await answered(office, days, abstains=0.0, seed=seed)
    services = office.app.state.boot.services
    for day in days:
        for record in await services.store.seen.of_day(NOW.replace(hour=0) - timedelta(days=day), 1000):
            await office.store.feedback.put(Principal(id="ana"), record.id, rating="down")


async def test_a_run_is_proposed_from_the_first_day_on_once_there_are_rows_enough(office: Any) -> None:
    await spoken_of(office, range(0, 5), seed=1)
    waiting = (await look(office))["proposal"]
    assert (waiting["due"], "rows are too few" in waiting["reason"]) == (False, True), waiting
    first = kept_dataset(office, "small", range(NEEDED["sft"] - 1), 50)
    assert (await look(office))["proposal"]["missing"]["sft"] == 1
    kept_dataset(office, "whole", range(NEEDED["sft"]), 50)
    found = await look(office)
    assert found["windows"] is None
    assert (found["proposal"]["due"], found["proposal"]["method"], found["proposal"]["rows"]) == (True, "sft", 200)
    assert "not known" in found["proposal"]["expected"]["said"]
    assert first != found["proposal"]["after"]


async def test_words_since_the_newest_dataset_count_as_the_rows_they_will_make(office: Any) -> None:
    await spoken_of(office, range(0, 3), seed=1)
    kept_dataset(office, "notes", range(NEEDED["sft"] - 20), 200)
    assert (await look(office))["proposal"]["due"] is False
    await spoken_of(office, range(3, 6), seed=2)
    found = (await look(office))["proposal"]
    assert (found["due"], found["rows"]) == (True, NEEDED["sft"] - 20 + 27), found
    assert found["reason"].endswith("About 27 of these rows are in no dataset yet: build one.")


def test_a_probe_is_held_against_one_that_had_most_of_its_anchors(tmp_path: Any) -> None:
    looks = Looks(tmp_path)
    for day, version, anchors in ((1, "a@1", "uvw"), (2, "b@1", "abcd"), (3, "a@1", "abx"), (4, "a@1", "abcd")):
        probe = {"version": version, "scores": dict.fromkeys(anchors, 1.0), "at": f"day {day}"}
        row = {"at": f"2026-11-0{day}", "alarms": [], "scopes": [], "probe": probe}
        looks.keep(datetime(2026, 11, day, tzinfo=UTC), row)
    assert (looks.first_probe("a@1", "abcd") or {})["at"] == "day 3"
    assert (looks.first_probe("a@1", "uvw") or {})["at"] == "day 1"
    assert looks.first_probe("a@1", "efgh") is None
    assert looks.first_probe("c@1", "abcd") is None


async def test_what_a_look_leaves_out_of_a_busy_day_is_said(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await answered(office, range(1, 3), abstains=0.0)
    drift = office.app.state.boot.services.drift
    monkeypatch.setattr(drift, "_settings", drift._settings.model_copy(update={"answers": 7}))
    found = await look(office)
    assert found["sample"] == {"answers": 20, "looked_at": 14}


async def test_every_route_is_for_administrators(office: Any, ana: str) -> None:
    person = office.as_(ana)
    for method, path in (("GET", ""), ("POST", "/look"), ("GET", "/history"), ("GET", "/examples")):
        assert (await person.request(method, f"/v1/drift{path}")).status_code == 403, path
        assert (await office.http.request(method, f"/v1/drift{path}")).status_code == 401, path
        assert (await office.root.request(method, f"/v1/drift{path}")).status_code == 200, path


async def drifted(office: Any) -> Any:
    await answered(office, range(8, 22), abstains=0.05)
    await answered(office, range(1, 8), abstains=0.6, seed=2)
    return await look(office)


async def shown(office: Any, scope: str = "*") -> Any:
    return (await office.root.get("/v1/drift/examples", params={"scope": scope})).json()


async def speak(office: Any, ids: list[str]) -> None:
    for each in ids:
        await office.store.feedback.put(Principal(id="ana"), each, rating="down")


async def test_only_questions_with_a_word_on_them_are_shown(office: Any) -> None:
    row = await drifted(office)
    ids = named(row, "*")
    assert len(ids) > 5
    assert await shown(office) == {"items": [], "hidden": len(ids)}
    await speak(office, ids[:3])
    found = await shown(office)
    assert sorted(each["id"] for each in found["items"]) == sorted(ids[:3])
    assert found["hidden"] == len(ids) - 3
    assert all(each["question"].startswith("What is the rule on") for each in found["items"])
    assert await shown(office, "collection:nowhere") == {"items": [], "hidden": 0}


async def test_what_was_deleted_or_left_out_is_shown_no_more(office: Any) -> None:
    ids = named(await drifted(office), "*")
    await speak(office, ids[:4])
    record = (await office.store.seen.shown(ids[:1], Principal(id="root")))[0]
    await office.store.conversations.delete(record.conversation_id, Principal(id="ana"))
    assert ids[0] not in {each["id"] for each in (await shown(office))["items"]}
    excluded = {"kind": "answer", "id": ids[1]}
    assert (await office.root.post("/v1/finetune/exclusions", json=excluded)).status_code == 201
    assert {each["id"] for each in (await shown(office))["items"]} == set(ids[2:4])
    await office.root.post("/v1/finetune/exclusions", json={"kind": "person", "id": "ana"})
    assert (await shown(office))["items"] == []
    again = await look(office)
    assert ids[0] not in json.dumps(again), "the next look does not know of it"


async def test_what_rests_on_a_deleted_document_is_shown_no_more(office: Any, ana: str) -> None:
    handbook = await office.handbook("Leave is 28 days.", client=office.as_(ana))
    asked = (await office.as_(ana).post("/v1/answers", json={"question": "leave days?"})).json()
    await speak(office, [asked["id"]])
    topic = {"topic": 0, "reference": 0.1, "current": 0.2, "part": 0.1, "ids": [asked["id"]]}
    scope = {"name": "*", "findings": [], "topics": {"grew": [topic], "shrank": []}}
    services = office.app.state.boot.services
    found = await examples(services, {"scopes": [scope]}, "*", Principal(id="root", admin=True))
    assert [each.question for each in found.items] == ["leave days?"]
    assert (await office.as_(ana).delete(f"/v1/documents/{handbook['document_id']}")).is_success
    found = await examples(services, {"scopes": [scope]}, "*", Principal(id="root", admin=True))
    assert (found.items, found.hidden) == ((), 1)


async def test_no_file_of_a_look_holds_a_question_and_only_the_newest_names_answers(office: Any) -> None:
    services = office.app.state.boot.services
    ids = named(await drifted(office), "*")
    await services.drift.look(services, NOW + timedelta(days=1))
    old, new = sorted(services.finetune.places.drift.glob("*.json"))
    assert "What is the rule" not in old.read_text() + new.read_text()
    assert not any(each in old.read_text() for each in ids)
    assert named(json.loads(new.read_text()), "*")


async def test_hostile_questions_are_one_line_of_text(office: Any) -> None:
    row = await drifted(office)
    ids = named(row, "*")
    async with office.store.seen._database.write() as connection:
        await connection.execute(update(answers).where(answers.c.id == ids[0]).values(question=HOSTILE + "\n" * 9))
        await connection.execute(update(answers).where(answers.c.id == ids[1]).values(question="x" * 30_000))
    await speak(office, ids[:2])
    found = {each["id"]: each["question"] for each in (await shown(office))["items"]}
    assert found[ids[0]] == "[31mnow [0m then <script>alert(1)</script>"
    assert len(found[ids[1]]) == LONGEST


# ---- looks, one after another ---------------------------------------------------------------------------------------


async def test_former_looks_are_told_in_short(office: Any) -> None:
    assert (await office.root.get("/v1/drift/history")).json() == {"items": []}
    services = office.app.state.boot.services
    row = await drifted(office)
    await services.drift.look(services, NOW + timedelta(days=1))
    first, second = (await office.root.get("/v1/drift/history")).json()["items"]
    measures = first["scopes"]["*"]["measures"]
    of = {each["measure"]: each for each in row["scopes"][0]["findings"]}
    assert measures["abstention"] == {"value": of["abstention"]["current"], "state": "alarm"}
    assert measures["topics"]["value"] == of["topics"]["index"]
    assert "entropy" not in measures, "no model told of it"
    assert first["scopes"]["*"]["costs"][0]["per_answer"] > 0
    assert {each["measure"] for each in first["began"]} == {each["measure"] for each in row["alarms"]}
    assert second["began"] == []
    newest = (await office.root.get("/v1/drift/history", params={"limit": 1})).json()["items"]
    assert newest == [second]
    assert (await office.root.get("/v1/drift/history", params={"limit": 0})).status_code == 422


async def test_a_damaged_file_hides_no_other_look(office: Any) -> None:
    services = office.app.state.boot.services
    row = await drifted(office)
    (services.finetune.places.drift / "2026-12-01T000000.json").write_text('{"at": "2026-')
    assert (await office.root.get("/v1/drift")).json()["report"]["at"] == row["at"]
    assert len((await office.root.get("/v1/drift/history")).json()["items"]) == 1


def test_a_model_s_name_may_have_a_slash_and_an_adapter_s_has_none() -> None:
    named = ("Qwen/Q2/handbook@1", "Qwen/Q2", "scripted/handbook@1", "scripted")
    found = prices_of(WatchSettings(prices={name: PriceSettings(prompt=1.0) for name in named}))
    assert set(found) == {("Qwen/Q2", "handbook@1"), ("Qwen/Q2", None), ("scripted", "handbook@1"), ("scripted", None)}
