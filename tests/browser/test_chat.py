"""Asking: answers that stream, are left and come back to, are stopped, refused, and what becomes of conversations."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

NORWAY = "What is the hotel limit in Norway?"
SHIP = "What is the hotel limit in Norway and what holds offshore or on a ship?"

expect.set_options(timeout=15_000)  # machines that build and test at once are slow


def ask(page: Page, question: str) -> Locator:
    """Sends a question; the turn that it becomes."""
    field = page.get_by_role("textbox", name="Your question")
    field.fill(question)
    field.press("Enter")
    turn = page.get_by_role("article", name="Question and answer").last
    expect(turn.get_by_role("heading", level=2, name=question)).to_be_visible()
    return turn


def answered(turn: Locator) -> Locator:
    """The turn once its answer is whole."""
    expect(turn.get_by_role("link", name="Why this answer")).to_be_visible(timeout=30_000)
    return turn


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Waits for what `expect` has no word for."""
    for _ in range(50):
        if holds():
            return
        page.wait_for_timeout(100)
    pytest.fail("It did not come about.")


def resting(page: Page, area: Locator) -> float:
    """Where an area has come to rest."""
    places = [area.evaluate("element => element.scrollTop")]

    def still() -> bool:
        page.wait_for_timeout(200)
        places.append(area.evaluate("element => element.scrollTop"))
        return bool(places[-1] == places[-2])

    until(page, still)
    return float(places[-1])


def conversation_of(page: Page) -> str:
    expect(page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}$"))
    return page.url.rpartition("/")[2]


def listed(site: Any) -> set[str]:
    return {item["id"] for item in site.call("GET", "/v1/conversations?limit=100")["items"]}


@contextmanager
def index_held(site: Any) -> Iterator[None]:
    """The process that searches does nothing meanwhile: answers begin, and wait for their passages."""
    family = psutil.Process(site.process.pid).children(recursive=True)
    [index] = [process for process in family if "retrieval.edge_process" in process.cmdline()]
    index.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            index.resume()


