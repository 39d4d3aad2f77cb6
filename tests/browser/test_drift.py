"""Drift on the page, on a real server with weeks of answers behind it: what lasts, figures over time with their alarms,
topics with questions, the anchors, the next run and the form it opens; hostile questions, looks and access."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.drift_material import LOOKS, RULES, drifted
from tests.browser.test_rollout import _TOO_WIDE

ANA = "ana-key-0123456789"
ROOT = "root-key-0123456789"
KEYS = json.dumps([{"key": ANA, "id": "ana"}, {"key": ROOT, "id": "root", "admin": True}])
FIGURES = (
    "Topics (PSI)",
    "New kinds of questions",
    "Words of an answer",
    "Questions without an answer",
    "Support of statements",
    "Entropy of tokens (nats)",
    "Statements without support",
    "Cost of an answer",
)


@pytest.fixture(scope="module")
def serving(own_site: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that has answered for five weeks, and looked at it in the last two."""
    folder = tmp_path_factory.mktemp("drift")
    site = own_site(
        FOOTNOTE_AUTH__KEYS=KEYS,
        FOOTNOTE_FINETUNE__FOLDER=str(folder),
        FOOTNOTE_FINETUNE__WATCH__RULES=RULES.model_dump_json(),
    )
    site.key = ROOT
    site.spoken = drifted(site.data, folder)
    return site


def as_(key: str) -> dict[str, Any]:
    """What a page shows with every request."""
    return {"extra_http_headers": {"Authorization": f"Bearer {key}"}}


@pytest.fixture
def page(serving: Any, new_page: Callable[..., Page]) -> Page:
    made = new_page(serving, **as_(ROOT))
    made.goto("/finetune/drift")
    return made


def figure(page: Page, name: str) -> Locator:
    return page.get_by_role("figure", name=name, exact=True)


def report(serving: Any) -> Any:
    return serving.call("GET", "/v1/drift")["report"]


def test_it_is_reached_from_the_overview_with_the_keyboard(page: Page) -> None:
    page.goto("/finetune")
    page.get_by_role("link", name="Drift").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Drift")).to_be_visible()
    page.goto("/finetune/drift?part=next")
    expect(page.locator("#next")).to_be_focused()


def test_what_lasts_is_told_with_its_beginning_and_what_to_do(page: Page, serving: Any) -> None:
    told = report(serving)["lasting"]
    assert {"topics", "abstention", "entropy", "probe"} <= {each["measure"] for each in told}
    listed = page.get_by_role("list", name="Drifts that last").locator(":scope > li")
    expect(listed).to_have_count(len(told))
    for each, row in zip(told, listed.all(), strict=True):
        expect(row).to_contain_text(each["said"])
        expect(row).to_contain_text(each["todo"])
        expect(row).to_contain_text("since")
    expect(listed.filter(has_text="Answers to the anchors")).to_contain_text("hr@1")


def test_every_figure_has_a_line_its_level_and_a_mark_for_each_alarm(page: Page, serving: Any) -> None:
    looks = serving.call("GET", "/v1/drift/history")["items"]
    assert len(looks) == LOOKS
    for name in FIGURES:
        shown = figure(page, name)
        expect(shown.locator("polyline").first).to_be_attached()
    cost = figure(page, "Cost of an answer")
    expect(cost.locator("polyline")).to_have_count(2)
    expect(cost).to_contain_text("hr@1: ")
    alarmed = [each for each in looks if {"scope": "*", "measure": "abstention"} in each["alarms"]]
    assert alarmed
    silent = figure(page, "Questions without an answer")
    expect(silent.locator(".drift-mark")).to_have_count(len(alarmed))
    expect(silent).to_contain_text(f"{len(alarmed)} alarm")
    [whole] = [each for each in report(serving)["scopes"] if each["name"] == "*"]
    found = next(each for each in whole["findings"] if each["measure"] == "abstention")
    expect(silent).to_contain_text(f"before: {found['reference']:.1%}")
    topics = figure(page, "Topics (PSI)")
    expect(topics).to_contain_text("borne: 0.1")
    mark, line = topics.locator(".drift-mark line").last.bounding_box(), topics.locator("polyline").bounding_box()
    assert mark
    assert line
    assert abs(mark["x"] - (line["x"] + line["width"])) < 3, "the last alarm stands at the last look"


