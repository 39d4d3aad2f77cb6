"""Rollouts on two servers over one PostgreSQL: what is moved on one holds on the other, both send the same people to a
canary, one of them ends it, and whoever is killed in the middle of a move leaves it to the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from finetune.registry import Registry
from finetune.rollout.assign import in_share
from tests import qdrant_http
from tests.answering_engine import AnsweringEngine, habitual
from tests.flow.conftest import Server
from tests.flow.test_rollout import PEOPLE, QUESTIONS, ROOT, Crowd, environment, filled, settled, start, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WITHIN = 10.0
"""Seconds in which what was moved on one server is to hold on the other."""


@dataclass(kw_only=True)
class Pair:
    """Two servers, the engine that they share, and their folder."""

    first: Server
    second: Server
    engine: AnsweringEngine
    shared: Path

    def publish(self, habit: str) -> str:
        registry = Registry(root=self.shared / "finetune" / "registry")
        source = self.shared.with_name(f"made {habit}")
        folder = source if source.exists() else habitual(source, habit)
        return registry.publish("hr", "adapter", folder, {"kind": "adapter"}, "").name

    def keeper(self) -> tuple[Server, Server]:
        """The one that keeps the rollouts, and the other."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            keeps = [each.call("GET", "/v1/deployments")["keeper"] for each in (self.first, self.second)]
            if sum(keeps) == 1:
                return (self.first, self.second) if keeps[0] else (self.second, self.first)
            time.sleep(0.1)
        pytest.fail("nobody keeps the rollouts, or both do")

    def audit(self, did: str, version: str) -> list[dict[str, Any]]:
        """The rows of the audit that say this of a version."""
        rows = map(json.loads, (self.shared / "finetune" / "audit.jsonl").read_text().splitlines())
        return [row for row in rows if row["did"] == did and row.get("version") == version]


@pytest.fixture
def pair(new_server: Callable[..., Server], postgres: Any, tmp_path: Path) -> Iterator[Pair]:
    engine = AnsweringEngine().start()
    with qdrant_http.serve() as qdrant, postgres.database() as database:
        given = {
            **environment(engine), "FOOTNOTE_DATABASE_URL": database, "FOOTNOTE_SHARED_DIR": str(tmp_path / "shared"),
            "FOOTNOTE_RETRIEVAL__INDEX__KIND": "qdrant", "FOOTNOTE_RETRIEVAL__INDEX__QDRANT__URL": qdrant,
        }  # fmt: skip
        first, second = (new_server(name, **given) for name in ("first", "second"))
        filled(first)
        second.environment["FOOTNOTE_JOBS__WORKERS"] = "0"
        second.client.headers.update(ROOT)
        second.start()
        yield Pair(first=first, second=second, engine=engine, shared=tmp_path / "shared")
        first.stop()
        second.stop()
    engine.die()


def answered_by(server: Server, person: int) -> str | None:
    """The adapter that answers somebody."""
    response = server.request(
        "POST", "/v1/answers", json={"question": QUESTIONS[person % 4]},
        headers={"Authorization": f"Bearer person-{person}-key-0123456789"},
    )  # fmt: skip
    assert response.status_code == 200, response.text
    adapter: str | None = response.json()["generator"]["adapter"]
    return adapter


def holds(server: Server, adapter: str, person: int = 0) -> None:
    """Returns once somebody is answered by an adapter."""
    deadline = time.monotonic() + WITHIN
    while (found := answered_by(server, person)) != adapter:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_what_is_moved_on_one_holds_on_the_other_for_the_same_people(pair: Pair) -> None:
    champion, candidate = pair.publish("good"), pair.publish("good as well")
    start(pair.first, champion, "champion")
    holds(pair.second, champion)
    trial = start(pair.second, candidate, "canary", 0.4)
    chosen = {number for number in range(PEOPLE) if in_share(trial, f"person {number}", 0.4)}
    assert 0 < len(chosen) < PEOPLE
    holds(pair.first, candidate, min(chosen))
    for server in (pair.first, pair.second):
        assert {number for number in range(PEOPLE) if answered_by(server, number) == candidate} == chosen
    pair.first.call("POST", f"/v1/deployments/{trial}/rollback", json={"why": "seen enough"})
    holds(pair.second, champion, min(chosen))
    settled(pair.second, pair.engine, champion)


def test_of_two_that_look_one_ends_a_trial_and_says_so_once(pair: Pair) -> None:
    champion, candidate = pair.publish("good"), pair.publish("broken")
    start(pair.first, champion, "champion")
    holds(pair.second, champion)
    with Crowd(pair.first) as here, Crowd(pair.second) as there:
        trial = start(pair.second, candidate, "canary", 0.5)
        until(pair.first, trial, lambda each: each["stage"] == "rolled_back", 240)
        until(pair.second, trial, lambda each: each["stage"] == "rolled_back")
        settled(pair.first, pair.engine, champion)
    assert {status for crowd in (here, there) for status, _ in crowd.answers} == {200}
    assert len(pair.audit("rolled back", candidate)) == 1
    changes = pair.second.call("GET", "/v1/deployments/history")["items"]
    ends = [each for each in changes if each["deployment_id"] == trial and each["after"] == "rolled_back"]
    assert [each["by"] for each in ends] == ["the guards"]
    assert {answered_by(server, number) for server in (pair.first, pair.second) for number in range(6)} == {champion}


def test_who_is_killed_in_the_middle_of_a_move_leaves_it_to_the_other(pair: Pair) -> None:
    first, second = pair.publish("good"), pair.publish("good as well")
    start(pair.first, first, "champion")
    trial = start(pair.first, second, "canary", 0.5)
    keeps, other = pair.keeper()
    keeps.call("POST", f"/v1/deployments/{trial}/promote", json={})
    keeps.kill()
    found = other.call("GET", f"/v1/deployments/{trial}")
    assert "champion" in (found["wanted"], found["stage"])
    until(other, trial, lambda each: each["stage"] == "champion")
    settled(other, pair.engine, second)
    holds(other, second)
    assert len(pair.audit("now champion", second)) <= 1, "who was killed said it, or who took over did"
    keeps.start()
    holds(keeps, second)
    assert pair.keeper()[0] is other
    champions = [
        each["version"] for each in keeps.call("GET", "/v1/deployments")["items"] if each["stage"] == "champion"
    ]
    assert champions == [second]