class Line:
    """A connection to a server that can be cut and mended."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._to = (parts.hostname, parts.port)
        self._open: set[socket.socket] = set()
        self._cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._cut = True
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._cut = False

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._cut:
                near.close()
                continue
            far = socket.create_connection(self._to)
            self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            self._open.discard(each)


@pytest.fixture
def line(site: Any) -> Iterator[Line]:
    made = Line(site.url)
    yield made
    made.close()


def test_a_question_and_its_follow_up(page: Page, site: Any) -> None:
    page.goto("/")
    turn = answered(ask(page, NORWAY))
    expect(turn).to_contain_text("Norway")
    expect(turn).to_contain_text("190")
    expect(turn.get_by_text("From 1 passage in 1 document")).to_be_visible()
    expect(turn.get_by_text("In the documents’ own words (extractive)")).to_be_visible()
    conversation = conversation_of(page)
    expect(page.get_by_role("heading", level=1, name=NORWAY)).to_be_visible()

    follow_up = answered(ask(page, "And in Japan?"))
    expect(follow_up).to_contain_text("200")
    expect(follow_up.get_by_text("Searched for: What is the hotel limit in Japan?")).to_be_visible()
    told = site.call("GET", f"/v1/conversations/{conversation}")
    assert [answer["question"] for answer in told["answers"]] == [NORWAY, "And in Japan?"]
    why = follow_up.get_by_role("link", name="Why this answer")
    assert why.get_attribute("href") == f"/answers/{told['answers'][1]['id']}/why"

    page.reload()
    expect(page.get_by_role("article", name="Question and answer")).to_have_count(2)
    expect(page.get_by_role("article", name="Question and answer").last).to_contain_text("200")


def test_footnotes_are_numbered_by_first_citation(page: Page, site: Any) -> None:
    page.goto("/")
    turn = answered(ask(page, SHIP))
    answer = site.call("GET", f"/v1/conversations/{conversation_of(page)}")["answers"][0]
    cited = list(dict.fromkeys(source for statement in answer["statements"] for source in statement["sources"]))
    assert len(cited) > 1
    expected = [str(cited.index(source) + 1) for statement in answer["statements"] for source in statement["sources"]]
    expect(turn.locator(".cite-number")).to_have_text(expected)
    expect(turn.get_by_role("list", name="Footnotes").get_by_role("listitem")).to_have_count(len(cited))


def test_a_stream_survives_a_reload(page: Page, site: Any) -> None:
    page.goto("/")
    with index_held(site):
        turn = ask(page, "How much is the childcare grant?")
        expect(turn.get_by_text("Searching the documents…")).to_be_visible()
        conversation_of(page)
        with page.expect_request("**/v1/answers/*/events"):
            page.reload()
        expect(turn.get_by_text("Searching the documents…")).to_be_visible()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(answered(turn)).to_contain_text("150 euros a month")
    expect(page.get_by_role("article", name="Question and answer")).to_have_count(1)


def test_an_answer_is_written_on_while_its_reader_is_elsewhere(page: Page, site: Any) -> None:
    page.goto("/")
    with index_held(site):
        turn = ask(page, "For how long is an RMA number valid?")
        expect(turn.get_by_text("Searching the documents…")).to_be_visible()
        page.get_by_role("link", name="Status").click()
    page.get_by_role("link", name="For how long is an RMA number valid?").click()
    expect(answered(turn)).to_contain_text("30 days")


def test_a_lost_connection_is_taken_up_where_it_broke(
    site: Any, line: Line, new_page: Callable[..., Page], faults: Any
) -> None:
    faults.expect("console: ", "502|503|504")
    page = new_page(replace(site, url=line.url))
    page.goto("/")
    with index_held(site):
        turn = ask(page, "What does error code E09 mean?")
        expect(turn.get_by_text("Searching the documents…")).to_be_visible()
        line.cut()
        expect(turn.get_by_text("The connection was lost. Trying again…")).to_be_visible()
        with page.expect_request(lambda request: request.url.endswith("/events")) as asked:
            line.mend()
        assert int(asked.value.headers["last-event-id"]) >= 1
    expect(answered(turn)).to_contain_text("Moisture in the housing")


def test_stop_stops(page: Page, site: Any) -> None:
    page.goto("/")
    with index_held(site):
        turn = ask(page, "When are salaries paid?")
        expect(turn.get_by_text("Searching the documents…")).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(turn.get_by_text("Stopped")).to_be_visible()
        answer = site.call("GET", f"/v1/conversations/{conversation_of(page)}")["answers"][0]
        assert (answer["status"], answer["error"]["code"]) == ("failed", "cancelled")
    turn.get_by_role("button", name="Ask again").click()
    turn = page.get_by_role("article", name="Question and answer")
    expect(turn).to_have_count(1)
    expect(answered(turn)).to_contain_text("27th")


def test_an_answer_that_the_server_lost_is_asked_for_again(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page], faults: Any
) -> None:
    faults.expect("console: ", r"^50[234] ")
    site = fresh_site()
    site.fill(Path("examples/handbook/on-call-guide.md").resolve())
    page = new_page(site)
    page.goto("/")
    with index_held(site):
        turn = ask(page, "How fast must a P1 be answered when on call?")
        expect(turn.get_by_text("Searching the documents…")).to_be_visible()
        site.kill()
    site.start()
    alert = turn.get_by_role("alert")
    expect(alert).to_contain_text("The server stopped while this answer was being written", timeout=30_000)
    alert.get_by_role("button", name="Ask again").click()
    expect(answered(page.get_by_role("article", name="Question and answer"))).to_contain_text("15 minutes")


def test_an_abstention_offers_the_nearest_passages(page: Page) -> None:
    page.goto("/")
    turn = answered(ask(page, "When was the Eiffel Tower built?"))
    expect(turn.get_by_text("The documents do not answer this.")).to_be_visible()
    expect(turn.locator(".cite-number")).to_have_count(0)
    expect(turn.get_by_text("Nothing was written (extractive)")).to_be_visible()
    nearest = turn.locator(".answer-nearest").get_by_role("button")
    expect(nearest).to_have_count(3)
    turn.get_by_role("button", name="Show all 8").click()
    expect(nearest).to_have_count(8)
    nearest.nth(1).click()
    expect(page.get_by_role("complementary", name="Source")).to_contain_text("Passage 2 of 8")


def test_thanks_are_no_question(page: Page) -> None:
    page.goto("/")
    turn = answered(ask(page, "Thank you!"))
    expect(turn.get_by_text("Answered without documents").first).to_be_visible()
    expect(turn.get_by_text("The documents do not answer this.")).to_have_count(0)


def test_nothing_moves_while_an_answer_is_written(page: Page, site: Any) -> None:
    page.goto("/")
    page.evaluate(
        """() => {
          window.shifts = [];
          const sources = (entry) => entry.sources.map((each) => each.node?.className ?? String(each.node));
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shifts.push([entry.value, ...sources(entry)]);
          }).observe({ type: "layout-shift" });
        }"""
    )
    with index_held(site):
        turn = ask(page, "What does the travel policy say about flights and trains and hotels?")
        expect(turn.get_by_text("Searching the documents…")).to_be_visible()
        top = turn.get_by_role("heading", level=2).bounding_box()
        page.evaluate("window.shifts.length = 0")  # what a keypress moves is expected to move
    answered(turn)
    page.wait_for_timeout(300)  # the observer is told of shifts a frame later
    assert page.evaluate("window.shifts") == []
    assert turn.get_by_role("heading", level=2).bounding_box() == top


def test_the_reader_stays_where_they_went(page: Page, site: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 520})
    page.goto("/")
    area = page.locator(".chat-area")
    gap = "element => element.scrollHeight - element.scrollTop - element.clientHeight"
    answered(ask(page, SHIP))
    with index_held(site):
        turn = ask(page, "What does the travel policy say about flights, trains and hotels?")
        expect(turn.get_by_text("Searching the documents…")).to_be_visible()
    answered(turn)
    until(page, lambda: area.evaluate(gap) < 2)

    with index_held(site):
        turn = ask(page, "Which hotels and trains may I book?")
        expect(turn.get_by_text("Searching the documents…")).to_be_visible()
        area.hover()
        page.mouse.wheel(0, -300)
        expect(page.get_by_role("button", name="To the newest")).to_be_visible()
        place = resting(page, area)  # the wheel has its own smoothness
    answered(turn)
    page.wait_for_timeout(200)
    assert area.evaluate("element => element.scrollTop") == place
    page.get_by_role("button", name="To the newest").click()
    until(page, lambda: area.evaluate(gap) < 2)
    expect(page.get_by_role("button", name="To the newest")).to_have_count(0)


def test_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("textbox", name="Your question")).to_be_focused()
    page.keyboard.type("What is the hotel")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("limit in Norway?")
    expect(page.get_by_role("textbox", name="Your question")).to_have_value("What is the hotel\nlimit in Norway?")
    page.keyboard.press("Enter")
    turn = answered(page.get_by_role("article", name="Question and answer").last)
    cite = turn.get_by_role("button", name="Footnote 1: Travel and Expenses Policy")
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        if cite.evaluate("element => element === document.activeElement"):
            break
    expect(cite).to_be_focused()
    popover = turn.get_by_label("Passage of footnote 1")
    expect(popover).to_contain_text("Norway")
    page.keyboard.press("Escape")
    expect(popover).to_have_count(0)
    expect(cite).to_be_focused()
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Source")
    expect(panel.get_by_role("heading")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(cite).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Your question")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("searchbox", name="Search conversations")).to_be_focused()


def test_what_is_asked_is_chosen_in_the_composer(page: Page, site: Any, tmp_path: Path) -> None:
    if not any(item["name"] == "cooking" for item in site.call("GET", "/v1/collections")["items"]):
        site.call("POST", "/v1/collections", json={"name": "cooking"})
    recipe = tmp_path / "soup.md"
    recipe.write_text("# Fish soup\n\nThe fish soup of the canteen is cooked for forty minutes.\n")
    site.fill(recipe, collection="cooking")
    page.goto("/")
    page.get_by_role("button", name="Asked:").click()
    page.get_by_role("menuitemradio", name="cooking").click()
    turn = answered(ask(page, "For how long is the fish soup cooked?"))
    expect(turn).to_contain_text("forty minutes")
    answered(ask(page, NORWAY))
    _, answer = site.call("GET", f"/v1/conversations/{conversation_of(page)}")["answers"]
    assert {source["title"] for source in answer["sources"]} <= {"Fish soup"}

    page.get_by_role("button", name="Asked:").click()
    page.get_by_role("menuitemradio", name="All collections").click()
    page.get_by_role("button", name="Filters").click()
    dialog = page.get_by_role("dialog", name="Narrow what is asked")
    dialog.get_by_role("searchbox", name="Find documents by name").fill("employee")
    dialog.get_by_role("checkbox", name="Employee Handbook").check()
    dialog.get_by_label("From").fill("2020-02-01")
    dialog.get_by_role("button", name="Apply").click()
    chips = page.get_by_role("list", name="Filters")
    expect(chips.get_by_role("listitem")).to_have_count(2)
    answered(ask(page, "Up to what value may I accept gifts?"))
    answer = site.call("GET", f"/v1/conversations/{conversation_of(page)}")["answers"][2]
    assert {source["title"] for source in answer["sources"]} == {"Employee Handbook"}

    chips.get_by_role("button", name="Remove the filter Employee Handbook").click()
    page.get_by_role("button", name="1 filter").click()
    dialog.get_by_role("button", name="Add a condition").click()
    dialog.get_by_role("textbox", name="Name", exact=True).fill("department")
    dialog.get_by_role("textbox", name="Value").fill("nobody")
    dialog.get_by_role("button", name="Apply").click()
    turn = answered(ask(page, "How much is the referral bonus?"))
    expect(turn.get_by_text("No passage matched the question.")).to_be_visible()


def test_too_long_a_question_cannot_be_sent(page: Page, site: Any) -> None:
    most = site.call("GET", "/v1/session")["limits"]["question_chars"]
    page.goto("/")
    field = page.get_by_role("textbox", name="Your question")
    field.fill("x" * (most + 1))
    expect(page.get_by_text(f"{most + 1:,} of {most:,} characters")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    field.fill("x" * most)
    expect(page.get_by_role("button", name="Send")).to_be_enabled()


def test_on_phones_the_count_of_signs_covers_nothing(site: Any, new_page: Callable[..., Page]) -> None:
    page = new_page(site, width=360, height=740, locale="de-DE")
    page.goto("/")
    page.get_by_role("textbox", name="Ihre Frage").fill("x" * 5000)
    count = page.get_by_text("5.000 von 4.000 Zeichen").bounding_box()
    assert count
    for button in page.locator(".composer-tools").get_by_role("button").all():
        box = button.bounding_box()
        assert box
        assert box["y"] >= count["y"] + count["height"] or box["x"] >= count["x"] + count["width"]


def test_copy_and_export_keep_the_footnotes(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/")
    turn = answered(ask(page, NORWAY))
    turn.get_by_role("button", name="Copy with footnotes").click()
    expect(turn.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"Hotel limit: 190 \[1\]\n\n\[1\] Travel and Expenses Policy, Page 2", copied)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as Markdown").click()
    assert download.value.suggested_filename == "What is the hotel limit in Norway.md"
    text = Path(download.value.path()).read_text()
    assert "Hotel limit: 190[^1]" in text
    assert "[^1]: Travel and Expenses Policy, page 2" in text


def test_the_last_question_can_be_edited(page: Page) -> None:
    page.goto("/")
    turn = answered(ask(page, NORWAY))
    turn.get_by_role("button", name="Edit the question").click()
    field = page.get_by_role("textbox", name="Your question")
    expect(field).to_have_value(NORWAY)
    expect(field).to_be_focused()


def test_suggested_questions_are_about_what_is_there(page: Page) -> None:
    page.goto("/")
    suggested = page.get_by_role("list", name="Questions to begin with").get_by_role("button")
    expect(suggested.first).to_be_visible()
    assert 1 <= suggested.count() <= 4
    question = suggested.first.inner_text()
    suggested.first.click()
    turn = answered(page.get_by_role("article", name="Question and answer"))
    expect(turn.get_by_role("heading", level=2, name=question)).to_be_visible()
    expect(turn.locator(".cite-number").first).to_be_visible()


def test_an_empty_knowledge_base_leads_to_its_documents(
    fresh_site: Callable[..., Any], new_page: Callable[..., Page]
) -> None:
    page = new_page(fresh_site())
    page.goto("/")
    page.get_by_role("link", name="Add documents").click()
    expect(page).to_have_url(re.compile("/documents$"))


def test_conversations_are_found_renamed_and_deleted(page: Page, site: Any) -> None:
    page.goto("/")
    answered(ask(page, "Within what time must a lost device be reported?"))
    conversation = conversation_of(page)
    bar = page.get_by_role("region", name="Conversations")
    expect(bar.get_by_role("link", name="Within what time")).to_have_attribute("aria-current", "page")
    expect(bar.get_by_role("heading", name="Today")).to_be_visible()

    bar.get_by_role("link", name="Within what time").hover()
    bar.get_by_role("button", name="Rename “Within what time").click()
    title = bar.get_by_role("textbox", name="Title of the conversation")
    title.fill("Lost <b>devices</b>")
    title.press("Enter")
    expect(bar.get_by_role("link", name="Lost <b>devices</b>")).to_be_visible()
    assert site.call("GET", f"/v1/conversations/{conversation}")["title"] == "Lost <b>devices</b>"

    search = bar.get_by_role("searchbox", name="Search conversations")
    search.fill("nothing like this")
    expect(bar.get_by_text("No conversation has these words.")).to_be_visible()
    search.fill("DEVICE be reported")
    expect(bar.get_by_role("link")).to_have_count(1)

    bar.get_by_role("link", name="Lost").hover()
    bar.get_by_role("button", name="Delete “Lost").click()
    expect(bar.get_by_role("link", name="Lost")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/$"))
    page.get_by_role("button", name="Undo").click()
    expect(bar.get_by_role("link", name="Lost")).to_be_visible()
    assert site.call("GET", f"/v1/conversations/{conversation}")["id"] == conversation

    bar.get_by_role("link", name="Lost").hover()
    bar.get_by_role("button", name="Delete “Lost").click()
    with page.expect_response(lambda response: response.request.method == "DELETE") as gone:
        pass
    assert gone.value.status == 204
    assert conversation not in listed(site)


def test_who_leaves_before_the_undo_is_over_has_deleted(page: Page, site: Any) -> None:
    page.goto("/")
    answered(ask(page, "How long are nightly server backups kept?"))
    conversation = conversation_of(page)
    page.get_by_role("button", name="More about this conversation").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.goto("about:blank")
    until(page, lambda: conversation not in listed(site))


def test_older_conversations_are_read_on(fresh_site: Callable[..., Any], new_page: Callable[..., Page]) -> None:
    site = fresh_site()
    for number in range(45):
        site.call("POST", "/v1/answers", json={"question": f"Question {number}?"})
    page = new_page(site)
    page.goto("/")
    bar = page.get_by_role("region", name="Conversations")
    expect(bar.get_by_role("link")).to_have_count(40)
    bar.get_by_role("button", name="Show older").click()
    expect(bar.get_by_role("link")).to_have_count(45)
    expect(bar.get_by_role("button", name="Show older")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_chat_is_accessible(site: Any, new_page: Callable[..., Page], axe: Callable[..., None], width: int) -> None:
    page = new_page(site, width=width)
    page.goto("/")
    expect(page.get_by_role("list", name="Questions to begin with")).to_be_visible()
    axe(page)
    answered(ask(page, SHIP))
    axe(page)
    answered(ask(page, "When was the Eiffel Tower built?"))
    axe(page)
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("button", name="Add a condition").click()
    axe(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    dialog = page.get_by_role("dialog", name="Narrow what is asked")
    assert dialog.evaluate("each => each.scrollWidth <= each.clientWidth")
