"""What `footnote ingest` makes of files, against a server that answers by script."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from app.cli import ingest
from app.cli.client import Api
from app.cli.ingest import ingest_paths

Job = Callable[[str], dict[str, Any]]


def done(name: str) -> dict[str, Any]:
    return {"status": "succeeded", "stage": "done", "error": None}


def broken(name: str) -> dict[str, Any]:
    return {"status": "failed", "stage": "parse", "error": {"message": f"{name} cannot be read."}}


class Server:
    """Takes every file; what becomes of its job, `job` says. `uploaded` are the external ids."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.uploaded: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            found = re.search(rb'name="external_id"\r\n\r\n(.*?)\r\n', request.read())
            assert found is not None
            self.uploaded.append(found[1].decode())
            return httpx.Response(202, json={"job_id": str(len(self.uploaded) - 1)})
        if request.url.path == "/v1/documents":
            return httpx.Response(200, json={"items": [], "next_cursor": None})
        return httpx.Response(200, json=self.job(self.uploaded[int(request.url.path.rsplit("/", 1)[1])]))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a person sees: the bar writes to standard error only where that is a terminal."""
    screen = io.StringIO()
    monkeypatch.setattr(ingest, "err", Console(file=screen, force_terminal=True, width=120, color_system=None))
    return screen


def api(server: Server) -> Api:
    return Api(httpx.Client(transport=httpx.MockTransport(server), base_url="http://footnote"))


def last_count(screen: io.StringIO) -> str:
    return str(re.findall(r"\d+/\d+", screen.getvalue())[-1])


@pytest.mark.parametrize("job", [done, broken])
def test_the_bar_ends_at_the_number_of_files(
    tmp_path: Path, terminal: io.StringIO, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(12):
        (tmp_path / f"{n}.txt").write_text(f"text {n}")
    tally = ingest_paths(api(Server(job)), [tmp_path])
    assert len(tally.added) + len(tally.failed) == 12
    assert last_count(terminal) == "12/12"
    assert f"{len(tally.added)} added, 0 changed, 0 unchanged, {len(tally.failed)} failed" in capsys.readouterr().out


def test_a_file_named_twice_goes_once(tmp_path: Path, terminal: io.StringIO) -> None:
    """Both would otherwise be counted, and where they fail, only one of them."""
    (tmp_path / "a.txt").write_text("text")
    server = Server(broken)
    tally = ingest_paths(api(server), [tmp_path / "a.txt", tmp_path / "." / "a.txt"])
    assert (server.uploaded, set(tally.failed)) == (["a.txt"], {"a.txt"})
    assert last_count(terminal) == "1/1"


def test_a_namesake_does_not_replace_the_first(tmp_path: Path, terminal: io.StringIO) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(folder)
    server = Server(done)
    tally = ingest_paths(api(server), [tmp_path / "one" / "a.txt", tmp_path / "two" / "a.txt"])
    assert (server.uploaded, tally.added) == (["a.txt"], ["a.txt"])
    assert "folder that holds both" in tally.failed[str(tmp_path / "two" / "a.txt")]


def test_what_waits_for_a_restart_is_not_waited_for(tmp_path: Path, terminal: io.StringIO) -> None:
    (tmp_path / "a.txt").write_text("text")
    waiting = {"status": "queued", "stage": "waiting_for_restart", "error": None}
    tally = ingest_paths(api(Server(lambda name: waiting)), [tmp_path / "a.txt"])
    assert (tally.waiting, tally.added) == (["a.txt"], [])
    assert last_count(terminal) == "1/1"
