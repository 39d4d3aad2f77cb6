"""Over a real server: ask, correct, build, look at the rows; and a kill -9 in the middle of a build."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Server

pytestmark = pytest.mark.timeout(600)

SECONDS = 120.0
TEXT = b"# Leave\n\nEvery employee has 28 days of paid leave a year. Unused days expire in March.\n"
_DATASETS = "/v1/finetune/datasets"


def ended(server: Server, build: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while build["state"] == "building":
        assert time.monotonic() < deadline, build
        time.sleep(0.05)
        build = server.call("GET", f"/v1/finetune/builds/{build['id']}")
    return build


def test_from_a_question_to_rows_and_through_a_kill(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.ingest("leave.md", TEXT)
    answer = server.ask("How many days of paid leave does an employee have?")
    corrected = "Every employee has 28 days of paid leave a year. [1]"
    body = {"answer_id": answer["id"], "rating": "down", "corrected": corrected}
    server.call("POST", "/v1/feedback", json=body)
    done = ended(server, server.call("POST", _DATASETS, json={"name": "handbook"}))
    assert done["state"] == "done", done
    found = server.call("GET", f"{_DATASETS}/{done['dataset']}")
    kinds = [(kind, split) for kind, splits in found["counts"].items() for split in splits]
    shown = [
        row
        for kind, split in kinds
        for row in server.call("GET", f"{_DATASETS}/{done['dataset']}/rows?kind={kind}&split={split}")["items"]
    ]
    assert {row["lineage"]["answer_id"] for row in shown} == {answer["id"]}
    assert "28 days" in json.dumps(shown)

    begun = server.call("POST", _DATASETS, json={"name": "again"})
    server.kill()
    server.start()
    told = server.call("GET", f"/v1/finetune/builds/{begun['id']}")
    assert told["state"] in ("interrupted", "done")  # done where it was quicker than the kill
    again = ended(server, server.call("POST", _DATASETS, json={"name": "again"}))
    assert again["state"] == "done", again
    assert not list((server.data / "finetune" / "datasets").glob(".making-*"))
