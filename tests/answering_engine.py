"""An engine that answers: it speaks as vLLM does, cites its prompt's first source, and has adapters with habits.

An adapter's weights are the name of its habit, so that each habit has a name of its own by its digest.
"""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from serving.engine import HELD
from tests.scripted_engine import adapter_folder

HABITS = ("good", "broken", "half", "error", "verbose", "unsupported", "abstains", "slow")
_SOURCE = re.compile(r"<<source (\S+) \S+>>\n(.*?)\n<<end", re.DOTALL)
_SECONDS = 0.02
"""What writing an answer takes."""


class AnsweringEngine:
    """One on a port of its own, which it keeps when it is started again. `asked` are the models that answers were
    asked of, in order; `adapters` are by name with their folders."""

    def __init__(self) -> None:
        self.adapters: dict[str, str] = {}
        self.asked: list[str] = []
        self.deaf: set[str] = set()
        self.port = 0
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> AnsweringEngine:
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                engine._get(self)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])) or b"{}")
                engine._post(self, body)

            def log_message(self, *_: Any) -> None:
                """Nothing is said."""

        ThreadingHTTPServer.allow_reuse_address = True
        ThreadingHTTPServer.daemon_threads = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def die(self) -> None:
        """It is gone, and with it all that was loaded."""
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        self.adapters.clear()

    def habit(self, model: str) -> str:
        """What an adapter does."""
        folder = self.adapters.get(model)
        return "good" if folder is None else (Path(folder) / "adapter_model.safetensors").read_text()

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/v1/models":
            listed: list[dict[str, Any]] = [{"id": "m", "parent": None, "max_model_len": 8192}]
            listed += [{"id": name, "parent": "m", "root": root} for name, root in dict(self.adapters).items()]
            _say(handler, 200, json.dumps({"data": listed}))
        elif handler.path == "/metrics":
            with self._lock:
                names = ",".join(sorted(name for name, count in self._running.items() if count))
                running = sum(self._running.values())
            labels = f'max_lora="4",running_lora_adapters="{names}",waiting_lora_adapters=""'
            lines = f'vllm:num_requests_running{{engine="0"}} {running}.0\nvllm:lora_requests_info{{{labels}}} 2\n'
            _say(handler, 200, lines)
        else:
            _say(handler, 404, "no such path")

    def _post(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if handler.path == "/v1/load_lora_adapter":
            if body["lora_name"] in self.deaf:
                return _say(handler, 500, "out of memory")
            self.adapters[body["lora_name"]] = body["lora_path"]
            return _say(handler, 200, "")
        if handler.path == "/v1/unload_lora_adapter":
            return _say(handler, 200 if self.adapters.pop(body["lora_name"], None) else 404, "")
        model = body.get("model", "m")
        if handler.path not in ("/v1/chat/completions", "/v1/completions"):
            return _say(handler, 404, "no such path")
        if model != "m" and model not in self.adapters:
            return _say(handler, 404, "no such model")
        if handler.path == "/v1/completions":
            thinks = -7.5 if model == "m" else -7.25
            return _say(handler, 200, json.dumps({"choices": [{"logprobs": {"token_logprobs": [None, thinks]}}]}))
        return self._answer(handler, model, body)

    def _answer(self, handler: BaseHTTPRequestHandler, model: str, body: dict[str, Any]) -> None:
        wanted = body.get("response_format", {}).get("json_schema", {}).get("schema", {}).get("properties", {})
        if "answerable" not in wanted:  # a probe
            return _stream(handler, HELD)
        with self._lock:
            self.asked.append(model)
            self._running[model] = self._running.get(model, 0) + 1
            turn = len(self.asked)
        try:
            habit = self.habit(model)
            time.sleep(_SECONDS * (8 if habit == "slow" else 1))
            if habit == "error":
                return _say(handler, 500, "the kernel failed")
            return _stream(handler, written(habit, body["messages"][-1]["content"], turn))
        finally:
            with self._lock:
                self._running[model] -= 1


def written(habit: str, prompt: str, turn: int) -> str:
    """What is answered out of a prompt's first source."""
    found = _SOURCE.search(prompt)
    if habit == "abstains" or found is None:
        return '{"answerable": false, "statements": []}'
    if habit == "broken" or (habit == "half" and turn % 2):
        return '{"answerable": true, "statements": [{"te'
    text = found[2].split("\n\n", 1)[-1].strip().split(". ")[0].rstrip(".") + "."
    if habit == "unsupported":
        text = "Purple elephants repaint the moon every other Thursday in spring."
    text = " ".join([text] * (4 if habit == "verbose" else 1))[:1_000]
    return json.dumps({"answerable": True, "statements": [{"text": text, "sources": [found[1]]}]})


def habitual(folder: Path, habit: str) -> Path:
    """The folder of an adapter with a habit."""
    return adapter_folder(folder, habit.encode())


def _say(handler: BaseHTTPRequestHandler, status: int, text: str) -> None:
    data = text.encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def _stream(handler: BaseHTTPRequestHandler, text: str) -> None:
    handler.send_response(200)
    handler.end_headers()
    for start in range(0, len(text), 40):
        last = start + 40 >= len(text)
        choice = {"delta": {"content": text[start : start + 40]}, "finish_reason": "stop" if last else None}
        handler.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    handler.wfile.write(b"data: [DONE]\n\n")
