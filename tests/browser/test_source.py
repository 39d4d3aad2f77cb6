"""From a footnote to its source: hovering, the page with its passages lit, passages of documents without pages."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page, expect

SHIP = "What is the hotel limit in Norway and what holds offshore or on a ship?"
HOSTILE = "<img src=x onerror=alert(1)>&amp;"

expect.set_options(timeout=15_000)  # machines that build and test at once are slow


def ask(page: Page, question: str) -> Locator:
    field = page.get_by_role("textbox", name="Your question")
    field.fill(question)
    field.press("Enter")
    turn = page.get_by_role("article", name="Question and answer").last
    expect(turn.get_by_role("link", name="Why this answer")).to_be_visible(timeout=30_000)
    return turn


def panel_of(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Source")


def picture_of(panel: Locator) -> Locator:
    picture = panel.get_by_role("img", name=re.compile("passages? marked"))
    expect(picture).to_be_visible(timeout=30_000)
    return picture


def test_hovering_shows_the_passage(page: Page) -> None:
    page.goto("/")
    turn = ask(page, "How many days of holiday do employees have a year?")
    popover = turn.get_by_label("Passage of footnote 1")
    turn.locator(".cite-number").first.hover()
    expect(popover).to_contain_text("Employee Handbook")
    expect(popover.locator("mark")).to_contain_text("30 days of holiday")
    popover.hover()  # it stays for whoever reads in it
    page.wait_for_timeout(500)
    expect(popover).to_be_visible()
    page.mouse.move(5, 5)
    expect(popover).to_have_count(0)


def test_the_page_with_all_its_passages_lit(page: Page, site: Any) -> None:
    page.goto("/")
    turn = ask(page, SHIP)
    answer = site.call("GET", f"/v1/conversations/{page.url.rpartition('/')[2]}")["answers"][0]
    cited = {source for statement in answer["statements"] for source in statement["sources"]}
    on_page = [source for source in answer["sources"] if source["id"] in cited and source["page"] == 2]
    assert len(on_page) == 2
    with page.expect_request("**/pages/2.png*") as asked:
        turn.get_by_role("button", name="Footnote 2:").first.click()
    assert sorted(re.findall(r"chunk=([0-9a-f-]+)", asked.value.url)) == sorted(item["chunk_id"] for item in on_page)
    panel = panel_of(page)
    picture = picture_of(panel)
    expect(panel).to_contain_text("Footnote 2 of 2")
    expect(panel.get_by_text("Page 2 of 4")).to_be_visible()
    link = panel.get_by_role("link", name="Travel and Expenses Policy").get_attribute("href")
    assert link is not None
    assert link.startswith(f"/documents/{on_page[0]['document_id']}?chunk=")
    # The mark beside the passage stands where the passage is lit in the picture itself.
    mark = panel.locator(".source-mark").bounding_box()
    frame = picture.bounding_box()
    assert mark is not None
    assert frame is not None
    drawn = Image.open(io.BytesIO(page.request.get(asked.value.url).body())).convert("RGB")
    scale = drawn.width / frame["width"]
    x = (mark["x"] + mark["width"] + 10 - frame["x"]) * scale
    y = (mark["y"] + mark["height"] / 2 - frame["y"]) * scale
    red, _, blue = drawn.getpixel((int(x), int(y)))
    assert red - blue > 40

    panel.get_by_role("button", name="Previous passage").click()
    expect(panel).to_contain_text("Footnote 1 of 2")
    page.keyboard.press("n")
    expect(panel).to_contain_text("Footnote 2 of 2")
    before = picture.bounding_box()
    panel.get_by_role("button", name="Larger").click()
    expect(panel.get_by_role("button", name="Smaller")).to_be_enabled()
    after = picture.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"]
    panel.get_by_role("button", name="Next page").click()
    expect(panel.get_by_text("Page 3 of 4")).to_be_visible()
    with page.expect_download() as download:
        panel.get_by_role("link", name="Open the original").click()
    assert download.value.suggested_filename == "travel-and-expenses.pdf"
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")


def test_a_passage_without_pages_stands_among_its_neighbours(page: Page) -> None:
    page.goto("/")
    turn = ask(page, "How many days of holiday do employees have a year?")
    turn.get_by_role("list", name="Footnotes").get_by_role("button").first.click()
    panel = panel_of(page)
    lit = panel.locator(".source-passage.lit")
    expect(lit).to_contain_text("Annual holiday")
    expect(lit.locator("mark").first).to_contain_text("30 days of holiday")
    expect(lit).to_be_in_viewport()
    expect(panel.locator(".source-passage")).to_have_count(3)
    panel.get_by_role("button", name="Show more around it").click()
    expect(panel.locator(".source-passage")).to_have_count(9)
    expect(lit).to_have_count(1)


def test_on_a_phone_it_covers_the_screen(site: Any, new_page: Callable[..., Page], axe: Callable[..., None]) -> None:
    page = new_page(site, width=360, height=740, has_touch=True)
    page.goto("/")
    turn = ask(page, SHIP)
    turn.locator(".cite-number").first.tap()
    sheet = page.get_by_role("dialog", name="Source")
    picture_of(sheet)
    assert sheet.bounding_box() == {"x": 0, "y": 0, "width": 360, "height": 740}
    axe(page)
    sheet.get_by_role("button", name="Close the source").click()
    expect(sheet).to_have_count(0)
    expect(turn.locator(".cite-number").first).to_be_focused()


def test_the_panel_is_accessible(page: Page, axe: Callable[..., None]) -> None:
    page.goto("/")
    turn = ask(page, SHIP)
    turn.locator(".cite-number").first.click()
    picture_of(panel_of(page))
    axe(page)
    turn = ask(page, "How many days of holiday do employees have a year?")
    turn.locator(".cite-number").first.click()
    expect(panel_of(page).locator(".source-passage.lit")).to_be_visible()
    axe(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    turn.locator(".cite-number").first.focus()
    expect(turn.get_by_label("Passage of footnote 1")).to_be_visible()
    axe(page)


def test_a_document_that_changed_or_went_since(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], tmp_path: Path
) -> None:
    site = fresh_site()
    path = tmp_path / "canteen.md"
    path.write_text("# Canteen\n\nA meal in the canteen costs 4.80 euros.\n")
    site.fill(path)
    page = new_page(site)
    page.goto("/")
    turn = ask(page, "What does a meal in the canteen cost?")
    path.write_text("# Canteen\n\nA meal in the canteen costs 5.20 euros since May.\n")
    site.fill(path)
    turn.locator(".cite-number").first.click()
    panel = panel_of(page)
    expect(panel.get_by_text("The document has changed since this answer was written.")).to_be_visible()
    expect(panel.locator(".lit")).to_contain_text("4.80 euros")

    [document] = site.call("GET", "/v1/documents")["items"]
    site.call("DELETE", f"/v1/documents/{document['id']}")
    page.reload()
    expect(turn).to_contain_text("This statement rested on a document that was deleted")
    expect(page.get_by_text("4.80")).to_have_count(0)
    turn.locator(".cite-number").first.click()
    expect(panel).to_contain_text("Its words are not shown any more.")


def test_names_and_words_with_markup_stay_text(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], tmp_path: Path
) -> None:
    site = fresh_site()
    path = tmp_path / f"{HOSTILE}.txt"
    path.write_text(
        "Of the house\n\nThe secret <script>alert(2)</script> word of the <b>house</b> is mellon, "
        "[see](javascript:alert(3)).\n"
    )
    site.fill(path)
    page = new_page(site)
    page.on("dialog", lambda dialog: (_ for _ in ()).throw(AssertionError(dialog.message)))
    page.goto("/")
    turn = ask(page, f"What is the secret word of the house? {HOSTILE}")
    expect(turn.get_by_role("heading", level=2)).to_contain_text(HOSTILE)
    expect(turn.locator(".footnote-title")).to_contain_text("<img src=x onerror=alert(1)>")
    turn.locator(".cite-number").first.hover()
    expect(turn.get_by_label("Passage of footnote 1")).to_contain_text("<img src=x onerror=alert(1)>")
    turn.locator(".cite-number").first.click()
    expect(panel_of(page).locator(".source-title")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(panel_of(page).locator(".source-passage.lit")).to_be_visible()
    made = page.evaluate(
        """() => [...document.querySelectorAll(".chat img, .chat script, .chat b, .sidebar img, [href^=javascript]")]
          .map((each) => each.outerHTML).filter((each) => !each.includes("icon.svg"))"""
    )
    assert made == []
