"""A call that sends waits for its person: the server is killed, days go by, it is killed again right after the word.

Exactly one message arrives, as the one who receives it counts and as the ledger does; where nobody decided, none.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.flow.conftest import Server

AGENTS = """
agents:
  clerk:
    description: Sends messages.
    prompt: Send what you are told to.
    tools: [mcp_post_send]
"""
POST = """
import sys
import urllib.request
from mcp.server.mcpserver import MCPServer

server = MCPServer("post")

@server.tool(description="Sends a message.")
def send(text: str) -> str:
    urllib.request.urlopen(sys.argv[1], data=text.encode(), timeout=60).read()
    return "The message has left."

server.run("stdio")
"""
OVER = ("The message has left.", "It has arrived.", "Nobody decided in time.")
PATIENCE = 90.0


class Outside:
    """The model that writes the steps, and whoever the messages go to."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.answered = threading.Event()  # until then nobody who sends is told that it arrived
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *said: Any) -> None: ...

            def do_GET(self) -> None:
                self.say(json.dumps({"data": [{"id": "scripted"}]}))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                if self.path == "/inbox":
                    outside.arrived.append(body)
                    outside.answered.wait(60)
                    return self.say("thanks")
                chunk = {"choices": [{"delta": {"content": written(body)}, "finish_reason": "stop"}]}
                return self.say(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n")

            def say(self, text: str) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text.encode())

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.answered.set()
        self.server.shutdown()
        self.server.server_close()


def written(body: str) -> str:
    """The next step: send it; once that is settled, say so."""
    prompt = "\n".join(message["content"] for message in json.loads(body)["messages"])
    if any(said in prompt for said in OVER):
        action = {"tool": "answer", "answer": {"answerable": False, "statements": []}}
    else:
        name = re.findall(r"Send a message to (\w+)\.", prompt)[-1]
        action = {"tool": "mcp_post_send", "arguments": {"text": f"Hello {name}."}}
    return json.dumps({"thought": "I do it.", "action": action})


@pytest.fixture
def outside() -> Iterator[Outside]:
    made = Outside()
    yield made
    made.close()


@pytest.fixture
def server(new_server: Callable[..., Server], outside: Outside, tmp_path: Path) -> Server:
    (tmp_path / "agents.yaml").write_text(AGENTS)
    (tmp_path / "post.py").write_text(POST)
    program = {"command": sys.executable, "args": [str(tmp_path / "post.py"), f"{outside.url}/inbox"]}
    return new_server(
        FOOTNOTE_AGENTS__FILE=str(tmp_path / "agents.yaml"),
        FOOTNOTE_AGENTS__MCP__SERVERS=json.dumps({"post": program}),
        FOOTNOTE_SERVING__GENERATOR="openai_compatible",
        FOOTNOTE_SERVING__ENDPOINT__BASE_URL=f"{outside.url}/v1",
        FOOTNOTE_SERVING__ENDPOINT__MODEL="scripted",
    ).start()


