"""Adding files: by picker and by drop, through broken networks and killed servers, with names that mean harm."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, Request, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Faults, Site

READ_MS = 120_000
MARKUP = '<img src=x onerror="document.title=1">.md'
AWAY = (
    r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INTERNET_DISCONNECTED|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED"
    r"|NETWORK_CHANGED)"
)


def notes(folder: Path, *names: str) -> list[Path]:
    """Small files of which each is unlike the others."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for path in paths:
        path.write_text(f"# About {path.stem.partition('<')[0] or 'markup'}\n\nThe valve of {path.name} was checked.\n")
    return paths


def large(folder: Path, name: str = "pumps.html") -> Path:
    """Megabytes to send, a sentence to read."""
    path = folder / name
    filler = name * (8_000_000 // len(name))
    text = f"<!-- {filler} --><p>The pump of {name} is blue.</p>"
    path.write_text(f"<html><head><title>Pumps</title></head><body>{text}</body></html>")
    return path


def choose(page: Page, *paths: Path) -> None:
    """Picks files and adds them with what the dialog offers."""
    page.locator("#documents-files").set_input_files(list(paths))
    page.get_by_role("dialog").get_by_role("button", name=re.compile(r"^Add \d+ file")).click()


def line(page: Page, name: str) -> Locator:
    """A file's line among those being added."""
    return page.get_by_role("region", name="Files being added").get_by_role("listitem").filter(has_text=name)


def ready(page: Page, text: str) -> None:
    heading = page.get_by_role("region", name="Files being added").get_by_role("heading")
    expect(heading).to_have_text(text, timeout=READ_MS)


def document_of(site: Site, external_id: str) -> dict[str, Any]:
    found = [
        item
        for item in site.call("GET", "/v1/documents", params={"query": external_id})["items"]
        if item["external_id"] == external_id
    ]
    assert len(found) == 1, external_id
    return dict(found[0])


def failed_again(site: Site, job_id: str) -> None:
    """Waits for the end of a job's second attempt; the page said the same of the first one."""
    deadline = time.monotonic() + READ_MS / 1000
    while (job := site.call("GET", f"/v1/jobs/{job_id}"))["attempts"] < 2 or job["status"] != "failed":
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


class Wire:
    """The network between browser and server: narrow on the way up, and it can be cut. `url` is its near end."""

    def __init__(self, site: Site) -> None:
        self._far = ("127.0.0.1", urlsplit(site.url).port)
        self._open: set[socket.socket] = set()
        self._near = self._listen(0)
        self.port: int = self._near.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.bytes_a_second: int | None = 2_000_000
        self.up = 0

    def _listen(self, port: int) -> socket.socket:
        near = socket.socket()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)  # little of what is on its way hides in it
        near.bind(("127.0.0.1", port))
        near.listen()
        threading.Thread(target=self._accept, args=(near,), daemon=True).start()
        return near

    def _accept(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _ = near.accept()
                try:
                    server = socket.create_connection(self._far)
                except OSError:
                    browser.close()
                    continue
                self._open |= {browser, server}
                for source, target, upward in ((browser, server, True), (server, browser, False)):
                    threading.Thread(target=self._carry, args=(source, target, upward), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, upward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(64 * 1024):
                target.sendall(data)
                if upward:
                    self.up += len(data)
                    if self.bytes_a_second:
                        time.sleep(len(data) / self.bytes_a_second)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()  # a socket that is only shut goes on taking what is sent to it

    def cut(self) -> None:
        """Breaks what is open and lets nothing new through."""
        for end in (self._near, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def mend(self) -> None:
        """As before, at the same address, and no longer narrow."""
        self.bytes_a_second = None
        self._near = self._listen(self.port)


@pytest.fixture
def wire(shelf: Site) -> Iterator[Wire]:
    """A network to the module's server."""
    made = Wire(shelf)
    yield made
    made.cut()


def offsets(page: Page) -> list[int]:
    """Where each part of an upload that the page sends begins, as it sends them."""
    found: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH" and "/v1/uploads/" in request.url:
            found.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return found


def sending(page: Page, wire: Wire, name: str) -> None:
    """Waits until a good part of the file has passed the wire."""
    expect(line(page, name)).to_contain_text("Sending", timeout=60_000)
    before = time.monotonic()
    while wire.up < 2_500_000:
        assert time.monotonic() - before < 60
        time.sleep(0.02)


# ---- ways in -------------------------------------------------------------------------------------------------------


def test_many_files_are_picked_and_read(shelf: Site, new_page: Callable[..., Page], tmp_path: Path) -> None:
    page = new_page(shelf)
    page.goto("/documents")
    paths = notes(tmp_path, *(f"note-{n}.md" for n in range(12)), "nächste Übersicht.md")
    choose(page, *paths)
    ready(page, "13 files are ready")
    rows = page.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(14)
    for path in paths:
        expect(rows.filter(has_text=path.name)).to_contain_text("About ")
        assert document_of(shelf, path.name)["groups"] == ["everyone"]


def test_names_and_titles_with_markup_stay_text(shelf: Site, new_page: Callable[..., Page], tmp_path: Path) -> None:
    page = new_page(shelf)
    page.goto("/documents")
    page.locator("#documents-files").set_input_files(notes(tmp_path, MARKUP)[0])
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(MARKUP)
    dialog.get_by_text("Title and metadata").click()
    dialog.get_by_role("textbox", name=re.compile("^Title")).fill(MARKUP)
    dialog.get_by_role("button", name="Add 1 file").click()
    ready(page, "1 file is ready")
    expect(page.get_by_role("table").get_by_role("link", name=MARKUP)).to_be_visible()
    line(page, MARKUP).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)
    expect(page).to_have_title(f"{MARKUP} · Footnote")
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_a_long_name_pushes_nothing_out_of_the_dialog(
    shelf: Site, new_page: Callable[..., Page], tmp_path: Path, width: int
) -> None:
    page = new_page(shelf, width=width, height=740, locale="de-DE")
    page.goto("/documents")
    page.locator("#documents-files").set_input_files(notes(tmp_path, "Ein sehr langer Name " * 10 + ".md")[0])
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="1 Datei hinzufügen")).to_be_visible()
    inside = dialog.bounding_box()
    assert inside
    for part in (*dialog.get_by_role("button").all(), *dialog.get_by_role("combobox").all()):
        box = part.bounding_box()
        assert box
        assert inside["x"] <= box["x"]
        assert box["x"] + box["width"] <= inside["x"] + inside["width"]
    assert dialog.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_reasons_are_in_the_readers_language(shelf: Site, new_page: Callable[..., Page], tmp_path: Path) -> None:
    page = new_page(shelf, locale="de-DE", width=360, height=740)
    page.goto("/documents")
    (tmp_path / "brief.rtf").write_text(r"{\rtf1 Guten Tag}")
    page.locator("#documents-files").set_input_files(tmp_path / "brief.rtf")
    page.get_by_role("dialog").get_by_role("button", name="1 Datei hinzufügen").click()
    reason = "Diese Art von Datei kann nicht gelesen werden."
    added = page.get_by_role("listitem").filter(has_text="brief.rtf")
    expect(added).to_contain_text(reason, timeout=READ_MS)
    expect(page.get_by_role("row").filter(has_text="brief")).to_contain_text(reason)
    added.get_by_role("link").click()
    expect(page.locator(".document-job")).to_contain_text(reason)


