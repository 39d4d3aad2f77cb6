"""Rollouts on a real server: breaches under load, and kill -9 of server, worker and engine at every stage."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from finetune.registry import Registry
from finetune.rollout.guards import GuardRules, judge
from finetune.rollout.stages import Figures, Observation
from tests.answering_engine import AnsweringEngine, habitual
from tests.flow.conftest import Server

HANDBOOK = Path(__file__).resolve().parents[2] / "examples" / "handbook"
PEOPLE = 24
ROOT = {"Authorization": "Bearer root-key-0123456789"}
QUESTIONS = (
    "How many days of leave are there?",
    "Who approves travel?",
    "How long is parental leave?",
    "What of laptops?",
)
PROMISED = 10.0
"""Seconds from a breach that can be measured to its end."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def engine() -> Iterator[AnsweringEngine]:
    made = AnsweringEngine().start()
    yield made
    made.die()


def environment(engine: AnsweringEngine) -> dict[str, str]:
    """Settings of a server before this engine, for people with keys of their own."""
    keys: list[dict[str, Any]] = [
        {"key": f"person-{number}-key-0123456789", "id": f"person {number}"} for number in range(PEOPLE)
    ]
    keys.append({"key": "root-key-0123456789", "id": "root", "admin": True})
    return {
        "FOOTNOTE_CACHE__ENABLED": "false",
        "FOOTNOTE_AUTH__KEYS": json.dumps(keys),
        "FOOTNOTE_FINETUNE__ROLLOUT__GATE": "optional",
        "FOOTNOTE_FINETUNE__ROLLOUT__AT_ONCE": "8",
        "FOOTNOTE_SERVING__GENERATOR": "openai_compatible",
        "FOOTNOTE_SERVING__ENDPOINT__BASE_URL": engine.url,
        "FOOTNOTE_SERVING__ENDPOINT__MODEL": "m",
        "FOOTNOTE_SERVING__ENDPOINT__FLAVOUR": "vllm",
        "FOOTNOTE_SERVING__ADAPTERS__DRAIN_SECONDS": "5",
    }


def filled(server: Server) -> Server:
    """Started, with a part of the handbook."""
    server.client.headers.update(ROOT)
    server.start()
    for path in sorted(HANDBOOK.glob("*.md"))[:4]:
        server.ingest(path.name, path.read_bytes())
    return server


@pytest.fixture
def server(new_server: Callable[..., Server], engine: AnsweringEngine) -> Server:
    """It answers from the handbook."""
    return filled(new_server(**environment(engine)))


@pytest.fixture
def version(server: Server, tmp_path: Path) -> Callable[[str], str]:
    """Publishes an adapter with a habit, and says its name."""
    registry = Registry(root=server.data / "finetune" / "registry")

    def publish(habit: str) -> str:
        source = tmp_path / f"made {habit}"
        folder = source if source.exists() else habitual(source, habit)
        return registry.publish("hr", "adapter", folder, {"kind": "adapter"}, "").name

    return publish


class Crowd:
    """People who keep asking, each by a key of his own."""

    def __init__(self, server: Server) -> None:
        self.answers: list[tuple[int, Any]] = []
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(part,)) for part in range(3)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, part: int) -> None:
        turn = 0
        with httpx.Client(timeout=60.0) as client:
            while not self._stop.is_set():
                person = (3 * turn + part) % PEOPLE
                response = client.post(
                    f"{self._server.url}/v1/answers",
                    headers={"Authorization": f"Bearer person-{person}-key-0123456789"},
                    json={"question": f"{QUESTIONS[turn % len(QUESTIONS)]} I am asking for matter {3 * turn + part}."},
                )
                self.answers.append((response.status_code, response.json()))
                turn += 1


def start(server: Server, version: str, stage: str, share: float = 1.0) -> str:
    made = server.call("POST", "/v1/deployments", json={"version": version, "stage": stage, "share": share})
    until(server, made["id"], lambda each: each["stage"] == stage)
    return str(made["id"])


