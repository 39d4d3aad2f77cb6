"""The whole server with a model in its own process: it answers under the schema, by its adapter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.flow.test_engine import HANDBOOK, events

if TYPE_CHECKING:
    from tests.flow.conftest import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def server(new_server: Callable[..., Server], random_model: Path) -> Server:
    """It answers from a page of the handbook by a model of random weights and one of its adapters."""
    local = {
        "MODEL": str(random_model / "base"),
        "ADAPTERS": json.dumps({name: str(random_model / name) for name in "ab"}),
        "ADAPTER": "a",
        "THREADS": "1",
    }
    given = {f"FOOTNOTE_SERVING__LOCAL__{name}": value for name, value in local.items()}
    given |= {"FOOTNOTE_SERVING__GENERATOR": "local", "FOOTNOTE_AGENTS__OUTPUT__MAX_STATEMENT_CHARS": "80"}
    made = new_server(**given).start()
    path = sorted(HANDBOOK.glob("*.md"))[0]
    made.ingest(path.name, path.read_bytes())
    return made


def test_it_answers_over_http_by_its_adapter(server: Server) -> None:
    assert "The model base is being loaded" in server.log.read_text()  # beside the listening server, which said so
    for number in range(60):  # a model of random weights often says nothing
        told = list(events(server, f"What does rule {number} say about leave?"))
        name, answer = told[-1]
        assert name == "done"
        if answer["statements"]:
            break
    assert [name for name, _ in told].index("delta") < [name for name, _ in told].index("statement")
    assert answer["generator"]["name"] == "base"
    assert answer["generator"]["adapter"] == "a"
    assert answer["generator"]["fingerprint"].startswith("base:")
    offered = {source["id"] for source in answer["sources"]}
    assert {each for said in answer["statements"] for each in said["sources"]} <= offered
    assert server.request("GET", "/readyz").json()["status"] == "ready"
    figures = server.request("GET", "/metrics").text
    assert 'footnote_generator_tokens_total{kind="completion"}' in figures
    assert 'footnote_generator_requests{state="running"} 0.0' in figures
