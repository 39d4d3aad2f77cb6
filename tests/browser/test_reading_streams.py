"""What reads an answer's stream, run in the browser by itself: pieces cut anywhere, statements taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def page(page: Page) -> Page:
    page.goto("/")
    return page


def test_events_are_the_same_however_they_are_cut(page: Page) -> None:
    text = (
        'retry: 2000\n\n: a comment\n\nid: 1\nevent: status\ndata: {"stage": "accepted"}\n\n'
        'id: 2\r\nevent: delta\r\ndata: {"index": 0, "text": "a: b\\nü"}\r\n\r\n'
        "event: ping\ndata: {}\n\ndata: [1,\ndata: 2]\n\n"
    )
    cut = page.evaluate(
        """async (text) => {
          const { createParser } = await import("/assets/any/lib/sse.js");
          const whole = createParser()(text);
          const pieces = (size) => {
            const parse = createParser();
            const found = [];
            for (let at = 0; at < text.length; at += size) found.push(...parse(text.slice(at, at + size)));
            return found;
          };
          return [whole, ...[1, 2, 3, 7, 50].map(pieces)];
        }""",
        text,
    )
    assert cut[0] == [
        {"id": 1, "name": "status", "data": {"stage": "accepted"}},
        {"id": 2, "name": "delta", "data": {"index": 0, "text": "a: b\nü"}},
        {"id": None, "name": "ping", "data": {}},
        {"id": None, "name": "message", "data": [1, 2]},
    ]
    assert all(each == cut[0] for each in cut)


def test_a_second_try_takes_back_what_was_written(page: Page) -> None:
    source = {"id": "7", "title": "Leave", "text": "Leave is 28 days.", "heading_path": [], "boxes": [], "page": None}
    events = [
        ("sources", {"sources": [source, {**source, "id": "2"}]}),
        ("status", {"stage": "generate"}),
        ("delta", {"index": 0, "text": "Lea"}),
        ("delta", {"index": 0, "text": "ve."}),
        ("statement", {"index": 0, "statement": {"text": "Leave!", "sources": ["2"], "support": 1, "supported": True}}),
        ("status", {"stage": "generate"}),
        ("statement", {"index": 0, "statement": {"text": "It is.", "sources": ["7"], "support": 1, "supported": True}}),
        ("delta", {"index": 1, "text": "And"}),
    ]
    seen = page.evaluate(
        """async (events) => {
          const { asking, changed, citedIn } = await import("/assets/any/views/chat/turns.js");
          let turn = asking("?");
          return events.map(([name, data]) => {
            turn = changed(turn, { name, data });
            return [turn.statements.map((item) => item.text).join(" "), citedIn(turn).join()];
          });
        }""",
        events,
    )
    assert [tuple(item) for item in seen[2:]] == [
        ("Lea", ""),
        ("Leave.", ""),
        ("Leave!", "2"),
        ("", ""),
        ("It is.", "7"),
        ("It is. And", "7"),
    ]


@pytest.mark.parametrize(("cited", "words"), [(["1"], "do not bear this out"), ([], "No passage is cited")])
def test_a_statement_without_support_is_marked(page: Page, cited: list[str], words: str) -> None:
    statement = {"text": "It is *so* <b>x</b>.", "sources": cited, "support": 0.1, "supported": False, "whole": True}
    drawn = page.evaluate(
        """async (statement) => {
          const from = (path) => import(`/assets/any/${path}`);
          const [{ html, render }, { Statement }, { loadTexts }] = await Promise.all([
            from("lib/html.js"), from("views/chat/statement.js"), from("lib/texts.js"),
          ]);
          await loadTexts("en");
          const source = { id: "1", title: "T", text: "T", heading_path: [], boxes: [], page: null, withheld: false };
          const root = document.createElement("div");
          const draw = (item) => {
            const parts = { sources: new Map([["1", source]]), numbers: new Map([["1", 1]]), onOpen: () => {} };
            render(html`<${Statement} statement=${item} ...${parts} />`, root);
            return [root.textContent, root.querySelectorAll("em").length, root.querySelectorAll("b").length];
          };
          return [draw(statement), draw({ ...statement, supported: true })];
        }""",
        statement,
    )
    (doubtful, em, b), (sound, _, _) = drawn
    assert words in doubtful
    assert words not in sound
    assert (em, b) == (1, 0)
    assert "<b>x</b>" in doubtful


def test_everything_that_can_go_worse_has_words(subtests: pytest.Subtests) -> None:
    codes = {
        "condense",
        "dense_unavailable",
        "index_incomplete",
        "question_shortened",
        "rerank_failed",
        "rerank_timeout",
        "rerank_unavailable",
    }
    for path in sorted((ROOT / "app" / "web" / "texts").glob("*.json")):
        texts: dict[str, Any] = json.loads(path.read_text())
        with subtests.test(path.name):
            assert codes <= {key.removeprefix("degraded.") for key in texts if key.startswith("degraded.")}
