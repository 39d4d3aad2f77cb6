"""Status: what there is and how it fares, in numbers, plots, words and tables; for administrators."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

ANA, ROOT = "ana-key-0123456789", "root-key-0123456789"
KEYS = json.dumps([{"key": ANA, "id": "ana"}, {"key": ROOT, "id": "root", "admin": True}])


def figure(page: Page, name: str) -> Locator:
    return page.locator("section").filter(has=page.get_by_role("heading", level=2, name=name, exact=True))


def number(page: Page, name: str) -> Locator:
    return page.locator(".number").filter(has=page.get_by_text(name, exact=True))


def shown(page: Page, address: str = "/status") -> None:
    page.goto(address)
    expect(number(page, "Documents")).to_be_visible()


def used(site: Any) -> None:
    """Something of everything, so that there is something to see."""
    for _ in range(3):
        site.call("POST", "/v1/search", json={"query": "holiday"})
    answer = site.call("POST", "/v1/answers", json={"question": "How many days of holiday do I have a year?"})
    site.call("POST", "/v1/answers", json={"question": "What is the melting point of tungsten?"})
    site.call("POST", "/v1/feedback", json={"answer_id": answer["id"], "rating": "up"})


def pixels(plot: Locator) -> list[int]:
    """The colours of a plot's canvas, the most frequent first."""
    found: list[int] = plot.locator("canvas").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const counts = new Map();
          for (let n = 0; n < data.length; n += 4) {
            if (data[n + 3] < 255) continue;
            const colour = (data[n] << 16) | (data[n + 1] << 8) | data[n + 2];
            counts.set(colour, (counts.get(colour) ?? 0) + 1);
          }
          return [...counts].sort((a, b) => b[1] - a[1]).map(([colour]) => colour);
        }"""
    )
    return found


def drawn_in(page: Page, plot: Locator, colour: int) -> None:
    """Waits until a colour is among those of a plot: it is drawn after the theme has changed."""
    for _ in range(250):
        if colour in pixels(plot):
            return
        page.wait_for_timeout(20)
    pytest.fail(f"Nothing is drawn in {colour:06x}.")


def token(page: Page, name: str) -> int:
    value = page.evaluate("(name) => getComputedStyle(document.documentElement).getPropertyValue(name)", name)
    return int(value.strip().lstrip("#"), 16)


def test_numbers_plots_and_tables(page: Page, site: Any, axe: Any) -> None:
    used(site)
    shown(page, "/status?span=1h")
    stats = site.call("GET", "/v1/stats?span=1h")
    expect(number(page, "Documents").locator("b")).to_have_text(str(stats["totals"]["live_documents"]))
    expect(number(page, "Passages").locator("b")).to_have_text(str(stats["totals"]["chunks"]))
    expect(number(page, "Jobs in the queue").locator("b")).to_have_text("0")
    expect(number(page, "Thumbs up / down").locator("b")).to_have_text(re.compile(r"[1-9]\d* / \d+"))

    latency = figure(page, "How long it takes")
    expect(latency.get_by_text("searches: half took at most")).to_be_visible()
    expect(latency.get_by_role("table").get_by_role("rowheader")).to_have_text(["Total", "Embed", "Index", "Database"])
    latency.get_by_role("radio", name="Answers").check()
    expect(latency.get_by_role("rowheader", name="Write", exact=True)).to_be_visible()
    expect(latency.get_by_text("answers: half took at most")).to_be_visible()
    latency.get_by_role("radio", name="99 %").check()

    answers = figure(page, "Answers")
    expect(answers.get_by_text(re.compile(r"Answered: \d+, without an answer in the documents: [1-9]"))).to_be_visible()
    answers.get_by_text("As a table").click()
    expect(answers.get_by_role("columnheader")).to_have_text(
        ["Time", "Answered", "No answer in the documents", "Failed"]
    )
    expect(figure(page, "Server").get_by_role("rowheader", name="server")).to_be_visible()
    expect(figure(page, "Server")).to_contain_text("all-MiniLM-L6-v2")
    axe(page)


def test_the_span_is_in_the_address(page: Page, site: Any) -> None:
    used(site)
    shown(page)
    expect(page.get_by_role("radio", name="Day", exact=True)).to_be_checked()
    page.get_by_role("radio", name="Month").check()
    expect(figure(page, "Answers a day").locator("canvas")).to_be_visible()
    assert page.url.endswith("/status?span=30d")
    page.reload()
    expect(page.get_by_role("radio", name="Month")).to_be_checked()


def test_plots_are_drawn_in_the_theme_s_colours_and_anew_when_it_changes(page: Page, site: Any) -> None:
    used(site)
    shown(page, "/status?span=1h")
    plot = figure(page, "Answers").locator(".plot")
    expect(plot.locator("canvas")).to_be_visible()
    light = token(page, "--plot-1")
    drawn_in(page, plot, light)
    page.emulate_media(color_scheme="dark")
    dark = token(page, "--plot-1")
    assert dark != light
    drawn_in(page, plot, dark)
    assert light not in pixels(plot)
    page.get_by_role("button", name="Appearance").click()
    page.get_by_role("menuitemradio", name="Light").click()
    drawn_in(page, plot, light)


def test_what_lies_under_the_pointer_is_told(page: Page, site: Any) -> None:
    used(site)
    shown(page, "/status?span=30d")
    plot = figure(page, "Answers a day").locator(".plot")
    expect(plot.locator("canvas")).to_be_visible()
    over = plot.locator(".u-over")
    box = over.bounding_box()
    assert box
    over.hover(position={"x": box["width"] - 4, "y": box["height"] / 2})
    readout = figure(page, "Answers a day").locator(".readout")
    expect(readout).to_contain_text("Answered")
    page.mouse.move(5, 5)
    expect(readout).to_have_count(0)


def test_it_is_asked_for_again_while_it_can_be_seen(page: Page, site: Any) -> None:
    page.clock.install()
    asked: list[str] = []

    def count(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_()

    page.route("**/v1/stats*", count)
    shown(page)
    before = len(asked)
    used(site)
    seen = int(number(page, "Questions today").locator("b").inner_text())
    page.clock.run_for(16_000)
    expect(number(page, "Questions today").locator("b")).to_have_text(str(seen + 2))
    assert len(asked) == before + 1

    page.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })")
    page.clock.run_for(60_000)
    assert len(asked) == before + 1
    page.evaluate(
        """() => {
          Object.defineProperty(document, "visibilityState", { value: "visible", configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    for _ in range(100):
        if len(asked) == before + 2:
            break
        page.wait_for_timeout(20)
    assert len(asked) == before + 2


def test_an_empty_server_is_no_broken_one(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], axe: Any
) -> None:
    page = new_page(fresh_site())
    shown(page)
    expect(number(page, "Documents").locator("b")).to_have_text("0")
    expect(number(page, "Without an answer").locator("b")).to_have_text("–")
    expect(page.get_by_text("Nothing was searched for or asked in this time.")).to_be_visible()
    expect(page.get_by_text("Nobody asked anything in this time.")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(0)
    axe(page)


def test_figures_outlive_a_restart(fresh_site: Callable[..., Any], new_page: Callable[..., Page]) -> None:
    server = fresh_site()
    server.call("POST", "/v1/search", json={"query": "holiday"})
    server.process.terminate()
    server.process.wait(60)
    server.start()
    page = new_page(server)
    shown(page, "/status?span=1h")
    expect(figure(page, "How long it takes").get_by_text("1 search: half took at most")).to_be_visible()


@pytest.mark.parametrize(("key", "told"), [(ANA, False), (ROOT, True)])
def test_the_figures_are_for_administrators(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], faults: Any, axe: Any, key: str, told: bool
) -> None:
    faults.expect("401 GET /v1/session$")
    page = new_page(fresh_site(key=ROOT, FOOTNOTE_AUTH__KEYS=KEYS))
    page.goto("/status")
    page.get_by_label("Key").fill(key)
    page.get_by_label("Key").press("Enter")
    expect(page).to_have_title("Status · Footnote")
    if told:
        expect(number(page, "Documents")).to_be_visible()
    else:
        expect(page.get_by_role("heading", name="For administrators")).to_be_visible()
        expect(page.get_by_role("radio")).to_have_count(0)
    axe(page)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(new_page: Callable[..., Page], site: Any, width: int, axe: Any) -> None:
    used(site)
    page = new_page(site, width=width, height=740, locale="de-DE")
    page.goto("/status?span=30d")
    expect(page.locator("canvas").first).to_be_visible()
    main = page.locator("#main")
    assert main.evaluate("(main) => main.scrollWidth <= main.clientWidth")
    axe(page)


def test_plots_follow_the_window(page: Page, site: Any) -> None:
    used(site)
    shown(page, "/status?span=30d")
    plot = page.locator(".plot").first
    expect(plot.locator("canvas")).to_be_visible()
    for width in (1280, 600, 1000):
        page.set_viewport_size({"width": width, "height": 740})
        for _ in range(100):
            gap = plot.evaluate("(plot) => plot.clientWidth - plot.querySelector('.uplot').clientWidth")
            if gap == 0:
                break
            page.wait_for_timeout(20)
        assert gap == 0