def test_the_same_file_again_changes_nothing(shelf: Site, new_page: Callable[..., Page], tmp_path: Path) -> None:
    page = new_page(shelf)
    page.goto("/documents")
    [path] = notes(tmp_path, "twice.md")
    choose(page, path)
    ready(page, "1 file is ready")
    page.get_by_role("button", name="Clear finished").click()
    choose(page, path)
    expect(line(page, "twice.md")).to_contain_text("Unchanged")
    document_of(shelf, "twice.md")


def test_a_folder_keeps_its_paths(shelf: Site, new_page: Callable[..., Page], tmp_path: Path) -> None:
    page = new_page(shelf)
    page.goto("/documents")
    notes(tmp_path / "plant", "a.md", ".hidden.md")
    notes(tmp_path / "plant" / "north", "a.md")
    page.locator("#documents-folder").set_input_files(tmp_path / "plant")
    dialog = page.get_by_role("dialog", name="Add 2 files")
    expect(dialog).to_contain_text("1 hidden file is left out")
    dialog.get_by_role("button", name="Add 2 files").click()
    ready(page, "2 files are ready")
    document_of(shelf, "plant/a.md")
    document_of(shelf, "plant/north/a.md")


def test_files_and_folders_are_dropped_anywhere(shelf: Site, new_page: Callable[..., Page], tmp_path: Path) -> None:
    page = new_page(shelf)
    page.goto("/documents")
    [single] = notes(tmp_path, "dropped.md")
    notes(tmp_path / "heap", "one.md")
    notes(tmp_path / "heap" / "inner", "two.md")
    expect(page.get_by_role("button", name="Add files")).to_be_visible()
    drag = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(single), str(tmp_path / "heap")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver"):
        drag.send("Input.dispatchDragEvent", {"type": kind, "x": 700, "y": 600, "data": data})
    expect(page.get_by_text("Drop files or folders to add them")).to_be_visible()
    drag.send("Input.dispatchDragEvent", {"type": "drop", "x": 700, "y": 600, "data": data})
    page.get_by_role("dialog").get_by_role("button", name="Add 3 files").click()
    expect(page.get_by_text("Drop files or folders to add them")).to_be_hidden()
    ready(page, "3 files are ready")
    for external_id in ("dropped.md", "heap/one.md", "heap/inner/two.md"):
        document_of(shelf, external_id)