def until(there: Callable[[], Any]) -> Any:
    """What is there once it is."""
    deadline = time.monotonic() + PATIENCE
    while not (found := there()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
    return found


def has_clerk(server: Server) -> bool:
    """Whether agents have started, and the tool of the one that sends is there."""
    found = server.request("POST", "/v1/assistants/search", json={})
    return found.is_success and "clerk" in {each["name"] for each in found.json()}


def state(server: Server, thread: str) -> dict[str, Any]:
    told: dict[str, Any] = server.call("GET", f"/v1/threads/{thread}/state")
    return told


def status(server: Server, thread: str) -> str:
    return str(server.call("GET", f"/v1/threads/{thread}")["status"])


def asked_to_send(server: Server, name: str) -> str:
    """A thread whose run waits for a word on its message."""
    thread = str(server.call("POST", "/v1/threads", json={})["thread_id"])
    body = {"assistant_id": "clerk", "input": {"task": f"Send a message to {name}."}}
    server.call("POST", f"/v1/threads/{thread}/runs", json=body)
    until(lambda: status(server, thread) == "interrupted")
    [asked] = state(server, thread)["interrupts"]
    assert asked["value"]["kind"] == "approval"
    assert asked["value"]["action_requests"][0]["args"] == {"text": f"Hello {name}."}
    return thread


def decide(server: Server, thread: str, decision: dict[str, Any]) -> int:
    """The status with which the word was taken."""
    interrupts = state(server, thread)["interrupts"]
    named = interrupts[0]["id"] if interrupts else "gone"
    body = {"assistant_id": "clerk", "command": {"resume": {named: {"decisions": [decision]}}}}
    return server.request("POST", f"/v1/threads/{thread}/runs", json=body).status_code


def settled(server: Server, outside: Outside, thread: str, name: str) -> list[str]:
    """The kinds of questions until the run is over. Of what nobody knows, the person asks the one who receives."""
    kinds = []
    while until(lambda: (now := status(server, thread)) in ("idle", "interrupted") and now) == "interrupted":
        [asked] = state(server, thread)["interrupts"]
        kinds.append(asked["value"]["kind"])
        assert kinds[-1] == "unknown_outcome", "the word on the message was given"
        arrived = f"Hello {name}." in outside.arrived
        said = {"type": "respond", "message": "It has arrived."} if arrived else {"type": "approve"}
        assert decide(server, thread, said) == 200
        until(lambda known=asked: state(server, thread)["interrupts"] != [known])
    return kinds


def days_go_by(data: Path, days: int) -> None:
    """All that hangs on the time of a thread that waits lies so much longer ago: the clock has moved.

    When it was made stays: its checkpoints are named by that.
    """
    passed = timedelta(days=days) // timedelta(microseconds=1)
    with closing(sqlite3.connect(data / "footnote.sqlite")) as database, database:
        for table, moment in (("approvals", "created_at"), ("approvals", "expires_at"), ("threads", "updated_at")):
            database.execute(f"UPDATE {table} SET {moment} = {moment} - {passed}")


def ledger(data: Path) -> list[tuple[str, int]]:
    """What was begun, and how often."""
    with closing(sqlite3.connect(data / "footnote.sqlite")) as database:
        rows = database.execute("SELECT arguments, begun FROM effects ORDER BY arguments").fetchall()
    return [(json.loads(arguments)["text"], begun) for arguments, begun in rows]


@pytest.mark.timeout(300)
def test_a_message_leaves_once_whatever_dies_and_however_late_the_word(server: Server, outside: Outside) -> None:
    until(lambda: has_clerk(server))
    ada, bob, eve = (asked_to_send(server, name) for name in ("Ada", "Bob", "Eve"))
    server.kill()
    days_go_by(server.data, 1)
    server.start()
    until(lambda: has_clerk(server))
    assert [status(server, each) for each in (ada, bob, eve)] == ["interrupted"] * 3
    assert outside.arrived == []

    assert decide(server, ada, {"type": "approve"}) == 200
    until(lambda: outside.arrived)  # and nobody was told of it yet
    assert decide(server, bob, {"type": "approve"}) == 200
    server.kill()
    outside.answered.set()
    days_go_by(server.data, 3)
    server.start()
    until(lambda: has_clerk(server))
    assert settled(server, outside, ada, "Ada") == ["unknown_outcome"], "it had left, and nobody knew"
    settled(server, outside, bob, "Bob")
    assert sorted(outside.arrived) == ["Hello Ada.", "Hello Bob."]

    until(lambda: status(server, eve) == "idle")
    assert decide(server, eve, {"type": "approve"}) == 409
    [step, last] = state(server, eve)["values"]["steps"]
    assert (step["tool"], step["decision"], step["failure"]) == ("mcp_post_send", "reject", "refused")
    assert "Nobody decided in time." in step["observation"]
    assert last["tool"] == "answer"
    audit = server.call("GET", "/v1/audit")["items"]
    assert [(each["decision"], each["decided_by"]) for each in audit if each["thread_id"] == eve] == [
        ("expired", "nobody")
    ]
    assert sorted(outside.arrived) == ["Hello Ada.", "Hello Bob."]
    server.stop()
    known = ledger(server.data)
    assert [text for text, _ in known] == ["Hello Ada.", "Hello Bob."]
    assert known[0][1] == 1
