"""A resumable upload whose server is killed between two bytes."""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Server

TUS = {"Tus-Resumable": "1.0.0"}
PAGE = (
    f"<html><head><title>Pumps</title></head><body><!-- {'x' * 3_000_000} -->"
    "<h1>Pumps</h1><p>The marker of the resumed upload is zqresumed17.</p></body></html>"
).encode()


def offset_of(server: Server, place: str) -> int:
    response = server.request("HEAD", place, headers=TUS)
    assert response.status_code == 200, response.headers
    return int(response.headers["upload-offset"])


def send_half_and_hang(server: Server, place: str, half: int, gone: threading.Event) -> threading.Thread:
    """Sends `half` bytes of a part that was announced to be the whole rest, and then nothing until `gone`."""

    def pieces() -> Iterator[bytes]:
        yield PAGE[:half]
        gone.wait(60)

    def run() -> None:
        headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        with contextlib.suppress(httpx.HTTPError):
            httpx.patch(f"{server.url}{place}", headers=headers, content=pieces(), timeout=60)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.timeout(240)
def test_an_upload_goes_on_after_kill_9(new_server: Callable[..., Server], tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    server = new_server(FOOTNOTE_SHARED_DIR=str(shared)).start()
    name = base64.b64encode(b"pumps.html").decode()
    headers = {**TUS, "Upload-Length": str(len(PAGE)), "Upload-Metadata": f"filename {name}"}
    place = server.request("POST", "/v1/uploads", headers=headers).headers["location"]

    gone = threading.Event()
    thread = send_half_and_hang(server, place, 1_500_000, gone)
    [part] = (shared / "uploads").glob("*.part")
    deadline = time.monotonic() + 60
    while part.stat().st_size < 1_000_000 and time.monotonic() < deadline:
        time.sleep(0.02)
    server.kill()
    gone.set()
    thread.join()

    server.start()
    offset = offset_of(server, place)
    assert 1_000_000 <= offset < len(PAGE), "what had arrived is kept"
    part_headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
    last = server.request("PATCH", place, headers=part_headers, content=PAGE[offset:])
    assert last.status_code == 204, last.text
    assert server.job(last.headers["footnote-job"])["status"] == "succeeded"
    assert "zqresumed17" in server.search("marker of the resumed upload")[0]["text"]
    content = server.request("GET", f"/v1/documents/{last.headers['footnote-document']}/content")
    assert content.content == PAGE
