"""A server that is played, for what the command line asks of one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Stage:
    """`says` is what a request is answered with, by "METHOD /path" without the query: a body, several in turn (the last
    one stays), or a status with a body. `asked` are the requests, with what was sent."""

    says: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def answer(self, request: str) -> tuple[int, Any]:
        found = self.says.get(request.partition("?")[0], (404, {"detail": "There is no such thing."}))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return found if isinstance(found, tuple) else (200, found)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The server that commands find."""
    made = Stage()

    class Played(BaseHTTPRequestHandler):
        def played(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.asked.append((f"{self.command} {self.path}", json.loads(sent) if sent else None))
            status, body = made.answer(f"{self.command} {self.path}")
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Played, f"do_{method}", Played.played)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Played)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("FOOTNOTE_URL", f"http://127.0.0.1:{server.server_port}")
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
