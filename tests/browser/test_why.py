"""Why an answer is as it is: from every answer, the whole way from the question to its statements."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

STEPS = [
    "The question",
    "What was found",
    "In which order",
    "What was sent to the generator",
    "What it wrote",
    "The answer",
    "How long it took",
]


def ask(site: Any, question: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = site.call("POST", "/v1/answers", json={"question": question, **more})
    return answer


def step(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", level=2, name=name, exact=True))


def shown(page: Page, answer: dict[str, Any]) -> None:
    page.goto(f"/answers/{answer['id']}/why")
    expect(page.get_by_role("heading", level=1)).to_have_text("Why this answer")
    expect(page.locator("#main .spin")).to_have_count(0)


@pytest.fixture(scope="module")
def answers(site: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A question and its follow-up."""
    first = ask(site, "How many days of holiday do I have a year?")
    return first, ask(site, "And for parental leave?", conversation_id=first["conversation_id"])


def test_the_story_from_top_to_bottom(page: Page, answers: Any, axe: Any) -> None:
    answer = answers[0]
    shown(page, answer)
    expect(page.locator("#main").get_by_role("heading", level=2)).to_have_text(STEPS)
    expect(page).to_have_title(f"{answer['question']} · Footnote")
    expect(step(page, "The question").get_by_role("blockquote")).to_have_text([answer["question"]])
    expect(step(page, "What was found")).to_contain_text("The index proposed 28 passages (Meaning and words).")
    expect(step(page, "What was found").get_by_role("row").nth(1)).to_contain_text("Source 1")
    order = step(page, "In which order").locator(".why-order > li")
    expect(order).to_have_count(len(answer["sources"]))
    expect(order.first).to_contain_text(answer["sources"][0]["title"])
    said = step(page, "The answer").locator(".why-statements > li")
    expect(said).to_have_count(len(answer["statements"]))
    expect(said.first).to_contain_text(answer["statements"][0]["text"])
    expect(said.first).to_contain_text("100% supported by what it cites")
    expect(step(page, "How long it took").get_by_role("figure")).to_have_count(2)
    axe(page)


def test_what_was_sent_and_written_is_folded_away_and_text(page: Page, answers: Any, axe: Any) -> None:
    answer = answers[0]
    shown(page, answer)
    sent = step(page, "What was sent to the generator")
    prompt = sent.get_by_role("region", name="Sources and question")
    expect(prompt).to_be_hidden()
    sent.get_by_text("Sources and question").click()
    expect(prompt).to_contain_text(answer["sources"][0]["text"].split("\n")[0])
    expect(prompt).to_contain_text(f"Question: {answer['question']}")
    sent.get_by_text("Schema of the output").click()
    schema = json.loads(sent.get_by_role("region", name="Schema of the output").inner_text())
    assert schema["properties"]["statements"]["items"]["properties"]["sources"]["items"]["enum"] == [
        source["id"] for source in answer["sources"]
    ]
    raw = json.loads(step(page, "What it wrote").get_by_role("region").inner_text())
    assert [one["text"] for one in raw["statements"]] == [one["text"] for one in answer["statements"]]
    axe(page)


def test_a_follow_up_as_it_was_asked_and_as_it_was_searched_for(page: Page, answers: Any) -> None:
    follow_up = answers[1]
    shown(page, follow_up)
    quotes = step(page, "The question").get_by_role("blockquote")
    expect(quotes).to_have_text(["And for parental leave?", follow_up["standalone_question"]])
    page.get_by_role("link", name="Search for this now").click()
    expect(page.get_by_role("searchbox", name="What to search for")).to_have_value(follow_up["standalone_question"])
    expect(page.locator("ol.hits > li").first).to_be_visible()


def test_from_the_conversation_and_back(page: Page, answers: Any) -> None:
    page.goto(f"/c/{answers[0]['conversation_id']}")
    page.get_by_role("link", name="Why this answer").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why this answer")
    page.get_by_role("link", name="Back to the conversation").click()
    expect(page.get_by_role("link", name="Why this answer")).to_have_count(2)
    assert page.url.endswith(answers[0]["conversation_id"])


def test_an_abstention_and_a_greeting_have_their_reasons(page: Page, site: Any, axe: Any) -> None:
    shown(page, ask(site, "What is the melting point of tungsten?"))
    expect(step(page, "The answer")).to_contain_text("The documents do not answer this.")
    expect(step(page, "What it wrote").get_by_role("region")).to_contain_text('"answerable": false')
    shown(page, ask(site, "Hello!"))
    expect(step(page, "What was found")).to_contain_text("no document was consulted")
    expect(step(page, "What was sent to the generator")).to_contain_text("Nothing")
    expect(step(page, "In which order")).to_have_count(0)
    axe(page)


def test_filters_of_the_question_are_named(page: Page, site: Any) -> None:
    filters = {"created_after": "2020-01-01T00:00:00Z", "metadata": {"<b>team</b>": ["a", 1]}}
    shown(page, ask(site, "How many days of holiday?", collection="default", filters=filters))
    chips = page.get_by_role("list", name="Filters").get_by_role("listitem")
    expect(chips).to_have_count(3)
    expect(chips.nth(0)).to_have_text("Collection: default")
    expect(chips.nth(2)).to_have_text("<b>team</b> = a, 1")


def test_an_answer_that_there_is_not(page: Page, faults: Any) -> None:
    faults.expect("404 GET /v1/answers/unknown")
    page.goto("/answers/unknown/why")
    expect(page.get_by_role("alert").filter(has_text="There is no such answer.")).to_be_visible()


def test_what_was_deleted_since_is_left_out(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], tmp_path: Path, axe: Any
) -> None:
    server = fresh_site()
    for name, text in (
        ("secret", "Payroll of the board: 900 gold coins a year."),
        ("open", "Payroll is run on Fridays."),
    ):
        file = tmp_path / f"{name}.txt"
        file.write_text(text)
        server.fill(file)
    answer = ask(server, "What is the payroll of the board?")
    document = next(one for one in answer["sources"] if "gold" in one["text"])["document_id"]
    page = new_page(server)
    shown(page, answer)
    expect(page.get_by_text("gold coins").first).to_be_attached()
    server.call("DELETE", f"/v1/documents/{document}")
    shown(page, answer)
    expect(page.get_by_text("What rests on them is left out.")).to_be_visible()
    expect(step(page, "What was found")).to_contain_text("A document you may not read")
    assert "gold" not in page.content()
    axe(page)


def test_on_a_phone_the_table_becomes_a_list(new_page: Callable[..., Page], site: Any, answers: Any, axe: Any) -> None:
    page = new_page(site, width=360, height=740)
    shown(page, answers[0])
    table = page.get_by_role("table")
    expect(table.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(5)
    for at in range(3):
        page.locator("details").nth(at).locator("summary").click()
    box = table.bounding_box()
    assert box
    assert box["x"] + box["width"] <= 360
    assert page.evaluate("document.getElementById('main').scrollWidth") <= 360
    axe(page)
