"""The frame around the views: ways, keys, looks, languages, the keyboard, narrow screens, and servers that go away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

VIEWS = ("/", "/documents", "/search", "/status")
DEEPER = ("conversation", "abstention", "document", "hits", "why")
LONG = (
    "What is the hotel limit in Norway, and does it hold for a colleague who travels on from there to another country?"
)
KEY = "ana-key-0123456789"
KEYS = json.dumps([{"key": KEY, "id": "ana", "groups": ["hr"], "admin": True}])


def path(page: Page) -> str:
    return str(page.evaluate("location.pathname"))


def main_nav(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Main")


def shown(page: Page, address: str = "/") -> None:
    """Goes to an address and waits for its view."""
    page.goto(address)
    expect(page.locator("#main")).to_be_visible()
    expect(page.locator("#main .state .spin")).to_have_count(0)


@pytest.fixture(scope="module")
def addresses(site: Any) -> dict[str, str]:
    """Where every view is, those of a single thing included."""
    answer = site.call("POST", "/v1/answers", json={"question": LONG})
    nothing = site.call("POST", "/v1/answers", json={"question": "Qui a peint la Joconde ?"})
    assert (answer["answerable"], nothing["answerable"]) == (True, False)
    return {
        **{address: address for address in VIEWS},
        "conversation": f"/c/{answer['conversation_id']}",
        "abstention": f"/c/{nothing['conversation_id']}",
        "document": f"/documents/{answer['sources'][0]['document_id']}",
        "hits": "/search?q=hotel+limit+in+Norway",
        "why": f"/answers/{answer['id']}/why",
    }


# The way between the views


def test_the_sidebar_leads_to_every_view_without_loading_the_page_anew(page: Page) -> None:
    shown(page)
    page.evaluate("window.same = true")
    for name in ("Agents", "Documents", "Search", "Status"):
        link = main_nav(page).get_by_role("link", name=name)
        link.click()
        expect(link).to_have_attribute("aria-current", "page")
        expect(page).to_have_title(f"{name} · Footnote")
        assert path(page) == f"/{name.lower()}"
    page.go_back()
    expect(page).to_have_title("Search · Footnote")
    page.go_forward()
    expect(page).to_have_title("Status · Footnote")
    page.get_by_role("link", name="New chat").click()
    expect(page).to_have_title("Footnote")
    assert page.evaluate("window.same")


def test_another_view_is_said_to_screen_readers(page: Page) -> None:
    shown(page)
    expect(page.locator("#polite")).to_be_empty()
    main_nav(page).get_by_role("link", name="Status").click()
    expect(page.locator("#polite")).to_have_text("Status")


@pytest.mark.parametrize("address", ["/nothing", "/c/1/2", "/documents/%E0%A4%A"])
def test_an_unknown_address_is_said_and_has_a_way_out(page: Page, faults: Any, address: str) -> None:
    faults.expect("404 GET")
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing at this address")
    page.locator("#main").get_by_role("link", name="New chat").click()
    expect(page).to_have_title("Footnote")
    assert path(page) == "/"


# Keys


def test_signing_in_and_out(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], faults: Any, axe: Any
) -> None:
    faults.expect("401 GET /v1/session$", "401 POST /v1/session$")
    page = new_page(fresh_site(key=KEY, FOOTNOTE_AUTH__KEYS=KEYS))
    page.goto("/documents")
    field = page.get_by_label("Key", exact=True)
    expect(field).to_be_focused()
    axe(page)

    field.fill("not-a-key-0123456789")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="This key is not known here.")).to_be_visible()
    expect(field).to_be_focused()

    field.fill(KEY)
    field.press("Enter")
    expect(page).to_have_title("Documents · Footnote")
    assert path(page) == "/documents", "where the reader wanted to go"
    assert KEY not in str(page.evaluate("[document.cookie, Object.values(localStorage), document.body.innerHTML]"))

    page.reload()
    expect(main_nav(page)).to_be_visible()
    page.get_by_role("button", name="Sign out (ana)").click()
    expect(field).to_be_focused()
    page.reload()
    expect(field).to_be_visible()


def test_a_session_that_ends_asks_for_the_key_where_the_reader_is(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], faults: Any
) -> None:
    faults.expect("401 GET /v1/")
    page = new_page(fresh_site(key=KEY, FOOTNOTE_AUTH__KEYS=KEYS))
    page.goto("/")  # the view that asks for nothing by itself
    page.get_by_label("Key", exact=True).fill(KEY)
    page.get_by_label("Key", exact=True).press("Enter")
    expect(main_nav(page)).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies()
    main_nav(page).get_by_role("link", name="Documents").click()
    page.get_by_label("Key", exact=True).fill(KEY)
    page.get_by_label("Key", exact=True).press("Enter")
    expect(page).to_have_title("Documents · Footnote")


# Looks and languages


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_theme_follows_the_system_until_one_is_chosen(new_page: Callable[..., Page], site: Any) -> None:
    page = new_page(site, color_scheme="dark")
    shown(page)
    dark = background(page)
    page.emulate_media(color_scheme="light")
    light = background(page)
    assert dark != light

    page.get_by_role("button", name="Appearance").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    assert background(page) == dark
    page.get_by_role("button", name="Appearance").click()
    expect(page.get_by_role("menuitemradio", name="Dark")).to_have_attribute("aria-checked", "true")
    page.get_by_role("menuitemradio", name="As the system").click()
    assert background(page) == light


def test_a_chosen_theme_is_there_before_anything_is_painted(page: Page, faults: Any) -> None:
    faults.expect("console: .*ERR_FAILED .*/main.js")
    shown(page)
    page.get_by_role("button", name="Appearance").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    dark = background(page)
    # The page's own script is held back: what is there without it is what is painted first.
    page.route("**/main.js", lambda route: route.abort())
    page.reload()
    expect(page.locator("#app")).to_be_empty()
    assert background(page) == dark


def test_a_chosen_language_is_kept(page: Page, new_page: Callable[..., Page], site: Any) -> None:
    shown(page, "/documents")
    page.get_by_role("button", name="Language").click()
    page.get_by_role("menuitemradio", name="Deutsch").click()
    expect(page.get_by_role("link", name="Neuer Chat")).to_be_visible()
    expect(page).to_have_title("Dokumente · Footnote")
    assert page.evaluate("document.documentElement.lang") == "de"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Dokumente")
    page.reload(wait_until="commit")
    expect(page).to_have_title("Dokumente · Footnote")
    expect(page.get_by_role("link", name="Neuer Chat")).to_be_visible()
    german = new_page(site, locale="de-AT")
    shown(german)
    expect(german.get_by_role("link", name="Neuer Chat")).to_be_visible()
    other = new_page(site, locale="fr-FR")
    shown(other)
    expect(other.get_by_role("link", name="New chat")).to_be_visible()


@pytest.mark.parametrize("code", ["en", "de"])
def test_no_text_is_missing(page: Page, addresses: dict[str, str], code: str) -> None:
    """A text that there is not is shown by its key, "area.name"."""
    texts = json.loads((Path(__file__).parents[2] / "app" / "web" / "texts" / f"{code}.json").read_text())
    areas = "|".join(sorted({key.split(".")[0] for key in texts}))
    page.add_init_script(f"localStorage.setItem('footnote.language', '{code}')")
    for address in addresses.values():
        shown(page, address)
        assert not re.findall(rf"\b(?:{areas})\.[a-z_]+\b", page.locator("body").inner_text()), address


# The keyboard


def test_the_skip_link_is_first_and_leads_to_the_view(page: Page) -> None:
    shown(page, "/status")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    assert path(page) == "/status"


def test_the_focus_goes_from_the_top_down_and_is_always_seen(page: Page) -> None:
    shown(page, "/status")
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                """() => {
                  const at = document.activeElement;
                  const style = getComputedStyle(at);
                  const ring = style.boxShadow !== "none" || style.outlineStyle !== "none";
                  return [at.textContent.trim() || at.ariaLabel, ring, at.closest("aside, main, header")?.tagName];
                }"""
            )
        )
    assert all(ring for _, ring, _ in seen), seen
    names = [name for name, _, _ in seen]
    order = [names.index(name) for name in ("Footnote", "New chat", "Documents", "Search", "Status")]
    assert order == sorted(order)
    regions = [region for _, _, region in seen if region]
    assert regions == sorted(regions), "all of the sidebar, then the view"


@pytest.mark.parametrize(("chord", "title"), [("gd", "Documents"), ("gs", "Search"), ("gt", "Status")])
def test_two_letters_lead_to_a_view(page: Page, chord: str, title: str) -> None:
    shown(page)
    page.locator("#main").focus()
    for letter in chord:
        page.keyboard.press(letter)
    expect(page).to_have_title(f"{title} · Footnote")
    if title == "Search":  # where the view puts the focus into its field, some time after it has its name
        expect(page.locator("#main").get_by_role("searchbox")).to_be_focused()
    page.locator("#main").focus()
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page).to_have_title("Footnote")


def test_letters_that_are_typed_are_no_shortcuts(page: Page) -> None:
    shown(page)
    page.get_by_role("textbox").first.focus()
    page.keyboard.type("gd?")
    assert path(page) == "/"
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_list_of_shortcuts(page: Page, axe: Any) -> None:
    shown(page, "/status")
    button = page.get_by_role("button", name="Keyboard shortcuts")
    button.focus()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    for label in ("New chat", "Agents", "Documents", "Search", "Status", "Show this list"):
        expect(dialog).to_contain_text(label)
    axe(page)
    page.keyboard.press("g")
    page.keyboard.press("d")
    assert path(page) == "/status", "not while a dialog is open"
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def test_a_menu_is_moved_in_by_arrows_and_left_by_escape(page: Page) -> None:
    shown(page, "/status")
    button = page.get_by_role("button", name="Appearance")
    button.focus()
    page.keyboard.press("Enter")
    items = page.get_by_role("menuitemradio")
    expect(items.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(items.nth(2)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.nth(0)).to_be_focused()
    page.keyboard.press("Escape")
    expect(items).to_have_count(0)
    expect(button).to_be_focused()


# Narrow screens


def test_the_drawer(new_page: Callable[..., Page], site: Any, axe: Any) -> None:
    page = new_page(site, width=390, height=844)
    shown(page, "/status")
    menu = page.get_by_role("button", name="Menu")
    expect(main_nav(page)).to_be_hidden()
    menu.press("Enter")
    expect(main_nav(page)).to_be_visible()
    expect(menu).to_have_attribute("aria-expanded", "true")
    assert page.evaluate("document.getElementById('main').inert")
    axe(page)

    expect(page.locator("#sidebar :focus")).to_have_count(1)  # its button is covered
    page.keyboard.press("Escape")
    expect(main_nav(page)).to_be_hidden()
    expect(menu).to_be_focused()

    menu.click()
    main_nav(page).get_by_role("link", name="Documents").click()
    expect(main_nav(page)).to_be_hidden()
    expect(page).to_have_title("Documents · Footnote")
    expect(page.locator("main:focus, main :focus")).to_have_count(1)  # not left in what is hidden

    menu.click()
    main_nav(page).get_by_role("link", name="Documents").click()
    expect(main_nav(page)).to_be_hidden()
    menu.click()
    page.mouse.click(385, 500)
    expect(main_nav(page)).to_be_hidden()
    menu.click()
    page.set_viewport_size({"width": 1200, "height": 844})
    expect(main_nav(page)).to_be_visible()
    assert not page.evaluate("document.getElementById('main').inert")


@pytest.mark.parametrize("view", [*VIEWS, *DEEPER])
def test_nothing_is_wider_than_the_screen(
    new_page: Callable[..., Page], site: Any, addresses: dict[str, str], view: str
) -> None:
    page = new_page(site, width=360, height=740)
    shown(page, addresses[view])
    for width in (360, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate(_TOO_WIDE) == [], f"at {width}"


_TOO_WIDE = """() => {
  const beyond = (each) => each.getBoundingClientRect().right > innerWidth + 1;
  // What is cut off or scrolls inside of something that fits is meant to.
  const held = (each) => {
    for (let at = each.parentElement; at && at.id !== "main"; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== "visible" && !beyond(at)) return true;
    }
    return false;
  };
  const found = [...document.querySelectorAll("#main *, .top-bar *")]
    .filter((each) => each.checkVisibility() && beyond(each) && !held(each));
  const scrolled = [document.scrollingElement, document.getElementById("main")]
    .filter((each) => each.scrollWidth > each.clientWidth);
  return [...scrolled, ...found].map((each) => `${each.tagName} ${each.getAttribute("class")}`);
}"""


@pytest.mark.parametrize("view", [*VIEWS, *DEEPER])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_view_is_accessible(
    new_page: Callable[..., Page], site: Any, addresses: dict[str, str], axe: Any, view: str, width: int
) -> None:
    page = new_page(site, width=width, height=844)
    shown(page, addresses[view])
    axe(page)


@pytest.mark.parametrize("view", [*VIEWS, *DEEPER])
def test_who_wants_no_motion_gets_none(
    new_page: Callable[..., Page], site: Any, addresses: dict[str, str], view: str
) -> None:
    page = new_page(site, reduced_motion="reduce")
    shown(page, addresses[view])
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].flatMap((each) => {
          const { animationDuration, transitionDuration } = getComputedStyle(each);
          const longest = Math.max(...`${animationDuration}, ${transitionDuration}`.split(", ").map(parseFloat));
          return longest > 0.01 ? [each.className] : [];
        })"""
    )
    assert moving == []


# A server that goes away


def test_a_server_that_is_gone_is_said_and_its_return_too(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], faults: Any
) -> None:
    faults.expect("console: .*(ERR_CONNECTION|net::ERR)", "503 GET")
    server = fresh_site()
    page = new_page(server)
    shown(page, "/documents")
    page.evaluate("window.same = true")
    server.kill()
    main_nav(page).get_by_role("link", name="Status").click()
    main_nav(page).get_by_role("link", name="Documents").click()
    said = page.get_by_role("status").filter(has_text="The server cannot be reached")
    expect(said).to_be_visible()
    server.start()
    expect(page.get_by_text("The server is back.")).to_be_visible(timeout=30_000)
    expect(said).to_have_count(0)
    expect(page.get_by_text("cannot be reached")).to_have_count(0)
    assert page.evaluate("window.same"), "without loading the page anew"
    page.get_by_role("link", name="New chat").click()
    expect(page).to_have_title("Footnote")
