"""Another index takes over under a running server: it reads on, uploads wait, and a restart ends both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Server

pytestmark = pytest.mark.timeout(600)

OTHER = {"FOOTNOTE_INGESTION__CHUNKING__MAX_TOKENS": "128"}
"""Settings that the running server was not started with, and that another index is built under."""


def footnote(data: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        env={**kept, **environment, "FOOTNOTE_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def long_text(word: str, lines: int) -> bytes:
    return "\n\n".join(f"The {word} number {n} was checked on day {n * 7}." for n in range(lines)).encode()


def until(server: Server, job_id: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 240
    while not wanted(job := server.call("GET", f"/v1/jobs/{job_id}")):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def waits(job: dict[str, Any]) -> bool:
    return bool(job["stage"] == "waiting_for_restart")


def test_uploads_wait_for_the_restart_and_reading_goes_on(new_server: Callable[..., Server], tmp_path: Path) -> None:
    server = new_server("data").start()
    server.ingest("rule.md", b"# Rule\n\nThe limit of the zorblax is 100 units.\n")
    gone = server.ingest("gone.md", b"# Gone\n\nThe limit of the quorbin is 7 units.\n")
    # In hand while the index is rebuilt: it begins under the old settings and ends under the new ones.
    caught = server.upload("caught.txt", long_text("flimwick", 5000))
    until(server, caught["job_id"], lambda job: job["status"] == "running")

    rebuilt = footnote(server.data, "reindex", **OTHER)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert server.url in rebuilt.stdout

    ready = server.request("GET", "/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert list(ready.json()["notes"]) == ["restart_needed"]
    assert "100 units" in server.search("limit of the zorblax")[0]["text"]
    late = server.upload("late.md", b"# Late\n\nThe limit of the snorkack is 3 units.\n")
    server.call("DELETE", f"/v1/documents/{gone['document_id']}")
    assert all("quorbin" not in hit["text"] for hit in server.search("limit of the quorbin"))
    put_back = until(server, caught["job_id"], waits)
    assert (put_back["status"], put_back["error"]) == ("queued", None)
    untouched = server.call("GET", f"/v1/jobs/{late['job_id']}")
    assert (untouched["status"], untouched["stage"], untouched["attempts"]) == ("queued", "waiting_for_restart", 0)
    assert "restarted" in untouched["detail"]

    (tmp_path / "more.md").write_text("# More\n\nThe limit of the wrackspurt is 9 units.\n")
    more = footnote(server.data, "ingest", str(tmp_path / "more.md"), "--json", **OTHER)
    assert (more.returncode, json.loads(more.stdout)["waiting"]) == (1, ["more.md"])
    examined = footnote(server.data, "doctor", "--json", **OTHER)
    said = {(each["what"], each["state"]): each["says"] for each in json.loads(examined.stdout)}
    assert examined.returncode == 0
    assert "restarted" in said["server", "warning"]
    assert ("index", "ok") in said

    server.stop()
    server.environment = OTHER
    server.start()
    for upload in (caught, late):
        assert server.job(upload["job_id"])["status"] == "succeeded"
    assert "3 units" in server.search("limit of the snorkack")[0]["text"]
    assert "flimwick" in server.search("flimwick number 17")[0]["text"]
    assert all("quorbin" not in hit["text"] for hit in server.search("limit of the quorbin", limit=50))
    assert server.call("GET", "/readyz")["notes"] == {}
    jobs = server.call("GET", "/v1/jobs", params={"limit": 100})["items"]
    server_jobs = [until(server, job["id"], lambda job: job["status"] == "succeeded") for job in jobs]
    assert len(server_jobs) == 6


def test_old_settings_wait_for_the_new_ones(new_server: Callable[..., Server]) -> None:
    """The worker dies after the switch: the one that follows it cannot work, and neither gives up nor takes a job."""
    server = new_server("data").start()
    server.ingest("rule.md", b"# Rule\n\nThe limit of the zorblax is 100 units.\n")
    rebuilt = footnote(server.data, "reindex", **OTHER)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert "1/1" in rebuilt.stderr
    worker = server.child("worker")
    assert worker is not None
    worker.kill()
    worker.wait()
    late = server.upload("late.md", b"# Late\n\nThe limit of the snorkack is 3 units.\n")
    deadline = time.monotonic() + 60
    while "takes no jobs" not in server.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert waits(server.call("GET", f"/v1/jobs/{late['job_id']}"))
    assert httpx.get(f"{server.url}/readyz").json()["workers"]["worker 0"].startswith("running, 1 ")

    server.stop()
    server.environment = OTHER
    server.start()
    assert server.job(late["job_id"])["status"] == "succeeded"
