"""A restored backup has no index: it is put together again, whatever comes between; no answer rests on half of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Server

pytestmark = pytest.mark.timeout(600)

NAMES = [f"gadget{number}" for number in range(10)]


def footnote(data: Path, *words: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        env={**kept, "FOOTNOTE_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_restored_index_becomes_whole_and_commands_wait_for_it(
    new_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = new_server("data").start()
    begun = [
        server.upload(f"{name}.md", f"# {name}\n\nThe limit of the {name} is {number} units.\n".encode())
        for number, name in enumerate(NAMES)
    ]
    for upload in begun:
        assert server.job(upload["job_id"])["status"] == "succeeded"
    footnote(server.data, "backup", str(tmp_path / "backup.tar"))
    server.stop()

    again = new_server("again")
    footnote(again.data, "restore", str(tmp_path / "backup.tar"))
    again.launch()  # killed in the middle of putting things back
    deadline = time.monotonic() + 120
    while "putting" not in again.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    again.kill()

    # A server that lives for one command only; it is asked for everything at once.
    found = json.loads(footnote(again.data, "search", "the limit of the gadget", "--limit", "50", "--json"))
    assert found["degraded"] == []
    assert {hit["title"] for hit in found["hits"]} == set(NAMES)
    assert len(found["hits"]) == len(NAMES)

    again.start()
    assert again.call("GET", "/readyz")["notes"] == {}


def test_a_command_after_a_restore_asks_the_whole_index(new_server: Callable[..., Server], tmp_path: Path) -> None:
    """The first command after a restore, with nothing put back before it."""
    server = new_server("data").start()
    server.ingest("rule.md", b"# Rule\n\nThe limit of the zorblax is 100 units.\n")
    footnote(server.data, "backup", str(tmp_path / "backup.tar"))
    server.stop()
    again = new_server("again")
    footnote(again.data, "restore", str(tmp_path / "backup.tar"))
    answer = json.loads(footnote(again.data, "ask", "What is the limit of the zorblax?", "--json"))
    assert (answer["answerable"], answer["degraded"]) == (True, [])
    assert "100 units" in answer["statements"][0]["text"]
