"""Undo on a real server: gone from every answer at once, back at once and whole, and never back by itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Server

RULE = b"# Rule\n\nThe limit of the zorblax is 100 units.\n"
QUESTION = "limit of the zorblax"


def found(server: Server) -> bool:
    return "100 units" in " ".join(hit["text"] for hit in server.search(QUESTION, limit=20))


def strike(server: Server, word: str) -> None:
    """kill -9 of one of the server's processes; those of its children come back by themselves."""
    if word == "server":
        server.kill()
        server.start()
        return
    process = server.child(word)
    assert process is not None
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
        process.wait(10)


@pytest.mark.timeout(600)
def test_a_deletion_is_undone_whatever_is_killed_in_between(new_server: Callable[..., Server]) -> None:
    server = new_server(FOOTNOTE_HTTP__UNDO_SECONDS="600").start()
    begun = server.ingest("rule.md", RULE)
    url = f"/v1/documents/{begun['document_id']}"
    before = server.call("GET", url), server.call("GET", f"{url}/chunks"), server.call("GET", f"{url}/versions")
    for victim in ("worker", "edge_process", "server"):
        assert found(server)
        server.call("DELETE", url)
        assert not found(server)
        assert not server.ask("What is the limit of the zorblax?")["answerable"]
        strike(server, victim)
        server.wait_ready()
        assert not found(server)
        assert server.request("GET", url).status_code == 404
        server.call("POST", f"{url}/restore")
        after = server.call("GET", url), server.call("GET", f"{url}/chunks"), server.call("GET", f"{url}/versions")
        assert after == before
        assert found(server), victim
        assert server.request("GET", f"{url}/content").content == RULE


@pytest.mark.timeout(600)
def test_once_its_time_is_over_nothing_is_left(new_server: Callable[..., Server]) -> None:
    server = new_server(FOOTNOTE_HTTP__UNDO_SECONDS="3").start()
    begun = server.ingest("rule.md", RULE)
    blobs = server.data / "blobs"
    kept = server.ingest("other.md", b"# Other\n\nThe colour of the flimwick is teal.\n")
    deleted = server.call("DELETE", f"/v1/documents/{begun['document_id']}")
    assert server.call("GET", f"/v1/jobs/{deleted['job_id']}")["status"] == "queued"
    assert len(files(blobs)) == 2
    strike(server, "worker")
    assert server.job(deleted["job_id"])["status"] == "succeeded"
    assert len(files(blobs)) == 1
    assert len(files(server.data / "artefacts")) == 3  # blocks, passages and vectors of the one that stays
    assert server.request("POST", f"/v1/documents/{begun['document_id']}/restore").status_code == 404
    assert not found(server)
    assert server.call("GET", f"/v1/documents/{kept['document_id']}")["chunks"] == 1


@pytest.mark.timeout(600)
def test_an_upload_in_hand_is_read_on_after_all(new_server: Callable[..., Server]) -> None:
    server = new_server(FOOTNOTE_HTTP__UNDO_SECONDS="600").start()
    long = b"# Long\n\n" + b"".join(b"The pump number %d was checked.\n\n" % number for number in range(4_000))
    begun = server.upload("long.md", long)
    deadline = time.monotonic() + 60
    while server.call("GET", f"/v1/jobs/{begun['job_id']}")["stage"] != "embed" and time.monotonic() < deadline:
        time.sleep(0.05)
    server.call("DELETE", f"/v1/documents/{begun['document_id']}")
    assert server.job(begun["job_id"])["status"] == "cancelled"
    server.call("POST", f"/v1/documents/{begun['document_id']}/restore")
    job = server.job(begun["job_id"])
    assert (job["status"], job["attempts"]) == ("succeeded", 2)
    assert server.call("GET", f"/v1/documents/{begun['document_id']}")["chunks"] > 0


def files(folder: Path) -> list[Path]:
    """Blobs or artefacts: what lies in folders named by two hexadecimal digits."""
    return [path for path in folder.glob("[0-9a-f][0-9a-f]/**/*") if path.is_file() and not path.name.startswith(".")]