def test_a_figure_is_a_table_too(page: Page, serving: Any) -> None:
    [whole] = [each for each in report(serving)["scopes"] if each["name"] == "*"]
    shown = figure(page, "Entropy of tokens (nats)")
    shown.get_by_text("As a table").focus()
    page.keyboard.press("Enter")
    rows = shown.get_by_role("row")
    expect(rows).to_have_count(1 + sum(each["entropy"] is not None for each in whole["series"]))
    expect(rows.last).to_contain_text(f"{whole['series'][-1]['entropy']:.4g}")


def test_topics_that_grew_are_shown_by_questions_that_may_be_read(page: Page, serving: Any) -> None:
    examples = serving.call("GET", "/v1/drift/examples")
    assert {each["id"] for each in examples["items"]} == set(serving.spoken)
    assert examples["hidden"] > 0
    [whole] = [each for each in report(serving)["scopes"] if each["name"] == "*"]
    topic = whole["topics"]["grew"][0]
    grew = page.get_by_role("list", name="Asked about more").locator(":scope > li").first
    expect(grew).to_contain_text(f"{topic['reference']:.1%} → {topic['current']:.1%}".replace(".0%", "%"))
    texts = dict.fromkeys(each["question"] for each in examples["items"] if each["id"] in topic["ids"])
    assert texts
    expect(grew.locator("q")).to_have_text(list(texts))
    expect(page.get_by_role("region", name="Topics").get_by_text("not shown").first).to_be_visible()
    expect(page.get_by_role("list", name="Asked about less").locator(":scope > li").first).to_be_visible()


def test_hostile_questions_are_text(page: Page, serving: Any) -> None:
    hostile = [
        each["question"] for each in serving.call("GET", "/v1/drift/examples")["items"] if "<img" in each["question"]
    ]
    assert hostile, "one of those that were spoken of"
    assert hostile[0] == "[2J<img src=x onerror=alert(1)> password leak badge?"
    expect(page.locator("q").filter(has_text="<img src=x onerror=alert(1)>").first).to_be_visible()
    expect(page.locator("#main img")).to_have_count(0)


def test_the_anchors_and_what_the_version_made_of_them(page: Page) -> None:
    anchors = page.get_by_role("region", name="The anchors, asked again")
    expect(anchors).to_contain_text("40 questions")
    expect(anchors).to_contain_text("worse than it did at first")
    expect(anchors).to_contain_text("0.61")
    expect(anchors.locator("polyline")).to_be_attached()
    expect(anchors.locator(".drift-mark")).to_have_count(3)


def test_the_next_run_opens_the_form_with_its_method(page: Page, serving: Any) -> None:
    proposal = report(serving)["proposal"]
    assert (proposal["due"], proposal["method"]) == (True, "sft")
    part = page.get_by_role("region", name="The next run of training")
    expect(part).to_contain_text(proposal["reason"])
    expect(part).to_contain_text("+2% to +6%, 50% of the time")
    expect(part).to_contain_text(proposal["expected"]["said"])
    part.get_by_role("button", name="Prepare this run").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New run")
    expect(dialog.get_by_label("Method")).to_have_value("sft")
    page.keyboard.press("Escape")
    expect(part.get_by_role("button", name="Prepare this run")).to_be_focused()


def test_others_are_told_who_may_look(serving: Any, new_page: Callable[..., Page]) -> None:
    page = new_page(serving, **as_(ANA))
    page.goto("/finetune/drift")
    expect(page.get_by_role("heading", name="For administrators")).to_be_visible()


@pytest.mark.parametrize(("width", "locale"), [(1280, "en-GB"), (390, "de-DE")])
def test_it_is_accessible_and_fits(
    serving: Any, new_page: Callable[..., Page], axe: Any, width: int, locale: str
) -> None:
    page = new_page(serving, width=width, locale=locale, **as_(ROOT))
    page.goto("/finetune/drift")
    expect(page.get_by_role("figure")).to_have_count(len(FIGURES))
    expect(page.locator("q").first).to_be_visible()
    for table in page.locator("details > summary").all():
        table.click()
    axe(page)
    assert page.evaluate(_TOO_WIDE) == []


def test_before_anything_was_compared_it_says_what_is_needed(own_site: Callable[..., Any], new_page: Any) -> None:
    site = own_site()
    page = new_page(site)
    page.goto("/finetune/drift")
    expect(page.get_by_text("Nothing was answered so far.")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("needs 28 full days")
    expect(page.get_by_role("figure")).to_have_count(0)
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_role("region", name="The last look")).to_contain_text("Looked now")
    expect(page.get_by_role("figure", name="Topics (PSI)")).to_contain_text("Too little to compare yet.")
    expect(page.get_by_role("region", name="The next run of training")).to_be_visible()
