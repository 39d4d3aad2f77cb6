"""The pictures in `docs/screenshots`: every view over the example handbook, wide and narrow, light and dark.

    python -m bench.screenshots [--out docs/screenshots] [--only chat search]

A server of its own is filled with the handbook, asked some of its questions, given some feedback and some tasks, and
trains a small model on what was said; what stands in the pictures is what it answered and what came of it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench import learning
from bench.page import FLAGS, HANDBOOK, chromium
from bench.server import ROOT, Server

WIDE, NARROW = (1280, 800), (390, 844)
MOST_BYTES = 300_000
FOLLOW_UP = "And in Sweden?"
AGENTS = """
agents:
  careful:
    description: Searches the documents, and asks before each search.
    prompt: Search, then answer.
    tools: [search_documents, read_document]
    policy: {search_documents: ask}
"""
"""An agent beside the packaged ones that shows what it looks like to be asked."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What is gone to, and what is done there before the picture is taken."""

    name: str
    address: str
    prepare: Callable[[Page], None] = lambda _: None


def questions() -> list[dict[str, Any]]:
    lines = (ROOT / "examples" / "questions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def call(server: Server, method: str, path: str, **body: Any) -> Any:
    response = server.client.request(method, path, json=body or None)
    if response.is_error:
        raise SystemExit(f"{method} {path}: {response.text}")
    return response.json() if response.content else None


def people_were_here(server: Server) -> dict[str, str]:
    """Asks and judges as readers would; where to look: a conversation, an abstention, an answer, a document."""
    asked = questions()
    answers = [call(server, "POST", "/v1/answers", question=each["question"]) for each in asked[:12]]
    without = (
        call(server, "POST", "/v1/answers", question=each["question"]) for each in asked if not each["answerable"]
    )
    abstention = next(answer for answer in without if not answer["answerable"])
    follow_up = call(server, "POST", "/v1/answers", question=FOLLOW_UP, conversation_id=answers[0]["conversation_id"])
    for each in asked[:20]:
        call(server, "POST", "/v1/search", query=each["question"])
    for number, answer in enumerate(answers):
        rating = "down" if number == 7 else "up"
        call(server, "POST", "/v1/feedback", answer_id=answer["id"], rating=rating)
    documents = call(server, "GET", "/v1/documents")["items"]
    paper = next(each for each in documents if asked[0]["document"] in json.dumps(each))
    return {
        "conversation": follow_up["conversation_id"],
        "abstention": abstention["conversation_id"],
        "answer": answers[0]["id"],
        "document": paper["id"],
    }


def agents_were_here(server: Server) -> dict[str, str]:
    """Gives agents tasks; where to look: a run that is over, and one that waits for a person."""
    asked = questions()[0]["question"]
    threads = {}
    for name, agent in (("run", "coordinator"), ("approval", "careful")):
        thread = call(server, "POST", "/v1/threads", metadata={"title": asked})["thread_id"]
        task = {"messages": [{"role": "user", "content": asked}]}
        call(server, "POST", f"/v1/threads/{thread}/runs/wait", assistant_id=agent, input=task)
        threads[name] = thread
    return threads


def learning_was_here(server: Server) -> dict[str, str]:
    """Puts answers right and learns from that."""

    def told(method: str, path: str, **body: Any) -> Any:
        return call(server, method, path, **body)

    learning.corrected(told, [each for each in questions() if each["answerable"]])
    base = told("GET", "/v1/adapters")["base"]  # what answers everywhere without an engine that takes adapters
    told("POST", "/v1/deployments", version=base, stage="champion", why="what answers until a version is better")
    return learning.learnt(told)


def views(where: dict[str, str]) -> list[View]:
    return [
        View(name="welcome", address="/"),
        View(name="chat", address=f"/c/{where['conversation']}"),
        View(name="source", address=f"/c/{where['conversation']}", prepare=open_source),
        View(name="abstention", address=f"/c/{where['abstention']}"),
        View(name="agents", address="/agents"),
        View(name="run", address=f"/agents/{where['run']}", prepare=open_steps),
        View(name="approval", address=f"/agents/{where['approval']}"),
        View(name="documents", address="/documents"),
        View(name="document", address=f"/documents/{where['document']}"),
        View(name="search", address="/search?q=hotel+limit+in+Norway"),
        View(name="why", address=f"/answers/{where['answer']}/why"),
        View(name="status", address="/status?span=1h"),
        View(name="learning", address="/finetune"),
        View(name="dataset", address=f"/finetune/datasets/{where['dataset']}", prepare=open_pairs),
        View(name="training", address=f"/finetune/runs/{where['training']}"),
        View(name="version", address=f"/finetune/versions/{where['version']}"),
        View(name="rollout", address="/finetune/rollout"),
    ]


def open_source(page: Page) -> None:
    """The picture of the page that the first footnote of the conversation points to."""
    page.locator("#main .cite-number").first.click()
    page.locator("#main img").first.wait_for()


def open_steps(page: Page) -> None:
    """The timeline of the run, with everything about its first search."""
    page.locator("#main .timeline-head").click()
    page.locator("#main .steps .steps .step-head").first.click()


def open_pairs(page: Page) -> None:
    """The first pair that is learnt from, at the top."""
    pairs = page.get_by_role("group", name="Pairs")
    pairs.get_by_role("button").first.click()
    pairs.locator(".learning-entries > li").first.wait_for()
    pairs.evaluate("(each) => each.scrollIntoView()")


def settled(page: Page) -> None:
    """Waits until nothing loads and nothing moves any more."""
    page.locator("#main").wait_for()
    page.wait_for_load_state("networkidle")
    page.locator("#main .spin").first.wait_for(state="detached")
    page.evaluate(
        """async () => {
          await document.fonts.ready;
          await Promise.all([...document.images].map((each) => each.decode().catch(() => null)));
          await Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null)));
        }"""
    )


def take(browser: Browser, server: Server, wanted: list[View], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for width, height in (WIDE, NARROW):
        for scheme in ("light", "dark"):
            context = browser.new_context(
                base_url=server.url,
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
                reduced_motion="reduce",
                locale="en-GB",
            )
            for view in wanted:
                page = context.new_page()
                page.goto(view.address)
                settled(page)
                view.prepare(page)
                settled(page)
                target = out / f"{view.name}-{width}-{scheme}.png"
                page.screenshot(path=target)
                print(target.name, target.stat().st_size, flush=True)
                if target.stat().st_size >= MOST_BYTES:
                    raise SystemExit(f"{target} is over {MOST_BYTES:,} bytes: show less in it.")
                page.close()
            context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--only", nargs="*", help="names of views")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder, sync_playwright() as playwright:
        agents = Path(folder) / "agents.yaml"
        agents.write_text(AGENTS)
        trains = learning.settings(Path(folder) / "models")
        server = Server(Path(folder) / "data", FOOTNOTE_AGENTS__FILE=str(agents), **trains)
        server.start()
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS, "--font-render-hinting=none"])
        try:
            server.ingest(sorted(HANDBOOK.iterdir()))
            where = people_were_here(server) | agents_were_here(server) | learning_was_here(server)
            wanted = views(where)
            take(browser, server, [v for v in wanted if not arguments.only or v.name in arguments.only], arguments.out)
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
