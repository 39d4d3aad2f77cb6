"""Identity and truth over HTTP: versions replace one another in one moment, deletes hold at once, groups are kept."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.flow.conftest import Server


def words(server: Server, query: str) -> str:
    return " ".join(hit["text"] for hit in server.search(query, limit=20))


def answered(server: Server) -> tuple[str, bool]:
    """What the limit is said to be, and whether it was said before."""
    answer = server.ask("What is the limit of the zorblax?")
    return next(number for number in ("100", "250") if number in answer["statements"][0]["text"]), answer["cached"]


def test_a_new_version_replaces_the_old_and_a_delete_holds_at_once(server: Server) -> None:
    first = server.ingest("rule.md", b"# Rule\n\nThe limit of the zorblax is 100 units.\n")
    assert "100 units" in words(server, "limit of the zorblax")
    assert answered(server) == ("100", False)
    while (again := answered(server)) != ("100", True):  # a job of another test may have ended in between
        assert again == ("100", False)
    second = server.ingest("rule.md", b"# Rule\n\nThe limit of the zorblax is 250 units.\n")
    assert second["document_id"] == first["document_id"]
    found = words(server, "limit of the zorblax")
    assert "250 units" in found
    assert "100 units" not in found
    assert answered(server) == ("250", False)
    while (again := answered(server)) != ("250", True):  # a job of another test may have ended in between
        assert again == ("250", False)

    server.call("DELETE", f"/v1/documents/{first['document_id']}")
    assert "zorblax" not in words(server, "limit of the zorblax")
    assert server.request("GET", f"/v1/documents/{first['document_id']}").status_code == 404
    assert server.request("GET", f"/v1/documents/{first['document_id']}/chunks").status_code == 404
    assert not server.ask("What is the limit of the zorblax?")["answerable"]


def test_at_no_moment_do_both_or_neither_answer(server: Server) -> None:
    """A reader asks without pause while versions replace one another."""

    def text(number: int) -> bytes:
        return f"# Counter\n\nThe quibblecount stands at number{number} today.\n".encode()

    server.ingest("counter.md", text(0))
    seen: list[set[str]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            found = words(server, "quibblecount stands at")
            seen.append({word for word in found.split() if word.startswith("number")})

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 9):
            server.ingest("counter.md", text(number))
    finally:
        stop.set()
        reader.join()
    assert len(seen) > 10
    assert all(len(numbers) == 1 for numbers in seen), [numbers for numbers in seen if len(numbers) != 1]


def test_a_failed_file_says_why_and_leaves_nothing(server: Server) -> None:
    begun = server.upload("broken.pdf", b"%PDF-1.7\nthis is no document")
    job = server.job(begun["job_id"])
    assert job["status"] == "failed"
    assert job["error"]["code"] in {"broken_file", "no_text"}
    assert job["error"]["message"]
    again = server.call("POST", f"/v1/jobs/{begun['job_id']}/retry")
    assert again["status"] == "queued"
    assert server.job(begun["job_id"])["attempts"] == 2
    server.call("DELETE", f"/v1/documents/{begun['document_id']}")
    assert server.request("GET", f"/v1/documents/{begun['document_id']}").status_code == 404


def test_groups_are_kept_on_every_path(new_server: Callable[..., Server]) -> None:
    keys = [
        {"key": "key-of-the-admin-0001", "id": "root", "admin": True},
        {"key": "key-of-ana-in-hr-0002", "id": "ana", "groups": ["hr"]},
        {"key": "key-of-bob-in-it-0003", "id": "bob", "groups": ["it"]},
    ]
    server = new_server("keys", FOOTNOTE_AUTH__KEYS=json.dumps(keys)).start()
    assert server.request("GET", "/v1/documents").status_code == 401

    def be(key: dict[str, object]) -> None:
        server.client.headers["authorization"] = f"Bearer {key['key']}"

    be(keys[1])
    begun = server.ingest("pay.md", b"# Pay\n\nThe bonus of the grumbleworth is 400 euros.\n", groups='["hr"]')
    assert "400 euros" in words(server, "bonus of the grumbleworth")
    be(keys[2])
    assert "400 euros" not in words(server, "bonus of the grumbleworth")
    assert not server.ask("What is the bonus of the grumbleworth?")["answerable"]
    for path in ("", "/content", "/chunks", "/pages/1.png"):
        assert server.request("GET", f"/v1/documents/{begun['document_id']}{path}").status_code == 404, path
    be(keys[0])
    assert "400 euros" in words(server, "bonus of the grumbleworth")


def test_a_restart_finds_everything_again(new_server: Callable[..., Server]) -> None:
    server = new_server("again").start()
    server.ingest("stay.md", b"# Stay\n\nThe colour of the flimwick is teal.\n")
    server.stop()
    started = time.monotonic()
    server.start()
    assert "teal" in words(server, "colour of the flimwick")
    print(f"ready again after {time.monotonic() - started:.1f} s")