def until(server: Server, deployment: str, met: Callable[[dict[str, Any]], bool], seconds: float = 90.0) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        found = server.call("GET", f"/v1/deployments/{deployment}")
        if met(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def settled(server: Server, engine: AnsweringEngine, *names: str) -> None:
    """Returns once the engine serves these and no others, and nothing is in hand."""
    deadline = time.monotonic() + 90
    while True:
        items = server.call("GET", "/v1/deployments")["items"]
        if set(engine.adapters) == set(names) and not any(each["leaving"] or each["wanted"] for each in items):
            return
        assert time.monotonic() < deadline, (items, engine.adapters)
        time.sleep(0.05)


def seconds_to_end(server: Server, deployment: str) -> float:
    """From the observation at which a guard could first tell, to the end of the trial."""
    with closing(sqlite3.connect(f"file:{server.data / 'footnote.sqlite'}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT number, deployment_id, answer_id, principal_id, arm, shown, figures, at FROM rollout_observations "
            "WHERE deployment_id = ? ORDER BY number",
            (deployment,),
        ).fetchall()
        [(ended, rules)] = database.execute(
            "SELECT c.at, d.rules FROM deployment_changes c JOIN deployments d ON d.id = c.deployment_id "
            "WHERE d.id = ? AND c.after = 'rolled_back'",
            (deployment,),
        ).fetchall()
    seen = [
        Observation(
            number=number, deployment_id=of, answer_id=answer, principal_id=person, arm=arm, shown=bool(shown),
            figures=Figures(**json.loads(figures)),
        )
        for number, of, answer, person, arm, shown, figures, _ in rows
    ]  # fmt: skip
    limits = GuardRules.model_validate_json(rules)
    low, high = 0, len(seen)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if judge(seen[:middle], [], limits).breached else (middle, high)
    return float(ended - rows[high - 1][7]) / 1_000_000


def breach(server: Server, engine: AnsweringEngine, champion: str, candidate: str) -> dict[str, Any]:
    """Tries a candidate while people keep asking, until its guards end it; what was seen of it. Nobody's question
    fails, and once it is unloaded nobody is answered by it."""
    with Crowd(server) as crowd:
        trial = start(server, candidate, "canary", 0.5)
        ended = until(server, trial, lambda each: each["stage"] == "rolled_back", 240)
        settled(server, engine, champion)
        before = len(engine.asked)
        time.sleep(1.0)
        after = engine.asked[before:]
    assert after
    assert candidate not in after, "it was unloaded"
    assert {status for status, _ in crowd.answers} == {200}
    change = next(
        each for each in server.call("GET", "/v1/deployments/history")["items"] if each["deployment_id"] == trial
    )
    assert (change["after"], change["by"]) == ("rolled_back", "the guards")
    return {
        "breached": ended["judged"]["breached"],
        "answers": len(crowd.answers),
        "without": sum(not answer["statements"] for _, answer in crowd.answers),
        "seconds": seconds_to_end(server, trial),
    }


def test_breaches_under_load_end_by_themselves_and_no_request_fails(
    server: Server, engine: AnsweringEngine, version: Callable[[str], str]
) -> None:
    champion = version("good")
    start(server, champion, "champion")
    for habit, guard in (("broken", "failures"), ("abstains", "abstention"), ("slow", "latency")):
        found = breach(server, engine, champion, version(habit))
        assert guard in found["breached"], found
        assert found["seconds"] <= PROMISED
        assert habit == "abstains" or found["without"] == 0


def test_kill_9_at_every_stage_leaves_a_stage_and_goes_on(
    server: Server, engine: AnsweringEngine, version: Callable[[str], str]
) -> None:
    first, second = version("good"), version("verbose")
    stages = {"candidate", "shadow", "canary", "champion", "retired", "rolled_back"}

    def killed(deployment: str) -> dict[str, Any]:
        server.kill()
        server.start()
        found: dict[str, Any] = server.call("GET", f"/v1/deployments/{deployment}")
        assert found["stage"] in stages
        assert server.ask(QUESTIONS[0])["statements"]
        return found

    def wanting(deployment: str, step: str) -> None:
        """Killed at once after it was asked for: it is wanted, or there already."""
        server.call("POST", f"/v1/deployments/{deployment}/{step}", json={})
        found = killed(deployment)
        goal = {"promote": "champion"}.get(step, step)
        assert goal in (found["wanted"], found["stage"])
        until(server, deployment, lambda each: each["stage"] == goal and each["wanted"] is None)

    made = server.call("POST", "/v1/deployments", json={"version": first, "stage": "shadow"})
    assert "shadow" in ((found := killed(made["id"]))["wanted"], found["stage"])
    one = str(until(server, made["id"], lambda each: each["stage"] == "shadow")["id"])
    wanting(one, "canary")
    wanting(one, "promote")
    settled(server, engine, first)
    two = start(server, second, "shadow")
    killed(two)
    settled(server, engine, first, second)
    server.call("POST", f"/v1/deployments/{two}/rollback", json={})
    assert killed(two)["stage"] == "rolled_back"
    settled(server, engine, first)
    server.call("POST", "/v1/deployments/rollback", json={})
    assert killed(one)["stage"] == "rolled_back"
    settled(server, engine)


def test_a_worker_killed_at_a_stage_moves_nothing_and_its_document_is_read(
    server: Server, engine: AnsweringEngine, version: Callable[[str], str]
) -> None:
    trial = start(server, version("good"), "shadow")
    for stage, step in (("shadow", "canary"), ("canary", "promote"), ("champion", "")):
        begun = server.upload(f"while {stage}.md", f"# Notes\n\nWritten while it was a {stage}.".encode())
        worker = server.child("worker")
        assert worker is not None
        worker.kill()
        assert server.call("GET", f"/v1/deployments/{trial}")["stage"] == stage
        assert server.ask(QUESTIONS[0])["statements"]
        assert server.job(begun["job_id"])["status"] == "succeeded"
        if step:
            server.call("POST", f"/v1/deployments/{trial}/{step}", json={})
            until(server, trial, lambda each: each["wanted"] is None)


def test_an_engine_that_comes_back_empty_is_filled_and_nobody_goes_without_an_answer(
    server: Server, engine: AnsweringEngine, version: Callable[[str], str]
) -> None:
    champion, trial = version("good"), version("verbose")
    start(server, champion, "champion")
    start(server, trial, "shadow")
    engine.die()
    engine.start()
    answer = server.ask(QUESTIONS[0])
    assert answer["statements"], "the base answers until the champion is back"
    settled(server, engine, champion, trial)
    engine.adapters.pop(champion)
    engine.deaf.add(champion)  # and it cannot be loaded for now
    answer = server.ask(QUESTIONS[1])
    assert answer["statements"]
    assert "champion_missing" in answer["degraded"]
    engine.deaf.clear()
    settled(server, engine, champion, trial)
    assert server.ask(QUESTIONS[1])["degraded"] == []
