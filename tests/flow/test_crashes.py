"""kill -9 of server, worker and index process at random moments of uploads, updates, deletes and restores.

Afterwards every acknowledged upload is searchable exactly once, in its newest version, what was restored included, and
nothing deleted comes back by itself.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Server


ROUNDS = 12
SEED = 20261122
UNDO_SECONDS = 6
"""Long enough for some deletions to be taken back, short enough for others to be swept among the crashes."""


@dataclass(frozen=True)
class Hidden:
    """A deletion that was acknowledged, and what restoring would bring back; `sure` if that was known for certain."""

    id: str
    newest: str | None
    markers: list[str]
    sure: bool


@dataclass
class Ledger:
    """What was acknowledged: each document's newest marker, and the documents that were deleted."""

    newest: dict[str, str] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    ids: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    markers: dict[str, list[str]] = field(default_factory=dict)
    hidden: dict[str, Hidden] = field(default_factory=dict)
    restored: int = 0


def body(name: str, marker: str, rng: random.Random) -> bytes:
    filler = " ".join(f"The {rng.choice(['pump', 'valve', 'sensor'])} number {i} was checked." for i in range(120))
    return f"# {name}\n\nThe marker of this document is {marker}.\n\n{filler}\n".encode()


def act(server: Server, ledger: Ledger, rng: random.Random, step: int) -> None:
    """One upload, update, delete or restore; what was acknowledged is written down, what broke off is unsure."""
    if ledger.hidden and rng.random() < 0.3:
        with contextlib.suppress(httpx.HTTPError):
            restore(server, ledger, rng.choice(sorted(ledger.hidden)))
        return
    name = f"doc{rng.randrange(6)}"
    if name in ledger.ids and rng.random() < 0.3:
        with contextlib.suppress(httpx.HTTPError):
            delete(server, ledger, name)
        return
    marker = f"zq{step}x{rng.randrange(10**6)}"
    ledger.markers.setdefault(name, []).append(marker)
    with contextlib.suppress(httpx.HTTPError):
        ledger.unsure.add(name)
        response = server.request(
            "POST",
            "/v1/documents",
            files={"file": (f"{name}.md", body(name, marker, rng))},
            data={"external_id": name},
        )
        if response.status_code == 202:
            ledger.unsure.discard(name)
            ledger.newest[name] = marker
            ledger.ids[name] = response.json()["document_id"]


def delete(server: Server, ledger: Ledger, name: str) -> None:
    sure = name not in ledger.unsure
    ledger.unsure.add(name)
    response = server.request("DELETE", f"/v1/documents/{ledger.ids[name]}")
    if response.is_success:
        ledger.unsure.discard(name)
        markers = ledger.markers.pop(name, [])
        ledger.deleted.update(markers)
        ledger.hidden[name] = Hidden(ledger.ids.pop(name), ledger.newest.pop(name, None), markers, sure)


def restore(server: Server, ledger: Ledger, name: str) -> None:
    """Takes a deletion back, or learns that it is too late or that a later upload has taken its place."""
    hidden = ledger.hidden.pop(name)
    sure = name not in ledger.unsure
    taken = sure and name in ledger.ids
    ledger.deleted.difference_update(hidden.markers)  # until it is known that it was in vain
    ledger.unsure.add(name)
    response = server.request("POST", f"/v1/documents/{hidden.id}/restore")
    if response.status_code in (404, 409):
        ledger.deleted.update(hidden.markers)
        if taken:
            ledger.unsure.discard(name)
    elif response.is_success:
        assert not taken, "an earlier document took the place of a later one"
        ledger.restored += 1
        ledger.ids[name] = hidden.id
        ledger.markers[name] = hidden.markers
        if hidden.newest is not None:
            ledger.newest[name] = hidden.newest
        if sure and hidden.sure:
            ledger.unsure.discard(name)


def strike(server: Server, rng: random.Random) -> None:
    """kill -9 of one of the three, brought back by its supervisor or by us."""
    victim = rng.choice(["server", "worker", "edge_process"])
    if victim == "server":
        server.kill()
        server.start()
        return
    process = server.child(victim)
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def settle(server: Server) -> None:
    """Waits until no job is unfinished."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            jobs = [
                job
                for status in ("queued", "running")
                for job in server.call("GET", "/v1/jobs", params={"status": status, "limit": 100})["items"]
            ]
            if not jobs:
                return
        time.sleep(0.2)
    pytest.fail(f"jobs never finished: {jobs}\n{server.log.read_text()[-3000:]}")


def markers_found(server: Server) -> dict[str, list[str]]:
    """Every marker that any passage in the knowledge base shows, by the document's external id."""
    found: dict[str, list[str]] = {}
    for document in server.call("GET", "/v1/documents", params={"limit": 100})["items"]:
        hits = server.search("The marker of this document is", filters={"document_ids": [document["id"]]}, limit=50)
        texts = " ".join(hit["text"] for hit in hits)
        found[document["external_id"]] = [word.rstrip(".") for word in texts.split() if word.startswith("zq")]
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_and_nothing_deleted_returns(new_server: Callable[..., Server]) -> None:
    rng = random.Random(SEED)
    server = new_server(FOOTNOTE_HTTP__UNDO_SECONDS=str(UNDO_SECONDS)).start()
    ledger = Ledger()
    for step in range(ROUNDS):
        for _ in range(rng.randrange(1, 4)):
            act(server, ledger, rng, step)
        time.sleep(rng.random() * 1.5)
        strike(server, rng)
        if server.process is not None and server.process.poll() is not None:
            server.start()
    settle(server)

    print(f"{len(ledger.deleted)} markers deleted, {ledger.restored} documents restored")
    failed = server.call("GET", "/v1/jobs", params={"status": "failed", "limit": 100})["items"]
    assert not failed, failed
    found = markers_found(server)
    for name, marker in ledger.newest.items():
        if name not in ledger.unsure:
            assert found.get(name) == [marker], f"{name}: expected its newest version exactly once"
    everything = [marker for markers in found.values() for marker in markers]
    assert not ledger.deleted.intersection(everything), "something deleted came back"
    for deleted in ledger.deleted:
        assert all(deleted not in hit["text"] for hit in server.search(deleted, mode="lexical", limit=20))
