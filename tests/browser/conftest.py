"""The browser tests' ground: a real server filled with the handbook, Debian's Chromium, and a page that must not err.

Everything a page does wrong fails its test: errors on the console, exceptions, refusals by the Content-Security-Policy,
responses that report a failure, requests to any other host. What a test provokes it names with `faults.expect`.
The policy holds for Playwright too: `page.wait_for_function` cannot be used, `expect` waits as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

ROOT = Path(__file__).resolve().parents[2]
HANDBOOK = ROOT / "examples" / "handbook"
READY_SECONDS = 120.0
FILLED_SECONDS = 240.0
LIGHT_AND_DARK = ("light", "dark")
PATIENCE_MS = 20_000
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--font-render-hinting=none"),
]


expect.set_options(timeout=PATIENCE_MS)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--site-data",
        type=Path,
        help="Keep the filled server's data in this folder, for quick runs of tests/browser again and again.",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("browser")


# The server


@dataclass(kw_only=True)
class Site:
    """A `footnote serve` process on a data folder of its own. `key` is what its own requests show."""

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    key: str | None = None
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.data.with_name(self.data.name + ".log")

    def start(self) -> Site:
        """Starts it, on the port it had before if it had one, and waits until it is ready."""
        port = str(urlsplit(self.url).port) if self.url else "0"
        (self.data / "server.json").unlink(missing_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve", "--port", port, "--quiet"],
                # Each test sees its answer being written, whatever others have asked before.
                env={
                    **kept,
                    "FOOTNOTE_CACHE__ENABLED": "false",
                    **self.environment,
                    "FOOTNOTE_DATA_DIR": str(self.data),
                },
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, ValueError, KeyError, httpx.HTTPError):
                self.url = json.loads((self.data / "server.json").read_text())["url"]
                if httpx.get(f"{self.url}/readyz").is_success:
                    return self
            time.sleep(0.05)
        pytest.fail(f"The server is not ready:\n{self.tail()}")

    def fill(self, *paths: Path, collection: str = "default") -> Site:
        """Uploads files, the handbook when none are named, and waits until all of them answer."""
        jobs = [self.upload(path, collection)["job_id"] for path in paths or sorted(HANDBOOK.iterdir())]
        deadline = time.monotonic() + FILLED_SECONDS
        while jobs and time.monotonic() < deadline:
            job = self.call("GET", f"/v1/jobs/{jobs[0]}")
            assert job["status"] not in ("failed", "cancelled"), job
            if job["status"] == "succeeded":
                jobs.pop(0)
            else:
                time.sleep(0.05)
        assert not jobs, f"Documents are not ready after {FILLED_SECONDS:.0f} s:\n{self.tail()}"
        return self

    def upload(self, path: Path, collection: str = "default") -> dict[str, Any]:
        """Sends a file; the server's answer, with its `job_id`."""
        files = {"file": (path.name, path.read_bytes())}
        found: dict[str, Any] = self.call("POST", "/v1/documents", files=files, data={"collection": collection})
        return found

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """The JSON answer to a request, which must succeed."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        response = httpx.request(method, f"{self.url}{path}", headers=headers, timeout=60.0, **arguments)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def kill(self) -> None:
        """Ends it without a word, its children too. `start` begins it again at the same address."""
        if self.process is None or self.process.poll() is not None:
            return
        family = []
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(self.process.pid)
            family = [*server.children(recursive=True), server]
        self.process.send_signal(signal.SIGKILL)
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(family, timeout=10)
        self.process.wait()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Site]:
    """One server with the handbook for all tests; who changes its documents takes `fresh_site`."""
    kept: Path | None = pytestconfig.getoption("site_data", None)
    made = Site(data=kept or tmp_path_factory.mktemp("site") / "data")
    made.data.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.start()
        if not kept or len(made.call("GET", "/v1/documents")["items"]) < len(list(HANDBOOK.iterdir())):
            made.fill()
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for the tests of a module, empty when they begin; they add to it what they like."""
    made = Site(data=tmp_path_factory.mktemp("shelf") / "data")
    try:
        yield made.start()
    finally:
        made.kill()


@pytest.fixture(scope="module")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Makes a server for a module's tests: `own_site(FOOTNOTE_AGENTS__FILE=…)`. It is empty: see `Site.fill`."""
    made: list[Site] = []

    def make(**environment: str) -> Site:
        made.append(Site(data=tmp_path_factory.mktemp("own") / "data", environment=environment))
        return made[-1].start()

    yield make
    for each in made:
        each.kill()


