"""A server that loads and unloads adapters as vLLM does, with a model that writes what a probe wants to read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.engine import HELD


@dataclass(kw_only=True)
class ScriptedEngine:
    """`adapters` by name with their folders; `running` are those that requests are written with. It refuses to load
    where it `refuses`, and writes what it `says`. The base holds a word as likely as it `thinks`, adapters
    from an `idle` folder just so."""

    url: str = ""
    adapters: dict[str, str] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    refuses: bool = False
    healthy: bool = True
    says: str = HELD
    thinks: str = "-7.5"
    idle: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next(
                (line.split(": ")[1] for line in head.split("\r\n") if line.startswith("content-length")), "0"
            )
            body = await reader.readexactly(int(length))
            status, text = self._respond(head.split()[1], json.loads(body) if body else {})
            writer.write(f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n{text}".encode())
            await writer.drain()
        finally:
            writer.close()

    def _respond(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        self.asked.append(path)
        if path == "/v1/models":
            listed = [{"id": "m", "parent": None, "max_model_len": 8192}]
            listed += [{"id": name, "parent": "m", "root": root} for name, root in self.adapters.items()]
            return 200, json.dumps({"data": listed})
        if path == "/health":
            return (200, "") if self.healthy else (503, "")
        if path == "/metrics":
            return 200, self._metrics()
        if path == "/v1/load_lora_adapter":
            if not self.refuses:
                self.adapters[body["lora_name"]] = body["lora_path"]
            return (400, "no adapter") if self.refuses else (200, "")
        if path == "/v1/unload_lora_adapter":
            return (200, "") if self.adapters.pop(body["lora_name"], None) else (404, "")
        if body["model"] != "m" and body["model"] not in self.adapters:
            return 404, "no such model"
        if path == "/v1/completions":
            plain = self.adapters.get(body["model"], "m") in {"m", *self.idle}
            thinks = self.thinks if plain else "-7.25"
            return 200, f'{{"choices": [{{"logprobs": {{"token_logprobs": [null, {thinks}]}}}}]}}'
        assert path == "/v1/chat/completions", path
        chunk = {"choices": [{"delta": {"content": self.says}, "finish_reason": "stop"}]}
        return 200, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"

    def _metrics(self) -> str:
        """As vLLM tells of itself; an older line of the same stays beside the newest."""
        names = ",".join(sorted(self.running))
        info = 'vllm:lora_requests_info{max_lora="4",running_lora_adapters="%s",waiting_lora_adapters=""} %s\n'
        return (
            f'vllm:num_requests_running{{engine="0"}} {len(self.running)}.0\n' + info % ("old@1", 1) + info % (names, 2)
        )


@asynccontextmanager
async def scripted_engine(**how: Any) -> AsyncIterator[ScriptedEngine]:
    """One on a free port."""
    made = ScriptedEngine(**how)
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield made
    finally:
        server.close()


def adapter_folder(folder: Path, weights: bytes = b"weights") -> Path:
    """A folder that looks like one that PEFT saved."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder
