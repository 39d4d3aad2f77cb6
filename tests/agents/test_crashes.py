"""kill -9 anywhere in a run, and another process goes on: every effect happens exactly once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.agents.runs import LEAVE
from tests.conftest import Postgres


class Runner:
    """The process of `tests.agents.run_process`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.agents.run_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )

    def run(self, url: str, thread: str, kill: int = 0, **given: Any) -> Mapping[str, Any]:
        folder = self.folder / thread
        folder.mkdir(exist_ok=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        case = {"url": url, "folder": str(folder), "thread": thread, "kill": kill, "once": False, "story": "sent"}
        case |= given
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        told: Mapping[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def done(self, thread: str, effect: str = "sends") -> list[str]:
        """What was done to the world, as the world counts it."""
        file = self.folder / thread / effect
        return file.read_text().splitlines() if file.exists() else []

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture
def runner(root: Path, tmp_path: Path) -> Iterator[Runner]:
    found = Runner(root, tmp_path)
    yield found
    found.close()


def killed_and_taken_up(runner: Runner, url: str, kill: int) -> bool:
    """Whether a person had to be asked."""
    thread = f"t{kill}"
    assert runner.run(url, thread, kill)["killed"]
    told = runner.run(url, thread)["told"]
    asked = [each["kind"] for each in told["asked"]] == ["unknown_outcome"]
    if asked:
        said = {"type": "respond", "message": "It was."} if runner.done(thread) else {"type": "approve"}
        told = runner.run(url, thread, resume={"decisions": [said], "step": 3})["told"]
    assert told["asked"] == []
    assert told["said"] == [LEAVE], kill
    assert runner.done(thread) == [f"{thread}:3 Hello."], kill
    tools = ["helper", "search_documents", "send", "answer", "answer"]
    assert [(number, tool, status) for number, _, tool, status, _ in told["steps"]] == [
        (number, tool, "done") for number, tool in enumerate(tools, start=1)
    ]
    assert (told["budget"]["steps"], told["budget"]["calls"]["send"]) == (5, 1)
    return bool(asked)


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_on_sqlite(runner: Runner) -> None:
    url = f"sqlite:///{runner.folder / 'runs.sqlite'}"
    whole = runner.run(url, "whole")["told"]
    assert whole["said"] == [LEAVE]
    asked = [kill for kill in range(1, whole["count"] + 1) if killed_and_taken_up(runner, url, kill)]
    assert len(asked) == 3  # killed after it was begun, before it was done, and before that was written down


@pytest.mark.slow
def test_killed_it_goes_on_on_postgres(runner: Runner, postgres: Postgres) -> None:
    with postgres.database() as url:
        whole = runner.run(url, "whole")["told"]
        assert whole["said"] == [LEAVE]
        for kill in range(2, whole["count"] + 1, 9):
            killed_and_taken_up(runner, url, kill)


# ---- every kind of step ----------------------------------------------------------------------------------------------

MOST_PROCESSES = 400
EDITED = {"name": "send", "args": {"text": "Edited."}}
SAID: dict[str, dict[str, Any]] = {
    "Approved note.": {"type": "approve"},
    "Approved.": {"type": "approve"},
    "To be edited.": {"type": "edit", "edited_action": EDITED},
    "To be rejected.": {"type": "reject", "message": "No."},
    "To be told.": {"type": "respond", "message": "It is done already."},
}


def decision(runner: Runner, thread: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the person says, who looks at the world where nobody knows whether something happened."""
    [action] = asked["action_requests"]
    if asked["kind"] == "question":
        said = {"type": "respond", "message": "To everyone."}
    elif asked["kind"] == "approval":
        said = SAID[action["args"]["text"]]
    else:
        done = [line.split()[0] for effect in ("writes", "sends") for line in runner.done(thread, effect)]
        happened = f"{thread}:{asked['step']}" in done
        said = {"type": "respond", "message": "It happened."} if happened else {"type": "approve"}
    return {"decisions": [said], "step": asked["step"], "kind": asked["kind"], "again": asked.get("again")}


def driven(runner: Runner, url: str, thread: str, *, once: bool) -> tuple[Mapping[str, Any], list[str], list[str]]:
    """A run of every kind of step to its end, taken up by a new process as often as it takes: how it ended, what was
    asked, and the points that were passed."""
    given: dict[str, Any] = {}
    asked: list[str] = []
    points: list[str] = []
    for _ in range(MOST_PROCESSES):
        ended = runner.run(url, thread, once=once, story="everything", **given)
        if ended["killed"]:
            continue
        told = ended["told"]
        points += told["points"]
        if not told["asked"]:
            return told, asked, points
        [value] = told["asked"]
        asked.append(value["kind"])
        given = {"resume": decision(runner, thread, value)}
    raise AssertionError("it came to no end")


def is_as_it_should_be(runner: Runner, thread: str, told: Mapping[str, Any]) -> None:
    assert told["said"] == [LEAVE]
    assert runner.done(thread, "writes") == [f"{thread}:5 Approved note."]
    assert runner.done(thread, "sends") == [f"{thread}:6 Approved.", f"{thread}:7 Edited."]
    assert set(runner.done(thread, "reads_outside")) == {f"{thread}:4 leave"}
    ledger = [json.loads(line)["id"] for line in (runner.folder / thread / "ledger").read_text().splitlines()]
    assert set(ledger) == {f"{thread}:{step}" for step in (5, 6, 7)}


@pytest.mark.slow
def test_killed_at_every_point_of_every_kind_of_step(runner: Runner) -> None:
    """One run that is killed at each point it comes to, once: a question, an agent below another, each class of effect,
    each decision, a critic that sends back."""
    url = f"sqlite:///{runner.folder / 'runs.sqlite'}"
    whole, asked, points = driven(runner, url, "whole", once=False)
    is_as_it_should_be(runner, "whole", whole)
    assert asked == ["question", *["approval"] * 5]
    assert [tool for _, _, tool, _, _ in whole["steps"]] == [
        *("ask_person", "helper", "search_documents", "fetch", "note"),
        *(*["send"] * 4, "answer", "answer", "critique", "answer"),
    ]
    assert [failure for *_, failure in whole["steps"] if failure] == ["refused", "sent_back"]

    told, asked, _ = driven(runner, url, "killed", once=True)
    is_as_it_should_be(runner, "killed", told)
    assert told["steps"] == whole["steps"]
    assert told["budget"]["steps"] == whole["budget"]["steps"]
    assert told["budget"]["calls"] == whole["budget"]["calls"]
    assert {each: said for each, said in told["decisions"].items() if each not in "567"} == {
        each: said for each, said in whole["decisions"].items() if each not in "567"
    }
    assert [each for each in asked if each != "unknown_outcome"] == ["question", *["approval"] * 5]
    assert (
        asked.count("unknown_outcome") == 3 * 3
    )  # killed once it was begun, before it was done, before that was noted
    killed = set((runner.folder / "killed" / "killed").read_text().splitlines())
    unreached = {point.replace("whole", "killed") for point in points} - killed
    assert all(point.endswith(" finished") for point in unreached), unreached  # a person said what became of it
