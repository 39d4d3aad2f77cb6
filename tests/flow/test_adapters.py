"""`footnote adapters` against a whole server over a real vLLM: loaded, listed, asked for, unloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine_process import Engine

if TYPE_CHECKING:
    from tests.flow.conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def server(new_server: Callable[..., Server], engine: Engine, tmp_path: Path) -> Server:
    """It answers by the model of random weights, in a few words."""
    given = {
        "SERVING__GENERATOR": "openai_compatible",
        "SERVING__ENDPOINT__BASE_URL": engine.url,
        "SERVING__ENDPOINT__MODEL": "tiny",
        "SERVING__ENDPOINT__FLAVOUR": "vllm",
        "SERVING__ADAPTERS__DIRECTORY": str(tmp_path / "adapters"),
        "AGENTS__OUTPUT__MAX_STATEMENTS": "1",
        "AGENTS__OUTPUT__MAX_STATEMENT_CHARS": "40",
        "AGENTS__OUTPUT__MAX_CITATIONS": "1",
    }
    made = new_server(**{f"FOOTNOTE_{name}": value for name, value in given.items()}).start()
    made.ingest("leave.md", b"# Leave\n\nEveryone has 28 days of leave.\n")
    return made


def test_an_adapter_is_loaded_asked_for_and_unloaded(server: Server, engine: Engine, tmp_path: Path) -> None:
    def footnote(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "app.cli", "adapters", *words]
        given = {**os.environ, "FOOTNOTE_URL": server.url}
        ended = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=300)
        return ended.returncode, ended.stdout.strip()

    shutil.copytree(engine.folder / "a", tmp_path / "adapters" / "hr" / "v1")
    code, said = footnote("load", "hr", "hr/v1")
    name = said.removeprefix("loaded ")
    assert (code, name.startswith("hr@")) == (0, True)
    code, table = footnote()
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in table.splitlines()}
    assert rows["tiny"] == "the model itself answers by default"
    assert rows[name] == rows["a"] == "1 of 1"
    answers = [server.ask("How many days of leave?", adapter=each) for each in (name, "tiny")]
    assert [each["generator"]["adapter"] for each in answers] == [name, None]
    assert footnote("unload", name) == (0, f"unloaded {name}")
    assert server.call("GET", "/v1/adapters")["items"] == [
        {"name": each, "everywhere": True, "default": False} for each in ("a", "b")
    ]
    response = server.request("POST", "/v1/answers", json={"question": "Leave?", "adapter": name})
    assert response.status_code == 404
