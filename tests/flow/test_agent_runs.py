"""LangGraph's own client drives runs on a real server, the command line too, and kill -9 takes none of them away."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError

if TYPE_CHECKING:
    from tests.flow.conftest import Server

LEAVE = b"# Leave policy\n\nEvery employee has 28 days of paid leave a year. Five days may be carried over.\n"
AGENTS = """
agents:
  careful:
    description: Asks before it calculates.
    prompt: Work with care.
    tools: [search_documents, read_document, calculate]
    policy: {calculate: ask}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an agent of its owner's, and a document."""
    from tests.flow.conftest import Server

    home = tmp_path_factory.mktemp("agents")
    (home / "agents.yaml").write_text(AGENTS)
    server = Server(data=home / "data", environment={"FOOTNOTE_AGENTS__FILE": str(home / "agents.yaml")})
    try:
        server.start().ingest("leave.md", LEAVE)
        client(server)
        yield server
    finally:
        server.stop()


def client(server: Server) -> Any:
    """LangGraph's client, once the agents have started."""
    while server.request("POST", "/v1/assistants/search", json={}).status_code == 503:
        assert server.process is not None
        assert server.process.poll() is None, server.log.read_text()[-3000:]
        time.sleep(0.1)
    return get_sync_client(url=f"{server.url}/v1", api_key=None)


def text_of(values: dict[str, Any]) -> str:
    return " ".join(statement["text"] for statement in values["answer"]["statements"])


def test_a_run_is_streamed_waited_for_joined_and_cancelled(running: Server) -> None:
    graph = client(running)
    assert {"careful", "coordinator"} <= {each["name"] for each in graph.assistants.search()}
    thread = graph.threads.create(metadata={"from": "test"})["thread_id"]
    begun: list[Any] = []
    parts = list(
        graph.runs.stream(
            thread,
            "coordinator",
            input={"messages": [{"role": "user", "content": "How many days of paid leave does an employee have?"}]},
            stream_mode=["values", "updates", "custom"],
            on_run_created=begun.append,
        )
    )
    assert [parts[0].event, parts[-1].event] == ["metadata", "end"]
    assert begun[0]["run_id"] == parts[0].data["run_id"]
    final = [part.data for part in parts if part.event == "values"][-1]
    assert "28 days" in text_of(final)
    assert final["sources"][0]["title"] == "Leave policy"
    again = list(graph.runs.join_stream(thread, begun[0]["run_id"], stream_mode=["values"], last_event_id=parts[3].id))
    assert [part.data for part in again if part.event == "values"][-1] == final
    values = graph.runs.wait(thread, "researcher", input={"task": "How many days may be carried over?"})
    assert "Five days" in text_of(values)
    assert [message["type"] for message in values["messages"]] == ["human", "ai", "human", "ai"]
    assert graph.threads.get_state(thread)["values"]["answer"] == values["answer"]
    assert len(graph.threads.get_history(thread, limit=3)) == 3
    assert [run["status"] for run in graph.runs.list(thread)] == ["success", "success"]
    later = graph.runs.create(thread, "careful", input={"task": "1 + 1"}, after_seconds=600)
    graph.runs.cancel(thread, later["run_id"], wait=True)
    assert graph.runs.get(thread, later["run_id"])["status"] == "interrupted"
    assert graph.threads.search(metadata={"from": "test"})[0]["status"] == "idle"
    graph.threads.delete(thread)
    assert graph.threads.search(metadata={"from": "test"}) == []


def test_the_client_looks_at_graphs_and_earlier_states_and_copies(running: Server) -> None:
    graph = client(running)
    assert graph.http.get("/ok") == {"ok": True}
    info = graph.http.get("/info")
    assert (info["flags"]["assistants"], info["flags"]["crons"], info["flags"]["strict_resume"]) == (True, False, True)
    agent = graph.assistants.search(name="researcher")[0]["assistant_id"]
    drawn = graph.assistants.get_graph(agent, xray=True)
    assert {"source": "__start__", "target": "reason"} in drawn["edges"]
    assert "messages" in graph.assistants.get_schemas(agent)["input_schema"]["properties"]
    assert graph.assistants.get_subgraphs(agent, namespace="act", recurse=True) == {}
    assert graph.assistants.get_subgraphs("researcher") == {}
    assert [each["version"] for each in graph.assistants.get_versions(agent)] == [1]

    thread = graph.threads.create(ttl=60, graph_id="researcher")["thread_id"]
    lasting = graph.threads.update(thread, metadata={"from": "copied"}, ttl={"ttl": 30, "strategy": "delete"})
    assert lasting["ttl"]["ttl_minutes"] == graph.threads.get(thread, include=["ttl"])["ttl"]["ttl_minutes"] == 30
    config = {"configurable": {"thread_id": thread}, "metadata": {"why": "a test"}, "tags": ["t"]}
    graph.runs.wait(thread, "researcher", input={"task": "How many days of paid leave?"}, config=config)
    assert graph.runs.list(thread)[0]["metadata"] == {"why": "a test"}
    newest, *older = graph.threads.get_history(thread, limit=100)
    assert newest["values"]["answer"]["answerable"]
    assert graph.threads.get_state(thread)["checkpoint"] == newest["checkpoint"]
    assert newest["parent_checkpoint"] == older[0]["checkpoint"]
    before = graph.threads.get_history(thread, before=newest["checkpoint"])
    assert [each["checkpoint"] for each in before] == [each["checkpoint"] for each in older[:10]]
    begun = graph.threads.get_history(thread, metadata={"source": "input"}, limit=100)
    assert [each["metadata"]["source"] for each in begun] == ["input"]
    assert graph.threads.get_history(thread, metadata={"source": "nowhere"}) == []
    first = next(each for each in older if each["values"].get("answer") is None)
    for named in ({"checkpoint": first["checkpoint"]}, {"checkpoint_id": first["checkpoint"]["checkpoint_id"]}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            assert graph.threads.get_state(thread, **named) == first
    with pytest.raises(NotFoundError, match="no such checkpoint"):
        graph.threads.get_state(thread, checkpoint={**first["checkpoint"], "checkpoint_id": "x"})

    copy = graph.threads.copy(thread)["thread_id"]
    values = graph.runs.wait(copy, "researcher", input={"task": "How many days may be carried over?"})
    assert [message["type"] for message in values["messages"]] == ["human", "ai", "human", "ai"]
    assert len(graph.threads.get_state(thread)["values"]["messages"]) == 2, "the other one is as it was"
    assert {each["thread_id"] for each in graph.threads.search(metadata={"from": "copied"})} == {thread, copy}
    assert graph.threads.prune([thread, copy, "none-of-mine"]) == {"pruned_count": 2}


def test_the_client_begins_runs_without_threads_and_hears_what_there_is_not(running: Server) -> None:
    graph = client(running)
    alone = graph.runs.create(None, "researcher", input={"task": "How many days of leave?"}, on_completion="keep")
    assert "28 days" in text_of(graph.runs.join(alone["thread_id"], alone["run_id"]))
    later = {"assistant_id": "researcher", "input": {"task": "x"}, "after_seconds": 600}
    both = graph.runs.create_batch([later, {**later, "thread_id": alone["thread_id"]}])
    assert [run["status"] for run in both] == ["pending", "pending"]
    graph.runs.cancel_many(thread_id=alone["thread_id"], run_ids=[both[1]["run_id"]])
    graph.runs.cancel_many(status="pending")
    assert {graph.runs.get(run["thread_id"], run["run_id"])["status"] for run in both} == {"interrupted"}
    thread = alone["thread_id"]
    for refused, words in (
        (lambda: graph.assistants.create("researcher"), "declared in a file"),
        (lambda: graph.assistants.set_latest("researcher", 2), "one version"),
        (lambda: graph.threads.update_state(thread, {"messages": []}), "what its runs made"),
        (lambda: graph.crons.create("researcher", schedule="* * * * *"), "by the clock"),
        (lambda: graph.store.put_item(["a"], "b", {"c": 1}), "no store for agents"),
        (lambda: graph.runs.create(thread, "researcher", input={"task": "x"}, webhook="http://x"), "`webhook`"),
        (lambda: graph.runs.create(thread, "researcher", input={"task": "x"}, stream_mode="debug"), "there are values"),
    ):
        with pytest.raises(UnprocessableEntityError, match=words):
            refused()
    graph.threads.delete(thread)


def footnote(server: Server, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        env={**os.environ, **server.environment, "FOOTNOTE_DATA_DIR": str(server.data)},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_line_shows_steps_and_asks(running: Server) -> None:
    asked = footnote(running, "agent", "What is 6 * 7?", "--agent", "careful", typed="a\n")
    assert asked.returncode == 0, asked.stderr
    assert "42" in asked.stdout
    assert '"expression": "6 * 7"' in asked.stderr, "the exact arguments"
    left = footnote(running, "agent", "What is 6 * 8?", "--agent", "careful")
    assert left.returncode == 5, "it waits"
    thread = left.stdout.split()[-1]
    assert f"footnote agent --thread {thread}" in left.stderr
    shown = footnote(running, "threads", "show", thread)
    assert "What is 6 * 8?" in shown.stdout
    assert '"expression": "6 * 8"' in shown.stdout, "what it waits for"
    assert f"footnote agent --thread {thread}" in shown.stdout
    over = footnote(running, "agent", "What is 6 * 9?", "--thread", thread)
    assert (over.returncode, "6 * 8" in over.stderr) == (5, True), "an open question is not withdrawn unsaid"
    decided = footnote(running, "agent", "--thread", thread, typed="a\n")
    assert (decided.returncode, "48" in decided.stdout) == (0, True), decided.stderr
    assert "no model wrote this" in decided.stdout
    nothing = footnote(running, "agent", "--thread", thread)
    assert (nothing.returncode, "waits for nothing" in nothing.stderr) == (2, True)
    assert footnote(running, "agent").returncode == 2
    assert thread in footnote(running, "threads", "list").stdout
    unknown = footnote(running, "agent", "x", "--agent", "nobody")
    assert (unknown.returncode, "careful, coder" in unknown.stderr) == (4, True), unknown.stderr
    assert footnote(running, "agent", "What is 6 * 7?", "--agent", "researcher").returncode == 6, "it has no calculator"


def test_runs_outlive_kill_9_and_an_approval_comes_after_it(running: Server) -> None:
    graph = client(running)
    asked = graph.threads.create()["thread_id"]
    waiting = graph.runs.wait(asked, "careful", input={"task": "What is 6 * 7?"})
    assert waiting["__interrupt__"][0]["value"]["action_requests"][0]["args"] == {"expression": "6 * 7"}
    assert graph.threads.get(asked)["status"] == "interrupted"
    thread = graph.threads.create()["thread_id"]
    runs = [graph.runs.create(thread, "coordinator", input={"task": "How many days of leave?"}) for _ in range(4)]
    for part in graph.runs.join_stream(thread, runs[0]["run_id"], stream_mode="custom"):
        if part.event == "custom" and part.data["type"] == "step":
            break
    running.kill()
    graph = client(running.start())
    for run in runs:
        values = graph.runs.join(thread, run["run_id"])
        assert "28 days" in text_of(values)
        steps = running.call("GET", f"/v1/threads/{thread}/runs/{run['run_id']}/steps")["items"]
        assert [step["number"] for step in steps] == list(range(1, len(steps) + 1))
        assert {step["status"] for step in steps} == {"done"}
    old = list(graph.runs.join_stream(thread, runs[0]["run_id"], stream_mode=["custom"]))
    assert old[-1].event == "end"
    edit = {"type": "edit", "edited_action": {"name": "calculate", "args": {"expression": "6 * 9"}}}
    values = graph.runs.wait(asked, "careful", command={"resume": {"decisions": [edit]}})
    assert "54" in text_of(values)
    [entry] = running.call("GET", "/v1/audit", params={"limit": 1})["items"]
    assert (entry["decision"], entry["arguments"], entry["decided_by"]) == ("edit", {"expression": "6 * 9"}, "local")
