"""How soon the page shows itself: first paint, contents and use in Chromium, from an idle server and one that ingests.

    python -m bench.page [--loads 15] [--out bench/results/page.json]

Every load is by a profile of its own, so that nothing is kept from before ("cold"), and once more by the same ("warm").
The times are the browser's own, from the start of the navigation; "usable" is when the question can be typed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from bench.server import ROOT, Server, warm_up

HANDBOOK = ROOT / "examples" / "handbook"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

SEEN = """async () => {
  const usable = performance.now();
  const entries = (type) => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries())).observe({ type, buffered: true });
    setTimeout(() => resolve([]), 300);
  });
  const paints = Object.fromEntries(performance.getEntriesByType("paint").map((each) => [each.name, each.startTime]));
  const files = performance.getEntriesByType("resource");
  return {
    first_paint_ms: paints["first-paint"],
    first_contentful_paint_ms: paints["first-contentful-paint"],
    usable_ms: usable,
    layout_shift: (await entries("layout-shift")).reduce((sum, each) => sum + each.value, 0),
    requests: files.length,
    sent_kb: files.reduce((sum, each) => sum + each.transferSize, 0) / 1000,
  };
}"""


def load(context: BrowserContext, url: str) -> dict[str, float]:
    """Loads the page once and waits until a question can be typed."""
    page = context.new_page()
    page.goto(url, wait_until="commit")
    page.locator("#main textarea").wait_for()
    found: dict[str, float] = page.evaluate(SEEN)
    page.close()
    return found


def loads(browser: Browser, url: str, times: int) -> dict[str, Any]:
    """Cold and warm loads, each figure's median and worst."""
    found: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    for _ in range(times):
        context = browser.new_context()
        for kind in found:
            found[kind].append(load(context, url))
        context.close()
    return {kind: summary(each) for kind, each in found.items()}


def summary(found: list[dict[str, float]]) -> dict[str, Any]:
    return {
        name: {
            "median": round(statistics.median(each[name] for each in found), 4),
            "max": round(max(each[name] for each in found), 4),
        }
        for name in found[0]
    }


@contextlib.contextmanager
def ingesting(server: Server) -> Iterator[None]:
    """Documents keep going in for as long as the block lasts."""
    done = threading.Event()
    reports = sorted(path for path in HANDBOOK.iterdir() if path.suffix in {".pdf", ".md"})

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            number = 0
            while not done.is_set():
                number += 1
                for path in reports:
                    copy = Path(folder) / f"{number} {path.name}"
                    copy.write_bytes(path.read_bytes() + f"\n%{number}\n".encode())
                    if not done.is_set():
                        server.ingest([copy])

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        done.set()
        worker.join()


def chromium() -> str:
    """The browser's program. Raises `SystemExit`, saying where to get it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        raise SystemExit("Chromium is needed: run `make system`, or install Debian's package chromium.")
    return program


def measure(times: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder, sync_playwright() as playwright:
        server = Server(Path(folder) / "data")
        server.start()
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            warm_up(server, folder)
            server.ingest(sorted(HANDBOOK.iterdir()))
            loads(browser, server.url, 1)
            result = {"chromium": browser.version, "loads": times, "idle": loads(browser, server.url, times)}
            with ingesting(server):
                result["ingesting"] = loads(browser, server.url, times)
        finally:
            browser.close()
            server.stop()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=15)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "page.json")
    arguments = parser.parse_args()
    result = measure(arguments.loads)
    result["machine"] = {"cpu": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    # On a machine with other work a run with `nice -n -10` comes near to one without; the file says both.
    result["load_at_end"], result["niceness"] = os.getloadavg()[0], os.nice(0)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
