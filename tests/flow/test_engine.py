"""The whole server over a real vLLM: an answer cancelled, the engine killed in the middle of one, and what follows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine_process import Engine

if TYPE_CHECKING:
    from tests.flow.conftest import Server

HANDBOOK = Path(__file__).resolve().parents[2] / "examples" / "handbook"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def server(new_server: Callable[..., Server], engine: Engine) -> Server:
    """It answers from the handbook by the model of random weights, two answers at a time."""
    given = {
        "GENERATOR": "openai_compatible",
        "ENDPOINT__BASE_URL": engine.url,
        "ENDPOINT__MODEL": "tiny",
        "ENDPOINT__FLAVOUR": "vllm",
        "ENDPOINT__CONCURRENCY": "2",
        "ENDPOINT__QUEUE": "2",
        "ENDPOINT__BREAKER_SECONDS": "0.5",
    }
    # The same questions are asked again, and each time the engine is wanted.
    environment = {f"FOOTNOTE_SERVING__{name}": value for name, value in given.items()}
    made = new_server(FOOTNOTE_CACHE__ENABLED="false", **environment).start()
    for path in sorted(HANDBOOK.glob("*.md"))[:2]:
        made.ingest(path.name, path.read_bytes())
    return made


def events(server: Server, question: str) -> Iterator[tuple[str, Any]]:
    """The events of an answer, as they come."""
    body = {"question": question, "stream": True}
    with server.client.stream("POST", f"{server.url}/v1/answers", json=body, timeout=120) as response:
        assert response.is_success, response.read()
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def speaking(server: Server) -> tuple[str, Iterator[tuple[str, Any]]]:
    """The id of an answer whose first words have come, and the rest of its events. The model often says nothing."""
    for number in range(60):
        answer_id = ""
        stream = events(server, f"What does rule {number} say about leave?")
        for name, data in stream:
            answer_id = data.get("answer_id", answer_id)
            if name == "delta":
                return answer_id, stream
    raise AssertionError("the model says nothing to anything")


def test_a_cancelled_answer_frees_the_engine(server: Server, engine: Engine) -> None:
    for _ in range(3):
        answer_id, stream = speaking(server)
        server.call("POST", f"/v1/answers/{answer_id}/cancel")
        name, data = list(stream)[-1]
        if name == "error":
            break  # else it had written everything in the moment between
    assert (name, data.get("code")) == ("error", "cancelled")
    assert engine.idle()
    figures = server.request("GET", "/metrics").text
    assert 'footnote_generator_requests{state="running"} 0.0' in figures


def test_an_engine_killed_in_the_middle_costs_one_answer_and_not_the_server(server: Server, engine: Engine) -> None:
    assert server.process is not None
    for _ in range(3):
        family = engine.family()
        _, stream = speaking(server)
        engine.kill(family)
        name, data = list(stream)[-1]
        if name == "error":
            break
        engine.wait_up()  # it had written everything in the moment between
        time.sleep(0.6)
    assert (name, data.get("code")) == ("error", "generator_unavailable")
    response = server.request("POST", "/v1/answers", json={"question": "How many days of leave are there?"})
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert server.search("days of leave")  # what needs no model goes on
    assert server.request("GET", "/readyz").json()["missing"] == ["generator"]
    engine.wait_up()  # who watches over it has started it again
    time.sleep(0.6)  # longer than the breaker leaves it alone
    answer = server.ask("How many days of leave are there?")
    assert answer["generator"]["name"] == "tiny"
    assert 'footnote_generator_tokens_total{kind="completion"}' in server.request("GET", "/metrics").text
    assert server.process.poll() is None
