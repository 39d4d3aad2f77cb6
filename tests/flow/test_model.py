"""A whole server over a real vLLM, in few words: `footnote adapters` at work, and the model as judge of its words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine_process import Engine
from tests.flow.conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that adapters may be loaded from."""
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="module")
def server(engine: Engine, adapters: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It answers by the model of random weights, which judges itself."""
    given = {
        "SERVING__GENERATOR": "openai_compatible",
        "SERVING__ENDPOINT__BASE_URL": engine.url,
        "SERVING__ENDPOINT__MODEL": "tiny",
        "SERVING__ENDPOINT__FLAVOUR": "vllm",
        "SERVING__ADAPTERS__DIRECTORY": str(adapters),
        "AGENTS__OUTPUT__MAX_STATEMENTS": "1",
        "AGENTS__OUTPUT__MAX_STATEMENT_CHARS": "40",
        "AGENTS__OUTPUT__MAX_CITATIONS": "1",
        "AGENTS__JUDGE__KIND": "generator",
        "AGENTS__JUDGE__SECONDS": "120",
        "AGENTS__JUDGE__REASON_CHARS": "20",
    }
    environment = {f"FOOTNOTE_{name}": value for name, value in given.items()}
    made = Server(data=tmp_path_factory.mktemp("model") / "data", environment=environment)
    try:
        made.start().ingest("leave.md", b"# Leave\n\nEveryone has 28 days of leave.\n")
        yield made
    finally:
        made.stop()


def test_an_adapter_is_loaded_asked_for_and_unloaded(server: Server, engine: Engine, adapters: Path) -> None:
    def footnote(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "app.cli", "adapters", *words]
        given = {**os.environ, "FOOTNOTE_URL": server.url}
        ended = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=300)
        return ended.returncode, ended.stdout.strip()

    shutil.copytree(engine.folder / "a", adapters / "hr" / "v1")
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


def test_the_model_judges_what_it_wrote(server: Server) -> None:
    for number in range(60):  # it often says nothing
        answer = server.ask(f"What does rule {number} say about leave?")
        if answer["statements"]:
            break
    (statement,) = answer["statements"]
    assert answer["degraded"] == []
    assert (statement["support"], statement["supported"]) in {(1.0, True), (0.5, False), (0.0, False)}
    (verdict,) = server.call("GET", f"/v1/answers/{answer['id']}/trace")["verdicts"]
    assert (verdict["method"], verdict["support"]) == ("generator", statement["support"])
    assert len(verdict["reason"] or "") <= 20
