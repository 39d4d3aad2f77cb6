"""The whole street with the vectors on a Qdrant server: questions, its loss, a backup, and the way to it.

The server is `qdrant-client`'s own engine behind Qdrant's REST interface (`tests/qdrant_http.py`); with
FOOTNOTE_TEST_QDRANT_URL the contract of the index runs on a real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from qdrant_client import QdrantClient

from tests import qdrant_http

if TYPE_CHECKING:
    from tests.flow.conftest import Server

pytestmark = pytest.mark.timeout(600)

KEY = "a-key-of-qdrants"


def on(url: str) -> dict[str, str]:
    prefix = "FOOTNOTE_RETRIEVAL__INDEX__"
    return {f"{prefix}KIND": "qdrant", f"{prefix}QDRANT__URL": url, f"{prefix}QDRANT__API_KEY": KEY}


def footnote(data: Path, *words: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        env={**kept, **environment, "FOOTNOTE_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == status, ended.stderr
    return ended


def said_of_qdrant(data: Path, url: str, status: int = 0) -> dict[str, Any]:
    findings = json.loads(footnote(data, "doctor", "--json", status=status, **on(url)).stdout)
    [found] = [finding for finding in findings if finding["what"] == "qdrant"]
    return dict(found)


def titles(server: Server) -> set[str]:
    return {hit["title"] for hit in server.search("what is the limit of it", limit=50)}


def until_ready(server: Server, wanted: list[str]) -> None:
    deadline = time.monotonic() + 60
    while (state := server.request("GET", "/readyz").json())["missing"] != wanted:
        assert time.monotonic() < deadline, state
        time.sleep(0.2)


def rule(name: str, number: int) -> bytes:
    return f"# {name}\n\nThe limit of the {name} is {number} units.\n".encode()


def test_the_street_on_a_server(new_server: Callable[..., Server], tmp_path: Path) -> None:
    with qdrant_http.serve(KEY) as url:
        server = new_server("data", **on(url)).start()
        assert server.child("edge_process") is None
        kept = server.ingest("zorblax.md", rule("zorblax", 100))
        server.call("POST", "/v1/collections", json={"name": "other"})
        server.ingest("quorbin.md", rule("quorbin", 7), collection="other")
        answer = server.ask("What is the limit of the zorblax?")
        assert "100 units" in answer["statements"][0]["text"]
        assert {hit["title"] for hit in server.search("limit", collection="other")} == {"quorbin"}
        assert said_of_qdrant(server.data, url)["says"].startswith("Qdrant 1.")
        footnote(server.data, "backup", str(tmp_path / "backup.tar"), **on(url))
        server.call("DELETE", f"/v1/documents/{kept['document_id']}")
        assert titles(server) == {"quorbin"}

        # A backup that is older than what the server holds: nothing of that server's points is taken for its own.
        again = new_server("again", **on(url))
        footnote(again.data, "restore", str(tmp_path / "backup.tar"))
        again.start()
        deadline = time.monotonic() + 60
        while again.call("GET", "/readyz")["notes"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert titles(again) == {"zorblax", "quorbin"}
        assert titles(server) == {"quorbin"}
        server.stop()

    until_ready(again, ["index"])
    assert said_of_qdrant(again.data, url, status=1)["state"] == "missing"
    with qdrant_http.serve(KEY, urlsplit(url).port or 0):  # it comes back with an empty volume
        again.stop()
        again.start()
        deadline = time.monotonic() + 60
        while again.call("GET", "/readyz")["notes"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert titles(again) == {"zorblax", "quorbin"}
        again.stop()


def test_the_way_there_and_back(new_server: Callable[..., Server]) -> None:
    with qdrant_http.serve(KEY) as url:
        server = new_server("data").start()
        server.ingest("zorblax.md", rule("zorblax", 100))
        assert "1/1" in footnote(server.data, "reindex", **on(url)).stderr
        assert list(server.call("GET", "/readyz")["notes"]) == ["restart_needed"]
        assert titles(server) == {"zorblax"}
        server.stop()
        server.environment = on(url)
        server.start()
        assert titles(server) == {"zorblax"}
        server.ingest("quorbin.md", rule("quorbin", 7))
        with_key = QdrantClient(url=url, api_key=KEY, check_compatibility=False)
        [alias] = with_key.get_aliases().aliases
        assert (alias.alias_name, alias.collection_name) == ("footnote", "footnote-2")
        assert with_key.count("footnote").count == 2
        assert not (server.data / "index" / "1").exists()  # the embedded build that answered before
        server.stop()

        server.environment = {name: value for name, value in on(url).items() if not name.endswith("KIND")}
        assert "2/2" in footnote(server.data, "reindex", **server.environment).stderr
        server.start()
        assert server.child("edge_process") is not None
        assert titles(server) == {"zorblax", "quorbin"}
        with pytest.raises(Exception, match="not found"):
            with_key.get_collection("footnote-2")
        server.stop()
