"""What a reader says of an answer: sent, shown again, changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

SHIP = "What is the hotel limit in Norway and what holds offshore or on a ship?"

expect.set_options(timeout=15_000)  # machines that build and test at once are slow


def ask(page: Page, question: str) -> Locator:
    field = page.get_by_role("textbox", name="Your question")
    field.fill(question)
    field.press("Enter")
    turn = page.get_by_role("article", name="Question and answer").last
    expect(turn.get_by_role("link", name="Why this answer")).to_be_visible(timeout=30_000)
    return turn


def said(site: Any, page: Page) -> dict[str, Any]:
    [answer] = site.call("GET", f"/v1/conversations/{page.url.rpartition('/')[2]}")["answers"]
    found: dict[str, Any] = answer["feedback"]
    return found


def test_all_of_it_is_sent_and_shown_again(page: Page, site: Any) -> None:
    page.goto("/")
    turn = ask(page, SHIP)
    turn.get_by_role("button", name="Bad answer").click()
    expect(turn.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    form = turn.get_by_role("form", name="Feedback on this answer")
    form.get_by_text("Something is missing").click()
    form.get_by_role("button", name="Footnote 1 is right").click()
    form.get_by_role("button", name="Footnote 2 is wrong").click()
    form.get_by_label("Anything else?").fill("The <b>table</b> is longer.")
    form.get_by_role("button", name="Correct this answer").click()
    correction = form.get_by_label("The answer as it should have been")
    expect(correction).to_be_focused()
    expect(correction).to_have_value(re.compile("Norway"))
    correction.fill("190 euros a night.")
    form.get_by_role("button", name="Send").click()
    words = "You found this answer bad · Something is missing · 1 footnote right · 1 footnote wrong · with a correction"
    for _ in range(2):
        shown = turn.locator(".feedback-said")
        for part in words.split(" · "):
            expect(shown.get_by_text(part)).to_be_visible()
        expect(shown.get_by_text("The <b>table</b> is longer.")).to_be_visible()
        expect(turn.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
        page.reload()
    kept = said(site, page)
    assert (kept["rating"], kept["reason"], kept["corrected"]) == ("down", "incomplete", "190 euros a night.")
    answer = site.call("GET", f"/v1/answers/{kept['answer_id']}")
    cited = list(dict.fromkeys(source for statement in answer["statements"] for source in statement["sources"]))
    assert {mark["source"]: mark["correct"] for mark in kept["citations"]} == {cited[0]: True, cited[1]: False}


def test_it_can_be_changed(page: Page, site: Any) -> None:
    page.goto("/")
    turn = ask(page, "How much is the referral bonus?")
    with page.expect_response("**/v1/feedback"):
        turn.get_by_role("button", name="Good answer").click()
    assert said(site, page)["rating"] == "up"
    form = turn.get_by_role("form", name="Feedback on this answer")
    form.get_by_text("Correct", exact=True).click()
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    assert said(site, page)["reason"] == "correct"

    page.reload()
    with page.expect_response("**/v1/feedback"):
        turn.get_by_role("button", name="Bad answer").click()
    kept = said(site, page)
    assert (kept["rating"], kept["reason"]) == ("down", None)
    expect(turn.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "false")
    form.get_by_text("Out of date").click()
    form.get_by_role("button", name="Send").click()
    expect(turn.locator(".feedback-said")).to_contain_text("Out of date")
    turn.get_by_role("button", name="Change").click()
    expect(form.get_by_role("radio", name="Out of date")).to_be_checked()
    form.get_by_role("button", name="Cancel").click()
    assert said(site, page)["reason"] == "outdated"


def test_it_can_be_taken_back_and_that_undone(page: Page, site: Any) -> None:
    page.goto("/")
    turn = ask(page, "How many days of notice are there in the probationary period?")
    good = turn.get_by_role("button", name="Good answer")
    with page.expect_response("**/v1/feedback"):
        good.click()
    form = turn.get_by_role("form", name="Feedback on this answer")
    form.get_by_label("Anything else?").fill("Just what I needed.")
    form.get_by_role("button", name="Send").click()
    expect(turn.locator(".feedback-said")).to_contain_text("Just what I needed.")
    with page.expect_response("**/v1/feedback/*"):
        good.click()
    expect(good).to_have_attribute("aria-pressed", "false")
    expect(turn.locator(".feedback-said")).to_have_count(0)
    expect(form).to_have_count(0)
    assert said(site, page) is None
    messages = page.get_by_role("region", name="Messages")
    expect(messages).to_contain_text("You took your feedback back.")
    with page.expect_response("**/v1/feedback"):
        messages.get_by_role("button", name="Undo").click()
    expect(turn.locator(".feedback-said")).to_contain_text("Just what I needed.")
    assert (said(site, page)["rating"], said(site, page)["comment"]) == ("up", "Just what I needed.")
    with page.expect_response("**/v1/feedback/*"):
        good.click()
    page.reload()
    expect(good).to_have_attribute("aria-pressed", "false")
    assert said(site, page) is None


def test_a_thumb_that_the_server_does_not_take_is_taken_back(page: Page, site: Any, faults: Any) -> None:
    faults.expect("404 POST /v1/feedback")
    page.goto("/")
    turn = ask(page, "By what time do I have to tell my lead that I am ill?")
    site.call("DELETE", f"/v1/conversations/{page.url.rpartition('/')[2]}")
    turn.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("There is no such answer.")
    expect(turn.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "false")


def test_an_unchanged_correction_is_none(page: Page, site: Any) -> None:
    page.goto("/")
    turn = ask(page, "From which day of illness is a medical certificate needed?")
    turn.get_by_role("button", name="Good answer").click()
    form = turn.get_by_role("form", name="Feedback on this answer")
    form.get_by_role("button", name="Correct this answer").click()
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    assert said(site, page)["corrected"] is None


def test_the_form_is_accessible_and_works_by_keyboard(page: Page, site: Any, axe: Callable[..., None]) -> None:
    page.goto("/")
    turn = ask(page, "What is the core time from Monday to Thursday?")
    turn.get_by_role("button", name="Bad answer").focus()
    page.keyboard.press("Enter")
    form = turn.get_by_role("form", name="Feedback on this answer")
    expect(form.get_by_role("radio", name="Wrong")).to_be_focused()
    form.get_by_role("button", name="Correct this answer").click()
    axe(page)
    page.keyboard.press("Escape")
    expect(form).to_have_count(0)
    expect(turn.get_by_role("button", name="Bad answer")).to_be_focused()