@pytest.fixture
def fresh_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes a server for one test: `fresh_site(FOOTNOTE_AUTH__KEYS=…, key=…)`. It is empty: see `Site.fill`."""
    made: list[Site] = []

    def make(*, key: str | None = None, **environment: str) -> Site:
        made.append(Site(data=tmp_path / f"site-{len(made)}", key=key, environment=environment))
        return made[-1].start()

    yield make
    for each in made:
        each.kill()


# The browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. For a module, not the session: Playwright's own loop would still run when asynchronous tests begin."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "The browser tests need Chromium: run `make system`, or install Debian's package chromium."
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield launched
        launched.close()


@dataclass
class Faults:
    """What pages did wrong. `expect` names by a pattern what a test provokes; the rest fails it."""

    seen: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, *patterns: str) -> None:
        """Regular expressions, searched in lines like "401 GET /v1/session" and "console: …"."""
        self.expected += patterns

    @property
    def unexpected(self) -> list[str]:
        return [line for line in self.seen if not any(re.search(pattern, line) for pattern in self.expected)]

    def watch(self, context: BrowserContext, url: str) -> None:
        """Listens to every page of a context that belongs to the server at `url`."""
        own = urlsplit(url).netloc

        def on_request(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob", "about") and parts.netloc != own:
                self.seen.append(f"request to another host: {request.method} {request.url}")

        def on_response(response: Response) -> None:
            if response.status >= 400:
                self.seen.append(f"{response.status} {response.request.method} {urlsplit(response.url).path}")

        def on_console(message: ConsoleMessage) -> None:
            # The browser says again here what on_response has noted, without the method.
            if message.type == "error" and "the server responded with a status of" not in message.text:
                self.seen.append(f"console: {message.text} ({message.location.get('url', '')})")

        context.on("request", on_request)
        context.on("response", on_response)
        context.on("console", on_console)
        context.on("weberror", lambda error: self.seen.append(f"exception: {error.error}"))


@pytest.fixture
def faults() -> Iterator[Faults]:
    """What went wrong in the pages of this test."""
    found = Faults()
    yield found
    assert not found.unexpected, "The page erred:\n  " + "\n  ".join(found.unexpected)


@pytest.fixture
def new_page(
    browser: Browser, faults: Faults, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a browser profile of its own: `new_page(site, width=390, color_scheme="dark")`.

    When the test fails, a picture of each lies in its temporary folder.
    """
    pages: list[Page] = []

    def make(of: Site, *, width: int = 1280, height: int = 800, locale: str = "en-GB", **options: Any) -> Page:
        viewport = {"width": width, "height": height}
        context = browser.new_context(base_url=of.url, viewport=viewport, locale=locale, **options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        faults.watch(context, of.url)
        pages.append(context.new_page())
        return pages[-1]

    failed_before = request.session.testsfailed
    yield make
    for number, page in enumerate(pages):
        if request.session.testsfailed > failed_before or faults.unexpected:
            picture = tmp_path / f"page-{number}.png"
            with contextlib.suppress(Exception):
                page.screenshot(path=picture)
                print(f"{page.url} looked like this: {picture}")
        page.context.close()


@pytest.fixture
def page(site: Site, new_page: Callable[..., Page]) -> Page:
    """A page of the session's server, 1280 by 800, light, English; `page.goto("/documents")`."""
    return new_page(site)


# Accessibility


@pytest.fixture
def axe() -> Callable[..., None]:
    """`axe(page)`: no violation of WCAG 2.2 AA or of axe's best practices in what is shown, in light and in dark."""
    source = (ROOT / "tests" / "data" / "axe" / "axe.min.js").read_text()

    def check(page: Page, *, schemes: tuple[str, ...] = LIGHT_AND_DARK, within: str | None = None) -> None:
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            # By way of the debugger: the page's own policy admits no script from a string.
            page.evaluate(f"() => {{ if (!window.axe) {{ {source} }} }}")
            violations = page.evaluate(_RUN_AXE, within)
            assert not violations, f"{page.url} in {scheme}:\n" + "\n".join(violations)

    return check


_RUN_AXE = """async (within) => {
  // The colours of the other theme are there, and changes towards them begun, after the next frame was drawn.
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  const ending = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime !== Infinity);
  await Promise.all(ending.map((each) => each.finished.catch(() => null)));
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const found = await axe.run(within ?? document, { runOnly: tags, resultTypes: ["violations"] });
  return found.violations.flatMap((each) =>
    each.nodes.map((node) => `${each.id}: ${each.help}\\n  ${node.html.slice(0, 300)}\\n  ${node.failureSummary}`));
}"""