def test_a_batch_goes_where_it_was_told(
    shelf: Site, new_page: Callable[..., Page], tmp_path: Path, axe: Callable[..., None]
) -> None:
    rules = f"rules-{uuid4().hex[:8]}"  # another one each time: the shelf keeps what a first try left
    page = new_page(shelf)
    page.goto("/documents")
    page.locator("#documents-files").set_input_files(notes(tmp_path, f"{rules}-1.md", f"{rules}-2.md"))
    dialog = page.get_by_role("dialog", name="Add 2 files")
    dialog.get_by_label("Collection").select_option("New collection…")
    dialog.get_by_label("Name of the new collection").fill(rules)
    groups = dialog.get_by_role("combobox", name="Groups")
    groups.fill("board")
    groups.press("Enter")
    groups.fill("<b>law</b>")
    groups.press("Enter")
    dialog.get_by_text("Title and metadata").click()
    for number, (name, kind, value) in enumerate((("year", "Number", "2026"), ("owner", "Text", "legal"))):
        dialog.get_by_role("button", name="Add an entry").click()
        dialog.get_by_role("textbox", name="Name", exact=True).nth(number).fill(name)
        dialog.get_by_label("Kind").nth(number).select_option(kind)
        dialog.get_by_label("Value").nth(number).fill(value)
    axe(page, within="dialog")
    dialog.get_by_role("button", name="Add 2 files").click()
    ready(page, "2 files are ready")
    for external_id in (f"{rules}-1.md", f"{rules}-2.md"):
        found = document_of(shelf, external_id)
        assert (found["collection"], found["groups"]) == (rules, ["<b>law</b>", "board"])
        assert found["metadata"] == {"year": 2026, "owner": "legal"}
    page.get_by_role("combobox", name="Collection").select_option(f"{rules} (2)")
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(3)


# ---- what goes wrong -----------------------------------------------------------------------------------------------


def test_a_failure_says_why_and_can_be_tried_again(
    shelf: Site, new_page: Callable[..., Page], tmp_path: Path, axe: Callable[..., None]
) -> None:
    page = new_page(shelf)
    page.goto("/documents")
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nno more than this")
    choose(page, broken, *notes(tmp_path, "whole.md"))
    ready(page, "1 file failed, 1 ready")
    failed = line(page, "broken.pdf")
    expect(failed).to_contain_text("damaged")
    axe(page)
    with page.expect_response(re.compile(r"/v1/jobs/.+/retry")) as retried:
        failed.get_by_role("button", name="Try again").click()
    assert retried.value.json()["attempts"] == 1
    failed_again(shelf, retried.value.json()["id"])
    ready(page, "1 file failed, 1 ready")
    failed.get_by_role("link").click()
    expect(page.get_by_text("It could not be read")).to_be_visible()
    expect(page.locator(".document-job")).to_contain_text("damaged")


def test_what_the_server_refuses_is_told(
    shelf: Site, new_page: Callable[..., Page], tmp_path: Path, faults: Faults
) -> None:
    faults.expect(r"422 POST /v1/uploads")
    page = new_page(shelf)
    page.goto("/documents")
    choose(page, *notes(tmp_path, "back\\slash.md"))
    expect(line(page, "slash.md")).to_contain_text("plain name without folders")
    ready(page, "1 file failed, 0 ready")


