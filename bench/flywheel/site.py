"""The server before a real vLLM, as an owner would set both up, and calls to it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.flywheel.world import OFFERED

ROOT_KEY = secrets.token_urlsafe(24)
NAME = "small"
"""What the engine calls the model."""


@dataclass(kw_only=True)
class Site:
    """A running server; `engine` is the address of vLLM."""

    data: Path
    engine: str
    process: subprocess.Popen[bytes] | None = None
    url: str = ""
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=180.0))

    def start(self, environment: dict[str, str]) -> None:
        """Starts it and returns once it takes uploads; the engine may come later."""
        self.data.mkdir(parents=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
        with (self.data.parent / "server.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--quiet"],
                env={**kept, **environment, "FOOTNOTE_DATA_DIR": str(self.data)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.until(self._listens, 120, "the server listens")

    def _listens(self) -> bool:
        with suppress(OSError, ValueError, KeyError, httpx.HTTPError):
            self.url = json.loads((self.data / "server.json").read_text("utf-8"))["url"]
            return self.request("GET", "/v1/documents").is_success
        return False

    def stop(self) -> None:
        """Ends it as its owner would."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)

    def request(self, method: str, path: str, key: str = ROOT_KEY, **arguments: Any) -> httpx.Response:
        """One request, by this person."""
        return self.client.request(method, f"{self.url}{path}", headers={"Authorization": f"Bearer {key}"}, **arguments)

    def call(self, method: str, path: str, key: str = ROOT_KEY, **arguments: Any) -> Any:
        """The JSON of an answer. Ends the programme where it is a refusal."""
        response = self.request(method, path, key, **arguments)
        if not response.is_success:
            raise SystemExit(f"{method} {path}: {response.status_code} {response.text[:2000]}")
        return response.json() if response.content else None

    def until(self, met: Callable[[], bool], seconds: float, what: str) -> None:
        """Waits. Ends the programme where that takes longer."""
        deadline = time.monotonic() + seconds
        while not met():
            if self.process is not None and self.process.poll() is not None:
                log = (self.data.parent / "server.log").read_text("utf-8", "replace")
                raise SystemExit(f"The server ended by itself:\n{log[-3000:]}")
            if time.monotonic() > deadline:
                raise SystemExit(f"Waited {seconds:.0f} s in vain until {what}.")
            time.sleep(0.1)


def environment(work: Path, model: Path, engine: str, people: list[str]) -> dict[str, str]:
    """The server's settings."""
    keys: list[dict[str, Any]] = [{"key": key, "id": key[:9]} for key in people]
    keys.append({"key": ROOT_KEY, "id": "root", "admin": True})
    return {
        "OMP_NUM_THREADS": "1",
        "FOOTNOTE_AUTH__KEYS": json.dumps(keys),
        "FOOTNOTE_CACHE__ENABLED": "false",
        "FOOTNOTE_AGENTS__SOURCES": str(OFFERED),
        "FOOTNOTE_AGENTS__MAX_TOKENS": "160",
        "FOOTNOTE_SERVING__GENERATOR": "openai_compatible",
        "FOOTNOTE_SERVING__ENDPOINT__BASE_URL": engine,
        "FOOTNOTE_SERVING__ENDPOINT__MODEL": NAME,
        "FOOTNOTE_SERVING__ENDPOINT__FLAVOUR": "vllm",
        "FOOTNOTE_SERVING__ENDPOINT__FIRST_TOKEN_SECONDS": "120",
        "FOOTNOTE_SERVING__ENGINE__MODEL": str(model),
        "FOOTNOTE_SERVING__ENGINE__SERVED_NAME": NAME,
        "FOOTNOTE_SERVING__ENGINE__MAX_LORA_RANK": "8",
        "FOOTNOTE_FINETUNE__ANCHORS": str(work / "anchors.jsonl"),
        "FOOTNOTE_FINETUNE__CURATE__SPLIT__TEST": "0.2",
        "FOOTNOTE_FINETUNE__CURATE__SPLIT__VALIDATION": "0.05",
        "FOOTNOTE_FINETUNE__RUNS__AT_ONCE": "2",
        "FOOTNOTE_FINETUNE__ROLLOUT__AT_ONCE": "8",
    }
