"""Conversations over HTTP: found by their words, shown with what was said of each answer, taken along as Markdown."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from app.api.answers_shapes import ANSWER, Answer
from app.api.conversation_markdown import written
from app.settings import Settings


async def _ask(world: Any, question: str, conversation_id: str | None = None) -> dict[str, Any]:
    body = {"question": question, "conversation_id": conversation_id}
    response = await world.http.post("/v1/answers", json={k: v for k, v in body.items() if v is not None})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_conversations_are_found_by_title_and_by_question(world: Any, subtests: pytest.Subtests) -> None:
    await world.handbook()
    leave = await _ask(world, "Leave in days?")
    await _ask(world, "Und die Überstunden, 100%?", leave["conversation_id"])
    other = await _ask(world, "How long is a shift?")
    await world.http.patch(f"/v1/conversations/{other['conversation_id']}", json={"title": "Straße nach Ürdingen"})
    both = [other["conversation_id"], leave["conversation_id"]]
    for words, expected in (
        ("LEAVE", both[1:]),
        ("überSTUNDEN", both[1:]),
        ("100%", both[1:]),
        ("1_0", []),
        ("shift", both[:1]),
        ("ürdingen", both[:1]),
        ("  die   Überstunden ", both[1:]),
        ("nothing like it", []),
        ("", both),
    ):
        with subtests.test(words):
            found = (await world.http.get("/v1/conversations", params={"q": words})).json()["items"]
            assert [item["id"] for item in found] == expected


async def test_a_search_is_read_on_by_cursor(world: Any) -> None:
    for number in range(5):
        await _ask(world, f"Leave number {number}?")
        await _ask(world, "Something else?")
    seen: list[str] = []
    cursor = None
    while True:
        parameters = {"q": "leave", "limit": 2, **({"cursor": cursor} if cursor else {})}
        part = (await world.http.get("/v1/conversations", params=parameters)).json()
        seen += [item["title"] for item in part["items"]]
        cursor = part["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"Leave number {number}?" for number in reversed(range(5))]


async def test_each_answer_bears_the_caller_s_own_feedback(keyed: Any, ana: str, root_key: str) -> None:
    client = keyed.as_(ana)
    await keyed.handbook(client=client, groups="hr")
    first = (await client.post("/v1/answers", json={"question": "leave days?"})).json()
    asked = {"question": "leave carried?", "conversation_id": first["conversation_id"]}
    second = (await client.post("/v1/answers", json=asked)).json()
    said = {
        "answer_id": second["id"],
        "rating": "down",
        "reason": "incomplete",
        "comment": "Too short.",
        "corrected": "Five days may be carried over.",
        "citations": [{"source": "1", "correct": False}],
    }
    assert (await client.post("/v1/feedback", json=said)).status_code == 201
    shown = (await client.get(f"/v1/conversations/{first['conversation_id']}")).json()["answers"]
    assert [answer["id"] for answer in shown] == [first["id"], second["id"]]
    assert shown[0]["feedback"] is None
    assert {name: shown[1]["feedback"][name] for name in said} == said
    assert (await keyed.as_(root_key).get(f"/v1/conversations/{first['conversation_id']}")).status_code == 404


async def test_an_export_numbers_each_passage_once(world: Any) -> None:
    await world.handbook("Leave is 28 days.", "Leave may be carried over.")
    first = await _ask(world, "Is leave 28 days?")
    await _ask(world, "Can leave be carried?", first["conversation_id"])
    response = await world.http.get(f"/v1/conversations/{first['conversation_id']}/export.md")
    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    disposition = response.headers["content-disposition"]
    assert disposition.startswith("attachment;")
    assert unquote(disposition.partition("filename*=UTF-8''")[2]) == "Is leave 28 days.md"
    lines = response.text.splitlines()
    assert lines[0] == "# Is leave 28 days?"
    assert lines.count("Leave is 28 days.[^1]") == 2
    assert lines.count("Leave may be carried over.[^2]") == 2
    assert [line.partition(":")[0] for line in lines if line.startswith("[^")] == ["[^1]", "[^2]"]
    assert "page 1" in next(line for line in lines if line.startswith("[^1]:"))
    assert "    > Leave may be carried over." in lines


async def test_an_export_says_what_was_not_answered_or_not_supported(world: Any) -> None:
    await world.handbook()
    nothing = await _ask(world, "Nobody knows?")
    await _ask(world, "Hello", nothing["conversation_id"])
    text = (await world.http.get(f"/v1/conversations/{nothing['conversation_id']}/export.md")).text
    assert "*No answer was found in the documents.*" in text
    assert "*No document was consulted.*" in text


def test_an_export_marks_what_is_not_supported() -> None:
    answer = Answer.model_validate(ANSWER)
    doubtful = answer.statements[0].model_copy(update={"supported": False, "support": 0.1})
    text = written("Leave", answer.created_at, [answer.model_copy(update={"statements": [doubtful]})])
    assert "28 days of paid leave a year.[^1] *(not supported by its sources)*" in text


async def test_an_export_takes_names_for_text(world: Any) -> None:
    title = "<img src=x onerror=alert(1)> [a](javascript:b) # *c*"
    await world.handbook("Leave is <b>28</b> days.", title=title)
    answer = await _ask(world, "Is leave | 28 days? <script>alert(1)</script>")
    text = (await world.http.get(f"/v1/conversations/{answer['conversation_id']}/export.md")).text
    assert "\\<img src=x onerror=alert(1)\\> \\[a\\](javascript:b) \\# \\*c\\*" in text
    assert "\\<script\\>" in text
    assert "Leave is &lt;b>28&lt;/b> days.[^1]" in text
    for tag in ("<img", "<script", "<b>"):
        assert tag not in text.replace("\\<", "")


async def test_an_export_withholds_what_was_deleted(world: Any) -> None:
    made = await world.handbook("Leave is secret.")
    answer = await _ask(world, "Is leave secret?")
    path = f"/v1/conversations/{answer['conversation_id']}/export.md"
    assert "Leave is secret." in (await world.http.get(path)).text
    assert (await world.http.delete(f"/v1/documents/{made['document_id']}")).status_code in (200, 202)
    text = (await world.http.get(path)).text
    assert "Leave is secret." not in text
    assert "withheld" in text


async def test_the_session_names_the_limit_that_holds(make_world: Any) -> None:
    settings = Settings().agents.model_copy(update={"max_question_chars": 50})
    async with make_world(agents=settings) as world:
        most = (await world.http.get("/v1/session")).json()["limits"]["question_chars"]
        assert most == 50
        assert (await world.http.post("/v1/answers", json={"question": "x" * (most + 1)})).status_code == 422