def test_an_upload_goes_on_when_the_network_is_back(
    shelf: Site, wire: Wire, new_page: Callable[..., Page], tmp_path: Path, faults: Faults
) -> None:
    faults.expect(AWAY)
    page = new_page(wire)
    page.goto("/documents")
    begun = offsets(page)
    choose(page, large(tmp_path, "cables.html"))
    sending(page, wire, "cables.html")
    wire.cut()
    expect(line(page, "cables.html")).to_contain_text("goes on by itself")
    expect(page.get_by_role("heading", name="1 file waits for the network")).to_be_visible()
    wire.mend()
    ready(page, "1 file is ready")
    assert begun[0] == 0
    assert begun[-1] > 500_000, "it begins where it broke off"
    assert document_of(shelf, "cables.html")["size"] == (tmp_path / "cables.html").stat().st_size


def test_an_upload_goes_on_after_the_server_was_killed(
    fresh_site: Callable[..., Site], new_page: Callable[..., Page], tmp_path: Path, faults: Faults
) -> None:
    faults.expect(AWAY, r"50[34] ")
    site = fresh_site()
    wire = Wire(site)
    page = new_page(wire)
    page.goto("/documents")
    begun = offsets(page)
    choose(page, large(tmp_path))
    sending(page, wire, "pumps.html")
    site.kill()
    expect(line(page, "pumps.html")).to_contain_text("goes on by itself", timeout=60_000)
    wire.bytes_a_second = None
    site.start()
    ready(page, "1 file is ready")
    assert begun[-1] > 500_000, "it begins where it broke off"
    assert document_of(site, "pumps.html")["size"] == (tmp_path / "pumps.html").stat().st_size
    wire.cut()


def parts(site: Site) -> set[Path]:
    """What has arrived of uploads that are not whole; others' tries may have left some."""
    return set((site.data / "uploads").glob("*.part"))


def interrupted(page: Page, wire: Wire, path: Path) -> None:
    """Begins to send a file and loads the page anew before it has arrived."""
    page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?"
    page.goto("/documents")
    choose(page, path)
    sending(page, wire, path.name)
    page.reload()
    expect(page.get_by_role("region", name="1 upload was interrupted")).to_contain_text(path.name)


def test_an_upload_goes_on_after_the_page_was_loaded_anew(
    shelf: Site, wire: Wire, new_page: Callable[..., Page], tmp_path: Path, axe: Callable[..., None]
) -> None:
    page = new_page(wire)
    begun = offsets(page)
    path = large(tmp_path, "hoses.html")
    interrupted(page, wire, path)
    axe(page)
    wire.bytes_a_second = None
    choose(page, path)
    ready(page, "1 file is ready")
    assert len(begun) == 2
    assert begun[1] > 500_000, "it begins where it broke off"
    expect(page.get_by_text("upload was interrupted")).to_have_count(0)
    assert document_of(shelf, "hoses.html")["size"] == path.stat().st_size


def test_an_interrupted_upload_can_be_discarded(
    shelf: Site, wire: Wire, new_page: Callable[..., Page], tmp_path: Path
) -> None:
    before = parts(shelf)
    page = new_page(wire)
    interrupted(page, wire, large(tmp_path, "ropes.html"))
    with page.expect_response(lambda response: response.request.method == "DELETE") as gone:
        page.get_by_role("button", name="Discard").click()
    assert gone.value.status == 204
    assert parts(shelf) <= before
    page.reload()
    expect(page.get_by_role("heading", name="Documents")).to_be_visible()
    expect(page.get_by_text("upload was interrupted")).to_have_count(0)


def test_cancelling_leaves_nothing_behind(
    shelf: Site, wire: Wire, new_page: Callable[..., Page], tmp_path: Path
) -> None:
    before = parts(shelf)
    page = new_page(wire)
    page.goto("/documents")
    choose(page, large(tmp_path, "tubes.html"))
    sending(page, wire, "tubes.html")
    with page.expect_response(lambda response: response.request.method == "DELETE") as gone:
        page.get_by_role("button", name="Cancel tubes.html").click()
    assert gone.value.status == 204
    expect(line(page, "tubes.html")).to_contain_text("Cancelled")
    assert parts(shelf) <= before
    assert shelf.call("GET", "/v1/documents", params={"query": "tubes"})["items"] == []
