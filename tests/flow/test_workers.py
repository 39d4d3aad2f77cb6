"""Several workers on one PostgreSQL: each takes its share, and one that is killed leaves its job to another."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Server, Workers

LONG = "\n\n".join(
    f"## Section {n}\n\n" + " ".join(f"Pump {n}.{m} was checked and its valve number {m} replaced." for m in range(40))
    for n in range(60)
)
READY_SECONDS = 150.0
IN_HAND = "SELECT executor_id FROM dbos.workflow_status WHERE status = 'PENDING'"
END_ALL = (
    "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
ALL_DONE_BY = "SELECT DISTINCT executor_id FROM dbos.workflow_status WHERE status = 'SUCCESS'"


@pytest.fixture
def database(postgres: Any) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def served(
    new_server: Callable[..., Server], new_workers: Callable[..., Workers], database: str
) -> tuple[Server, Workers]:
    """A server that starts no worker, and two that were started beside it."""
    server = new_server(FOOTNOTE_DATABASE_URL=database, FOOTNOTE_JOBS__WORKERS="0", FOOTNOTE_JOBS__EMBED_BATCH="16")
    workers = new_workers(server.start())
    workers.start("one")
    workers.start("two")
    workers.wait_ready(2)
    return server, workers


def asked(database: str, question: str) -> list[str]:
    with psycopg.connect(database) as connection:
        return [row[0] for row in connection.execute(question.encode())]


def worker_of(database: str) -> str:
    """The name of the worker that has the one job in hand."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if found := asked(database, IN_HAND):
            return found[0].rpartition("-")[0]
        time.sleep(0.02)
    pytest.fail("no worker took the job")


def progress(server: Server, job_id: str, over: float) -> None:
    """Waits until a job has come so far."""
    deadline = time.monotonic() + READY_SECONDS
    while server.call("GET", f"/v1/jobs/{job_id}")["progress"] <= over:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_worker_s_job_is_finished_by_another(
    served: tuple[Server, Workers], database: str, tmp_path: Path
) -> None:
    server, workers = served
    begun = server.upload("pumps.md", LONG.encode())
    killed = worker_of(database)
    progress(server, begun["job_id"], 0.35)  # among the batches of its vectors
    workers.send(killed, signal.SIGKILL)
    job = server.job(begun["job_id"])
    assert (job["status"], job["attempts"]) == ("succeeded", 1), workers.log
    (other,) = asked(database, ALL_DONE_BY)
    assert other.rpartition("-")[0] == ({"one", "two"} - {killed}).pop()
    document = server.call("GET", f"/v1/documents/{begun['document_id']}")
    state = server.call("GET", "/v1/stats")
    assert state["server"]["index"]["points"] == document["chunks"] > 100, "every passage once"
    assert any("Pump 59.7 " in hit["text"] for hit in server.search("Pump 59.7 was checked", mode="lexical"))


@pytest.mark.slow
def test_what_is_asked_of_a_job_reaches_whichever_worker_has_it(served: tuple[Server, Workers], database: str) -> None:
    server, workers = served
    begun = server.upload("pumps.md", LONG.encode())
    progress(server, begun["job_id"], 0.35)
    server.call("POST", f"/v1/jobs/{begun['job_id']}/cancel")
    assert server.job(begun["job_id"])["status"] == "cancelled"
    workers.send("one", signal.SIGTERM)  # whichever is left does it, as it does what comes after
    server.call("POST", f"/v1/jobs/{begun['job_id']}/retry")
    job = server.job(begun["job_id"])
    assert (job["status"], job["attempts"]) == ("succeeded", 2), workers.log


@pytest.mark.slow
def test_a_job_outlives_postgresql_s_restart(served: tuple[Server, Workers], database: str) -> None:
    """Every connection ends at once: whoever had the job lost its place, and it is finished all the same, once."""
    server, workers = served
    begun = server.upload("pumps.md", LONG.encode())
    progress(server, begun["job_id"], 0.35)
    asked(database, END_ALL)
    job = server.job(begun["job_id"])
    assert (job["status"], job["attempts"]) == ("succeeded", 1), workers.log
    document = server.call("GET", f"/v1/documents/{begun['document_id']}")
    assert server.call("GET", "/v1/stats")["server"]["index"]["points"] == document["chunks"]


@pytest.mark.slow
def test_two_servers_with_an_index_each_do_not_share_a_database(
    new_server: Callable[..., Server], database: str
) -> None:
    first = new_server(FOOTNOTE_DATABASE_URL=database, FOOTNOTE_JOBS__WORKERS="0").start()
    second = new_server("other", FOOTNOTE_DATABASE_URL=database, FOOTNOTE_JOBS__WORKERS="0")
    second.launch()
    assert second.process is not None
    assert second.process.wait(60) != 0
    assert "INDEX__KIND=qdrant" in second.log.read_text()
    first.kill()
    assert second.start().request("GET", "/readyz").is_success, "what a killed server held is free"
