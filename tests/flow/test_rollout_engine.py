"""The gate and rollouts over a real vLLM: versions that were really trained, a real server, and kill -9 of both.

What a version answers is told by asking for it by name; then every answer that somebody is given is held against that,
text and citations alike.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.tiny_llama import build_adapter
from finetune.rollout.assign import in_share
from tests.engine_process import ANSWERING, Engine, started
from tests.flow.conftest import Server
from tests.flow.manners import ITEMS, PASSAGES, Manners, questions, train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PEOPLE = 6
QUESTIONS = 6
ROOT = {"Authorization": "Bearer root-key-0123456789"}
RULES = f"""
min_items: {ITEMS}
speed_items: 5
measures:
  exact_match: {{required_gain: 0.1}}  # it was trained to do better, and has to
  schema_valid: {{margin: 0.2}}  # so few questions show no less
  citation_precision: {{margin: 0.3}}
  citation_recall: {{margin: 0.3}}
  support: {{margin: 0.4}}  # its manner stands in no source
  abstention: {{margin: 0.2}}
  repetition: {{margin: 0.2}}
  latency_ratio: null  # of a machine that others use meanwhile
  throughput_ratio: null
"""


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """A running engine, and what was trained on its model."""

    engine: Engine
    manners: Manners

    @property
    def first(self) -> str:
        return self.manners.versions[0].name

    @property
    def second(self) -> str:
        return self.manners.versions[1].name


def models(folder: Path) -> None:
    """ "base" is the one that learned to answer; "a" and "b" are of random weights, and there from the start."""
    shutil.copytree(ANSWERING, folder / "base")
    for seed, name in enumerate("ab", start=1):
        build_adapter(folder / name, folder / "base", seed)


@pytest.fixture(scope="module")
def learnt_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learnt]:
    """Training is done while the engine starts."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small sums are slower on two
    with started(tmp_path_factory.mktemp("learnt-engine"), models) as engine:
        manners = train(engine.folder / "learning", engine.folder / "base")
        torch.set_num_threads(threads)
        engine.wait_ready()
        yield Learnt(engine=engine, manners=manners)


def environment(learnt: Learnt) -> dict[str, str]:
    """Settings of a server before this engine, for people with keys of their own."""
    keys: list[dict[str, Any]] = [{"key": key_of(number), "id": f"person {number}"} for number in range(PEOPLE)]
    keys.append({"key": "root-key-0123456789", "id": "root", "admin": True})
    return {
        "FOOTNOTE_AGENTS__MAX_TOKENS": "160",
        "FOOTNOTE_AGENTS__SOURCES": str(PASSAGES),
        "FOOTNOTE_AUTH__KEYS": json.dumps(keys),
        "FOOTNOTE_CACHE__ENABLED": "false",
        "FOOTNOTE_FINETUNE__FOLDER": str(learnt.manners.folder),
        "FOOTNOTE_SERVING__ADAPTERS__DRAIN_SECONDS": "20",
        "FOOTNOTE_SERVING__ENDPOINT__BASE_URL": learnt.engine.url,
        "FOOTNOTE_SERVING__ENDPOINT__BREAKER_SECONDS": "0.5",
        "FOOTNOTE_SERVING__ENDPOINT__FLAVOUR": "vllm",
        "FOOTNOTE_SERVING__ENDPOINT__MODEL": "tiny",
        "FOOTNOTE_SERVING__ENGINE__MODEL": str(learnt.engine.folder / "base"),
        "FOOTNOTE_SERVING__GENERATOR": "openai_compatible",
    }


def key_of(number: int) -> str:
    return f"person-{number}-key-0123456789"


