"""The documents: finding, opening, lighting passages on pages, editing, deleting and taking it back; ten thousand."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Faults, Site

MANY = 10_000


def rows(page: Page) -> Locator:
    """The rows of documents, without the headings."""
    return page.get_by_role("table").get_by_role("rowgroup").last.get_by_role("row")


def ident(site: Site, external_id: str) -> str:
    found = site.call("GET", "/v1/documents", params={"query": external_id})["items"]
    return str(next(item["id"] for item in found if item["external_id"] == external_id))


def add(site: Site, folder: Path, *names: str) -> None:
    """Documents of a sentence each, read and ready."""
    paths = [folder / name for name in names]
    for path in paths:
        path.write_text(f"# About {path.stem}\n\nThe valve of {path.name} was checked.\n")
    site.fill(*paths)


# ---- the list ------------------------------------------------------------------------------------------------------


def test_the_list_finds_and_opens(page: Page, axe: Callable[..., None]) -> None:
    page.goto("/documents")
    expect(rows(page).first).to_be_visible()
    axe(page)
    page.keyboard.press("/")
    page.keyboard.type("travel")
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?q=travel"))
    row = rows(page).first
    expect(row).to_contain_text("Travel and Expenses Policy")
    for cell in ("PDF", "4", "everyone"):
        expect(row.get_by_role("cell", name=cell, exact=True)).to_be_visible()
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Travel and Expenses Policy")
    page.go_back()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("searchbox", name="Find by title or file name").fill("no such thing")
    page.get_by_role("button", name="Show all documents").click()
    expect(rows(page).nth(1)).to_be_visible()


def test_an_administrator_says_what_becomes_of_personal_data(site: Site, page: Page, axe: Callable[..., None]) -> None:
    site.call("POST", "/v1/collections", json={"name": "people"})
    try:
        page.goto("/documents")
        button = page.get_by_role("button", name="Collection settings")
        button.click()
        dialog = page.get_by_role("dialog", name="Collection settings")
        dialog.get_by_label("Collection").select_option("people")
        dialog.get_by_label("What it is for").fill("Whom we employ.")
        dialog.get_by_label("Personal data").select_option("Mask")
        expect(dialog).to_contain_text("masked before a model")
        axe(page)
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_have_count(0)
        expect(button).to_be_focused()
        kept = site.call("GET", "/v1/collections/people")
        assert (kept["description"], kept["personal"]) == ("Whom we employ.", "mask")
    finally:
        site.call("DELETE", "/v1/collections/people")


@pytest.mark.parametrize("width", [360, 390])
def test_on_phones_documents_are_cards(
    site: Site, new_page: Callable[..., Page], axe: Callable[..., None], width: int
) -> None:
    page = new_page(site, width=width, height=800, has_touch=True)
    page.goto("/documents")
    expect(rows(page).first).to_be_visible()
    fits(page)
    axe(page)
    rows(page).filter(has_text="Travel and Expenses").get_by_role("link").click()
    expect(page.get_by_role("img", name="Page 1 of")).to_be_visible(timeout=30_000)
    fits(page)
    axe(page)


def test_on_phones_what_is_chosen_can_be_deleted(site: Site, new_page: Callable[..., Page]) -> None:
    page = new_page(site, width=360, height=740, locale="de-DE", has_touch=True)
    page.goto("/documents")
    page.get_by_role("table").get_by_role("checkbox").nth(1).check()
    chosen = page.get_by_role("toolbar", name="1 ausgewählt").get_by_role("button")
    expect(chosen.first).to_be_visible()
    for button in chosen.all():
        box = button.bounding_box()
        assert box
        assert box["x"] + box["width"] <= 360 - 16


def fits(page: Page) -> None:
    assert page.evaluate("document.getElementById('main').scrollWidth <= innerWidth")


def test_an_empty_server_invites(
    fresh_site: Callable[..., Site], new_page: Callable[..., Page], axe: Callable[..., None], tmp_path: Path
) -> None:
    site = fresh_site()
    page = new_page(site)
    page.goto("/documents")
    expect(page.get_by_role("heading", name="Drop your documents here")).to_be_visible()
    expect(page.get_by_text("PDF, Word, PowerPoint")).to_be_visible()
    expect(page.get_by_text("Up to 210 MB each")).to_be_visible()
    axe(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    assert chooser.value.is_multiple()


# ---- a document ----------------------------------------------------------------------------------------------------


def test_a_passage_is_lit_on_its_page(page: Page, site: Site, axe: Callable[..., None]) -> None:
    document = ident(site, "travel-and-expenses.pdf")
    page.goto(f"/documents/{document}")
    expect(page.get_by_role("img", name="Page 1 of Travel")).to_be_visible(timeout=30_000)
    axe(page)
    chunks = site.call("GET", f"/v1/documents/{document}/chunks", params={"limit": 100})["items"]
    passages = page.get_by_role("region", name="Passages").get_by_role("listitem")
    expect(passages).to_have_count(len(chunks))
    wanted = next(chunk for chunk in chunks if chunk["page"] == 2)
    passage = passages.nth(wanted["ordinal"])
    expect(passage).to_contain_text(" › ".join(wanted["heading_path"]))
    expect(passage).to_contain_text(f"Page 2 · {wanted['tokens']} tokens")
    passage.get_by_role("button").click()
    picture = page.get_by_role("img", name="Page 2 of Travel and Expenses Policy, with the chosen passage lit")
    expect(picture).to_be_visible(timeout=30_000)
    marks = page.locator(".pages-mark")
    expect(marks).to_have_count(sum(box["page"] == 2 for box in wanted["boxes"]))
    inside(marks.first, picture)
    axe(page)
    passage.get_by_role("button").click()
    expect(marks).to_have_count(0)


def inside(mark: Locator, picture: Locator) -> None:
    inner, outer = mark.bounding_box(), picture.bounding_box()
    assert inner
    assert outer
    assert outer["x"] <= inner["x"] < inner["x"] + inner["width"] <= outer["x"] + outer["width"] + 1
    assert outer["y"] <= inner["y"] < inner["y"] + inner["height"] <= outer["y"] + outer["height"] + 1


def test_pages_are_turned_and_jumped_to(page: Page, site: Site) -> None:
    page.goto(f"/documents/{ident(site, 'travel-and-expenses.pdf')}?page=2")
    bar = page.get_by_role("toolbar", name="Pages")
    field = bar.get_by_role("textbox", name="Go to page")
    expect(field).to_have_value("2")
    bar.get_by_role("button", name="Next page").click()
    expect(field).to_have_value("3")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("ArrowLeft")
    expect(field).to_have_value("2")
    field.fill("99")
    field.press("Enter")
    expect(field).to_have_value("4")
    expect(page.get_by_role("img", name="Page 4 of Travel")).to_be_visible(timeout=30_000)
    expect(bar.get_by_role("button", name="Next page")).to_be_disabled()


def test_an_address_names_a_passage(page: Page, site: Site) -> None:
    document = ident(site, "travel-and-expenses.pdf")
    chunks = site.call("GET", f"/v1/documents/{document}/chunks", params={"limit": 100})["items"]
    page.goto(f"/documents/{document}?chunk={chunks[-1]['id']}")
    expect(page.get_by_role("button", pressed=True)).to_contain_text(chunks[-1]["text"][:40])
    expect(page.get_by_role("textbox", name="Go to page")).to_have_value(str(chunks[-1]["page"]))


def test_documents_without_pages_show_their_passages(page: Page, site: Site, axe: Callable[..., None]) -> None:
    document = ident(site, "on-call-guide.md")
    page.goto(f"/documents/{document}")
    count = site.call("GET", f"/v1/documents/{document}")["chunks"]
    expect(page.get_by_role("region", name="Passages").get_by_role("listitem")).to_have_count(count)
    assert page.get_by_role("toolbar", name="Pages").count() == 0
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "on-call-guide.md"
    axe(page)


def test_a_newer_file_becomes_the_next_version(
    shelf: Site, new_page: Callable[..., Page], tmp_path: Path, axe: Callable[..., None]
) -> None:
    add(shelf, tmp_path, "pump.md")
    page = new_page(shelf)
    page.goto(f"/documents/{ident(shelf, 'pump.md')}")
    newer = tmp_path / "pump-2.md"
    newer.write_text("# About the pump\n\nThe pump was painted red.\n")
    page.locator(".document-actions input[type=file]").set_input_files(newer)
    expect(page.get_by_role("heading", name="About the pump", level=1)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("region", name="Passages")).to_contain_text("painted red")
    page.get_by_text("Versions", exact=True).click()
    versions = page.locator(".document-versions").get_by_role("listitem")
    expect(versions).to_have_count(2)
    expect(versions.first).to_contain_text("Version 2")
    expect(versions.first).to_contain_text("Answers now")
    expect(versions.last).to_contain_text("Replaced")
    axe(page)


def test_title_groups_and_metadata_are_edited(
    shelf: Site, new_page: Callable[..., Page], tmp_path: Path, axe: Callable[..., None]
) -> None:
    add(shelf, tmp_path, "valve.md")
    document = ident(shelf, "valve.md")
    page = new_page(shelf)
    page.goto(f"/documents/{document}")
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit the document")
    dialog.get_by_label("Title").fill("Valves <b>of 2026</b>")
    dialog.get_by_role("button", name="Remove everyone").click()
    groups = dialog.get_by_role("combobox", name="Groups")
    groups.fill("plant")
    dialog.get_by_role("button", name="Add an entry").click()
    dialog.get_by_role("textbox", name="Name", exact=True).fill("checked")
    dialog.get_by_label("Kind").select_option("Yes or no")
    axe(page, within="dialog")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Valves <b>of 2026</b>")
    expect(page.get_by_role("region", name="About this document")).to_contain_text("plant")
    found = shelf.call("GET", f"/v1/documents/{document}")
    assert (found["title"], found["groups"], found["metadata"]) == (
        "Valves <b>of 2026</b>",
        ["plant"],
        {"checked": True},
    )


def test_a_document_that_is_not_there(page: Page, faults: Faults) -> None:
    faults.expect(r"404 GET /v1/documents/nothing")
    page.goto("/documents/nothing")
    expect(page.get_by_role("alert").filter(has_text="There is no such document")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Documents").click()
    expect(rows(page).first).to_be_visible()


# ---- deleting ------------------------------------------------------------------------------------------------------


def test_deleting_can_be_taken_back(shelf: Site, new_page: Callable[..., Page], tmp_path: Path) -> None:
    add(shelf, tmp_path, "kept.md", "gone.md")
    page = new_page(shelf)
    page.goto("/documents?q=.md")
    row = rows(page).filter(has_text="kept.md")
    row.get_by_role("button", name="Actions for About kept").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(row).to_have_count(0)
    message = page.get_by_role("region", name="Messages")
    expect(message).to_contain_text("“About kept” was deleted")
    assert shelf.call("GET", "/v1/documents", params={"query": "kept"})["items"] == []
    message.get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()
    document = ident(shelf, "kept.md")
    assert shelf.call("GET", f"/v1/documents/{document}/chunks")["items"]

    page.goto(f"/documents/{ident(shelf, 'gone.md')}")
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page).to_have_url(f"{shelf.url}/documents")
    expect(rows(page).filter(has_text="kept.md")).to_be_visible()
    expect(rows(page).filter(has_text="gone.md")).to_have_count(0)
    assert shelf.call("GET", "/v1/documents", params={"query": "gone"})["items"] == []
    message.get_by_role("button", name="Undo").click()
    expect(rows(page).filter(has_text="gone.md")).to_be_visible()


def test_several_are_chosen_and_deleted_at_once(
    shelf: Site, new_page: Callable[..., Page], tmp_path: Path, axe: Callable[..., None]
) -> None:
    add(shelf, tmp_path, *(f"batch-{n}.md" for n in range(5)))
    page = new_page(shelf)
    page.goto("/documents?q=batch-")
    expect(rows(page)).to_have_count(5)
    rows(page).nth(0).get_by_role("checkbox").click()
    rows(page).nth(2).get_by_role("checkbox").click(modifiers=["Shift"])
    bar = page.get_by_role("toolbar", name="3 chosen")
    axe(page)
    bar.get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(2)
    expect(bar).to_be_hidden()
    message = page.get_by_role("region", name="Messages")
    expect(message).to_contain_text("3 documents were deleted")
    message.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(5)
    assert len(shelf.call("GET", "/v1/documents", params={"query": "batch-"})["items"]) == 5


# ---- ten thousand --------------------------------------------------------------------------------------------------


def multiply(database: Path, many: int) -> None:
    """Copies of the document `seed.md`, each with a version that answers and a name of its own."""
    with sqlite3.connect(database, timeout=60) as connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("documents", "versions")
        }
        own = {
            "documents": {
                "id": "'d' || i",
                "live_version_id": "'v' || i",
                "external_id": "'copy/' || i || '.md'",
                "title": "printf('Report %05d', i)",
                "search_text": "printf('report %05d', i)",
                "created_at": "created_at - i",
            },
            "versions": {"id": "'v' || i", "document_id": "'d' || i", "filename": "'copy-' || i || '.md'"},
        }
        for table, values in own.items():
            names = ", ".join(f'"{name}"' for name in columns[table])
            given = ", ".join(values.get(name, f'"{name}"') for name in columns[table])
            source = "documents WHERE external_id" if table == "documents" else "versions WHERE filename"
            connection.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                f"INSERT INTO {table} ({names}) SELECT {given} FROM n, (SELECT * FROM {source} = 'seed.md')",
                (many,),
            )
        connection.execute(
            "INSERT INTO document_groups (document_id, name) SELECT id, 'everyone' FROM documents WHERE id LIKE 'd%' "
            "AND id NOT IN (SELECT document_id FROM document_groups)"
        )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_documents(
    fresh_site: Callable[..., Site], new_page: Callable[..., Page], tmp_path: Path, axe: Callable[..., None]
) -> None:
    site = fresh_site()
    add(site, tmp_path, "seed.md")
    multiply(site.data / "footnote.sqlite", MANY)
    page = new_page(site)
    page.goto("/documents")
    expect(rows(page).first).to_contain_text("seed.md")
    table = page.get_by_role("table")
    most = 0
    while table.get_attribute("aria-rowcount") == "-1":
        most = max(most, scroll_down(page))
    scroll_down(page)
    expect(table).to_have_attribute("aria-rowcount", str(MANY + 2))
    expect(rows(page).filter(has_text=f"Report {MANY:05}")).to_be_visible()
    assert most < 80, "only the rows in sight are in the document"
    expect(rows(page).last).to_have_attribute("aria-rowindex", str(MANY + 2))
    axe(page, schemes=("light",))

    page.get_by_role("searchbox", name="Find by title or file name").fill("report 0123")
    expect(rows(page)).to_have_count(10)
    expect(rows(page).first).to_contain_text("Report 01230")
    rows(page).first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Report 01230")


def scroll_down(page: Page) -> int:
    """To the end of what is loaded; how many rows there are in the document then."""
    count: Any = page.evaluate(
        """async () => {
          const main = document.getElementById("main");
          main.scrollTop = main.scrollHeight;
          await new Promise(requestAnimationFrame);
          await new Promise(requestAnimationFrame);
          return document.querySelectorAll("[role=row]").length;
        }"""
    )
    return int(count)
