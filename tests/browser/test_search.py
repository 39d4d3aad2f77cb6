"""Search: the raw hits with each leg's scores, by an address that can be sent to others."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

QUESTION = "Who approves travel abroad?"
HOSTILE = "<img src=x onerror=alert(1)>"


def hits(page: Page) -> Locator:
    return page.get_by_role("region", name="Passages found").locator("ol.hits > li")


def found(page: Page, address: str = f"/search?q={QUESTION}") -> Locator:
    """Goes to a search and waits for its hits."""
    page.goto(address)
    expect(page.locator("#main .spin")).to_have_count(0)
    expect(hits(page).first).to_be_visible()
    return hits(page)


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_question_is_typed_and_its_passages_stand_there_with_their_scores(page: Page, axe: Any) -> None:
    page.goto("/search")
    field = page.get_by_role("searchbox", name="What to search for")
    expect(field).to_be_focused()
    expect(page.get_by_role("heading", name="Look into the index")).to_be_visible()
    axe(page)

    field.fill(QUESTION)
    field.press("Enter")
    expect(hits(page)).to_have_count(10)
    assert asked(page) == {"q": [QUESTION]}
    expect(page.locator("#polite")).to_have_text("10 passages")
    first = hits(page).first
    expect(first.get_by_role("heading", level=2)).to_contain_text("Travel")
    expect(first.locator("mark").first).to_be_visible()
    for leg in ("Meaning", "Words", "Together"):
        expect(first.get_by_role("term").filter(has_text=leg)).to_be_visible()
    expect(first).to_contain_text("1 of ")
    expect(page.get_by_role("figure", name="How long the search took")).to_contain_text("Index")
    axe(page)


def test_an_address_is_a_search_and_the_browser_s_back_leads_to_the_one_before(page: Page) -> None:
    found(page, f"/search?q={QUESTION}&mode=lexical&limit=25")
    expect(page.get_by_role("radio", name="Words", exact=True)).to_be_checked()
    expect(page.get_by_role("combobox", name="Number of passages")).to_have_value("25")
    expect(hits(page).first.get_by_role("term")).to_have_text(["Words"])

    page.get_by_role("radio", name="Meaning", exact=True).check()
    expect(hits(page).first.get_by_role("term")).to_have_text(["Meaning"])
    assert asked(page) == {"q": [QUESTION], "mode": ["dense"], "limit": ["25"]}
    page.go_back()
    expect(page.get_by_role("radio", name="Words", exact=True)).to_be_checked()
    expect(hits(page).first.get_by_role("term")).to_have_text(["Words"])


def test_filters_narrow_and_each_can_be_taken_away(page: Page, site: Any, axe: Any) -> None:
    document = next(one for one in site.call("GET", "/v1/documents")["items"] if "Travel" in one["title"])
    found(page)
    page.get_by_role("button", name="Filters").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(document["title"]).check()
    dialog.get_by_role("button", name="Apply").click()
    chips = page.get_by_role("list", name="Filters")
    expect(chips.get_by_role("listitem")).to_have_text([document["title"]])
    # Those of before are shown until the narrower ones have come.
    expect(hits(page).filter(has_not_text=document["title"])).to_have_count(0)
    expect(hits(page).first.locator(".hit-title")).to_have_text(document["title"])
    assert asked(page)["document"] == [document["id"]]
    axe(page)

    page.reload()
    expect(chips.get_by_role("listitem")).to_have_text([document["title"]])
    chips.get_by_role("button", name=f"Remove the filter {document['title']}").click()
    expect(chips).to_have_count(0)
    assert "document" not in asked(page)

    page.goto(f"/search?q={QUESTION}&before=2020-01-01&meta=team%3Done")
    expect(page.get_by_role("heading", name="No passage found")).to_be_visible()
    expect(chips.get_by_role("listitem")).to_have_count(2)
    axe(page)


def test_a_passage_opens_beside_the_hits_and_by_the_keyboard(page: Page, axe: Any) -> None:
    found(page)
    title = hits(page).first.locator(".hit-title")
    title.press("Enter")
    panel = page.get_by_role("complementary", name="Source")
    expect(panel).to_be_visible()
    expect(title).to_have_attribute("aria-expanded", "true")
    expect(panel.get_by_role("heading", level=2)).to_have_text("Passage 1 of 10")
    expect(panel.locator(".spin")).to_have_count(0)
    axe(page)
    page.keyboard.press("n")
    expect(panel.get_by_role("heading", level=2)).to_have_text("Passage 2 of 10")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(title).to_be_focused()


def test_what_else_was_proposed_is_folded_away_below(page: Page, axe: Any) -> None:
    found(page)
    page.get_by_text("more were proposed and are not shown").click()
    table = page.get_by_role("region", name="Passages that the index proposed")
    expect(table.get_by_role("columnheader")).to_have_text(
        ["#", "Passage", "Meaning", "Words", "Together", "What became of it"]
    )
    expect(table.get_by_role("row").nth(1)).to_contain_text("Beyond the limit")
    rows = table.get_by_role("row").count()
    page.get_by_role("button", name="Show all 20", exact=True).click()
    expect(table.get_by_role("row").nth(rows)).to_be_visible()
    axe(page)


def test_what_went_worse_than_usual_is_said(page: Page) -> None:
    found(page, f"/search?q={QUESTION}&rerank=on")
    expect(page.get_by_role("region", name="Passages found")).to_contain_text("what puts the best first did not answer")


def test_a_question_of_nothing_but_common_words_says_how_it_was_searched_for(page: Page) -> None:
    found(page, "/search?q=what is it")
    expect(page.get_by_text("Searched by meaning only")).to_be_visible()


def test_a_refusal_says_what_to_do(page: Page, faults: Any) -> None:
    faults.expect("404 POST /v1/search", "422 POST /v1/search")
    page.goto(f"/search?q={QUESTION}&collection=gone")
    alert = page.get_by_role("alert").filter(has=page.get_by_role("button", name="Try again"))
    expect(alert).to_contain_text("gone")
    expect(page.get_by_role("combobox", name="Collection")).to_have_value("gone")
    page.get_by_role("combobox", name="Collection").select_option("")
    expect(hits(page).first).to_be_visible()
    page.goto(f"/search?q={QUESTION}&after=2026-02-01&before=2026-01-01")
    expect(alert).to_contain_text("earlier")


def test_markup_in_documents_and_questions_stays_text(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(f"{HOSTILE} <script>alert(2)</script> is a word about trains. <b>Trains</b> leave at nine.")
    server = fresh_site()
    files = {"file": (f"{HOSTILE}.txt", file.read_bytes())}
    job = server.call("POST", "/v1/documents", files=files, data={"title": HOSTILE})["job_id"]
    while server.call("GET", f"/v1/jobs/{job}")["status"] != "succeeded":
        time.sleep(0.05)
    page = new_page(server)
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    found(page, f"/search?q=trains {HOSTILE}")
    first = hits(page).first
    expect(first.get_by_role("button", name=HOSTILE)).to_be_visible()
    expect(first.locator(".hit-words")).to_contain_text("<script>alert(2)</script>")
    assert page.locator("#main").locator("img, script, b:text('Trains')").count() == 0
    first.get_by_role("button", name=HOSTILE).click()
    expect(page.get_by_role("complementary", name="Source")).to_contain_text("<b>Trains</b>")
    assert said == [], "no script ran"


@pytest.mark.parametrize(
    ("question", "text", "marks"),
    [
        ("How many days of leave?", "A day of leave; leaves; leaver; the days.", ["leave", "leaves", "leaver", "days"]),
        ("Café Kündigungsfrist", "cafe, Kündigungsfristen und Frist", ["cafe", "Kündigungsfristen"]),
        ("the of and", "the cat of the house", []),
        ("2024", "2024 and 20245 and 2 024", ["2024", "20245"]),
        ("年假 多少", "每人有年假三十天", ["年假"]),
        ("days", "", []),
    ],
)
def test_marks_follow_the_words(page: Page, question: str, text: str, marks: list[str]) -> None:
    page.goto("/search")
    found_marks = page.evaluate(
        """async ([question, text]) => {
          const main = document.querySelector("script[type=module]").src;
          const { stemsOf, marked } = await import(new URL("views/search/marks.js", main));
          const parts = marked(text, stemsOf(question)).filter((part) => typeof part === "object");
          return parts.map((part) => part.props.children);
        }""",
        [question, text],
    )
    assert found_marks == marks


def test_on_a_phone_the_scores_stand_below_and_nothing_is_wider(
    new_page: Callable[..., Page], site: Any, axe: Any
) -> None:
    page = new_page(site, width=360, height=740, locale="de-DE")
    page.goto(f"/search?q={QUESTION}")
    first = page.locator("ol.hits > li").first
    expect(first).to_be_visible()
    words, legs = first.locator(".hit-words").bounding_box(), first.locator(".legs").bounding_box()
    assert words
    assert legs
    assert legs["y"] > words["y"] + words["height"] - 1
    page.locator(".dropped summary").click()
    expect(page.get_by_role("table").get_by_role("row").nth(1)).to_be_visible()
    for place in ("#main", ".search-column", ".candidates"):
        assert page.locator(place).evaluate("(each) => each.scrollWidth <= each.clientWidth"), place
    axe(page)
    first.locator(".hit-title").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    axe(page)


def test_slash_goes_to_the_field(page: Page) -> None:
    found(page)
    hits(page).first.locator(".hit-title").focus()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="What to search for")).to_be_focused()
    page.keyboard.type("holiday")
    page.keyboard.press("Enter")
    expect(page.locator("#main .stale")).to_have_count(0)
    assert asked(page) == {"q": ["holiday"]}