class World:
    """A server with documents and people, who all ask one question."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.question = ""
        server.client.headers.update(ROOT)
        server.start()
        asked = questions(QUESTIONS, seed=11, held_out=False)
        self.questions = [each.question for _, each in asked]
        for number, text in enumerate(dict.fromkeys(source.text for case, _ in asked for source in case.sources)):
            server.ingest(f"note-{number}.md", text.encode())

    def choose(self, *names: str) -> list[Any]:
        """Chooses the question that these versions, which are loaded, answer differently, each alike whenever it is
        asked: rounding decides where a model wavers, and other requests round otherwise. What they answer."""
        seen = []
        with ThreadPoolExecutor(len(names)) as pool:
            for question in self.questions:
                found = [list(pool.map(partial(self.told, question), names)) for _ in range(2)]
                found.append([self.told(question, name) for name in names])
                seen.append(found)
                steady = all(each == found[0] for each in found) and None not in found[0]
                if steady and len({*map(json.dumps, found[0])}) == len(names):
                    self.question = question
                    return found[0]
        raise AssertionError(f"no question tells these versions apart: {seen}")

    def told(self, question: str, name: str) -> Any:
        """What a version that is loaded answers; None where it comes to no end."""
        asked = {"question": question, "adapter": name}
        response = self.server.request("POST", "/v1/answers", json=asked)
        return said(response.json()) if response.is_success else None

    def canary(self, trial: str, champion: Any, candidate: Any) -> list[Any]:
        """Makes a trial a canary for some and not for others; what each person is answered from now on."""

        def shown(share: float) -> list[Any]:
            inside = [in_share(trial, f"person {number}", share) for number in range(PEOPLE)]
            return [candidate if each else champion for each in inside]

        share = next(each for each in (0.5, 0.3, 0.7, 0.1, 0.9) if 0 < shown(each).count(champion) < PEOPLE)
        self.server.call("POST", f"/v1/deployments/{trial}/canary", json={"share": share})
        self.until(lambda: bool(self.deployment(trial)["stage"] == "canary"))
        return shown(share)

    def ask(self, number: int) -> tuple[int, Any]:
        """What one person is answered: the status, and all that was stated or what was wrong."""
        response = httpx.post(
            f"{self.server.url}/v1/answers",
            headers={"Authorization": f"Bearer {key_of(number)}"},
            json={"question": self.question},
            timeout=120,
        )
        body = response.json()
        return response.status_code, said(body) if response.is_success else body["code"]

    def everybody(self) -> list[Any]:
        """What each person is answered, who all are."""
        told = [self.ask(number) for number in range(PEOPLE)]
        assert {status for status, _ in told} == {200}, told
        return [answer for _, answer in told]

    def relaunch(self) -> None:
        """Starts the server again; while there is no engine it listens, and is not ready."""
        self.server.launch()
        told = self.server.data / "server.json"
        self.until(told.exists)
        self.server.url = json.loads(told.read_text())["url"]
        self.until(self.listens)

    def listens(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.server.request("GET", "/v1/deployments").is_success
        return False

    def start(self, version: str, stage: str, **more: Any) -> str:
        """Brings a version to a stage; returns the deployment."""
        body = {"version": version, "stage": stage, "ungated": "a test", **more}
        made = self.server.call("POST", "/v1/deployments", json=body)
        self.until(lambda: self.deployment(made["id"])["stage"] == stage)
        return str(made["id"])

    def step(self, deployment: str, step: str, stage: str) -> None:
        self.server.call("POST", f"/v1/deployments/{deployment}/{step}", json={})
        self.until(lambda: self.deployment(deployment)["stage"] == stage)

    def deployment(self, deployment: str) -> Any:
        return self.server.call("GET", f"/v1/deployments/{deployment}")

    def loaded(self) -> list[set[str]]:
        """What each engine serves, but for what it was started with."""
        engines = self.server.call("GET", "/v1/adapters")["engines"]
        return [set(each["adapters"]) - {"a", "b"} for each in engines]

    def settled(self, *names: str) -> None:
        """Returns once every engine serves these and no others, and nothing is in the way."""
        self.until(lambda: all(each == set(names) for each in self.loaded()) and not self.problems())

    def problems(self) -> list[str]:
        items = self.server.call("GET", "/v1/deployments")["items"]
        return [each["problem"] or "on its way" for each in items if each["problem"] or each["wanted"]]

    def until(self, met: Callable[[], bool], seconds: float = 240.0) -> None:
        deadline = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < deadline, self.server.call("GET", "/v1/deployments")
            time.sleep(0.1)


def cached(engine: Engine) -> float:
    """Tokens of prompts that the engine did not have to read again, by its own metric."""
    found = re.findall(r"^vllm:prefix_cache_hits_total\{.*\} (\S+)$", engine.metrics(), re.MULTILINE)
    return sum(map(float, found))


def said(answer: Any) -> Any:
    return [[each["text"], each["sources"]] for each in answer["statements"]]


@pytest.fixture
def world(new_server: Callable[..., Server], learnt_engine: Learnt) -> Iterator[World]:
    made = World(new_server(**environment(learnt_engine)))
    yield made
    for name in made.loaded()[0]:  # the next one finds the engine as it was
        httpx.post(f"{learnt_engine.engine.url}/unload_lora_adapter", json={"lora_name": name}, timeout=30)


def gated(world: World, candidate: str, dataset: str) -> Any:
    """The run of the gate once it is over."""
    body = {"candidate": candidate, "dataset": dataset, "rules": RULES}
    made = world.server.call("POST", "/v1/gates", json=body)

    def run() -> Any:
        return world.server.call("GET", f"/v1/gates/{made['id']}")

    world.until(lambda: run()["state"] != "running")
    return run()


def test_the_gate_lets_a_trained_version_through_and_stops_a_broken_one(world: World, learnt_engine: Learnt) -> None:
    manners = learnt_engine.manners
    good = gated(world, learnt_engine.first, manners.dataset)
    assert (good["state"], good["passed"], good["champion"]) == ("done", True, "tiny"), good
    measured = {each["measure"]: each for each in good["report"]["measures"]}
    assert measured["exact_match"]["champion"] == 0
    assert measured["exact_match"]["candidate"] > 0.1
    assert measured["schema_valid"]["champion"] > 0.8, "it is asked as people are"
    assert measured["schema_valid"]["n"] == good["report"]["items"] == ITEMS
    broken = gated(world, manners.broken.name, manners.dataset)
    assert (broken["state"], broken["passed"]) == ("done", False), broken
    worse = {each["measure"] for each in broken["report"]["reasons"]}
    assert {"schema_valid", "citation_recall"} & worse, broken["report"]["reasons"]
    assert world.loaded() == [set()], "both were lent"
    refused = {"version": manners.broken.name, "stage": "canary", "gate": broken["id"]}
    assert world.server.request("POST", "/v1/deployments", json=refused).status_code == 409
    passed = world.start(learnt_engine.first, "shadow", ungated=None, gate=good["id"])
    assert world.deployment(passed)["gate"] == good["id"]


def test_each_stage_answers_with_what_it_says_and_the_way_back_gives_the_same_answers(
    world: World, learnt_engine: Learnt
) -> None:
    first, second = learnt_engine.first, learnt_engine.second
    champion = world.start(first, "champion")
    trial = world.start(second, "shadow")
    base, one, two = world.choose("tiny", first, second)
    assert world.everybody() == [one] * PEOPLE, "what answers beside is shown to nobody"
    world.until(lambda: world.deployment(trial)["judged"]["pairs"] > 0)

    shown = world.canary(trial, one, two)
    assert [world.everybody(), world.everybody()] == [shown, shown], "always the same people"

    world.step(trial, "promote", "champion")
    assert world.everybody() == [two] * PEOPLE
    world.settled(second)
    assert world.deployment(champion)["stage"] == "retired"
    hits = cached(learnt_engine.engine)
    world.server.call("POST", "/v1/deployments/rollback", json={})
    assert world.everybody() == [one] * PEOPLE, "the former champion's answers, to the letter"
    assert world.told(world.question, "tiny") == base
    assert cached(learnt_engine.engine) > hits, "what was remembered of a prompt is each version's own"
    world.settled(first)


@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_kill_9_of_engine_and_server_leaves_the_stage_and_the_engine_is_filled_again(
    world: World, learnt_engine: Learnt, stage: str
) -> None:
    engine, first, second = learnt_engine.engine, learnt_engine.first, learnt_engine.second
    world.start(first, "champion")
    trial = world.start(second, "shadow")
    base, one, two = world.choose("tiny", first, second)
    shown = world.canary(trial, one, two) if stage == "canary" else [one] * PEOPLE
    engine.kill(engine.family())
    world.until(lambda: len(world.problems()) == 2)
    assert all("cannot be reached" in each for each in world.problems()), world.problems()
    assert world.ask(0) == (503, "generator_unavailable")
    world.server.kill()
    world.relaunch()
    for person, (status, what) in asked_until(world, lambda: {first, second} <= world.loaded()[0]):
        if status == 200:
            assert what in (base, one, shown[person]), "the base answers for a version that is not back"
        else:
            assert (status, what) == (503, "generator_unavailable")
    world.settled(first, second)
    assert world.deployment(trial)["stage"] == stage, "an engine's death is no fault of the version"
    assert world.everybody() == shown


def asked_until(world: World, met: Callable[[], bool]) -> list[tuple[int, tuple[int, Any]]]:
    """Everybody asks again and again until all is well: the person, the status, and what was told."""
    found: list[tuple[int, tuple[int, Any]]] = []
    deadline = time.monotonic() + 480
    while not met():
        assert time.monotonic() < deadline, world.problems()
        person = len(found) % PEOPLE
        found.append((person, world.ask(person)))
        time.sleep(0.5)
    return found
