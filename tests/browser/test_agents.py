"""Tasks for agents on a real server: runs that are followed, left and come back to, decided, stopped, listed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

AGENTS = """
agents:
  careful:
    description: Searches only after a person has agreed.
    prompt: Search, then answer.
    tools: [search_documents]
    policy: {search_documents: ask}
"""
HANDBOOK = Path(__file__).resolve().parents[2] / "examples" / "handbook"
NORWAY = "What is the hotel limit in Norway?"
MARKUP = '<img src=x onerror="window.taken=1">'


@pytest.fixture(scope="module")
def site(own_site: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server of this module's own with two documents, and an agent that asks before it searches."""
    folder = tmp_path_factory.mktemp("agents")
    (folder / "agents.yaml").write_text(AGENTS)
    notes = folder / "notes.txt"
    notes.write_text(f"Notes {MARKUP}\n\nThe walrus code is 4711, and {MARKUP} stands beside it.\n")
    made = own_site(FOOTNOTE_AGENTS__FILE=str(folder / "agents.yaml"))
    made.fill(HANDBOOK / "travel-and-expenses.pdf", notes)
    deadline = time.monotonic() + 60  # agents come some time after the server is ready
    while httpx.post(f"{made.url}/v1/assistants/search", json={}).is_error and time.monotonic() < deadline:
        time.sleep(0.1)
    return made


@contextmanager
def index_held(site: Any) -> Iterator[None]:
    """The process that searches does nothing meanwhile: runs begin, and wait for what their first step brings."""
    family = psutil.Process(site.process.pid).children(recursive=True)
    [index] = [process for process in family if "retrieval.edge_process" in process.cmdline()]
    index.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            index.resume()


def give(page: Page, task: str, agent: str | None = None) -> Locator:
    """Gives a task, choosing who does it where that is asked; its run."""
    if agent is not None:
        page.get_by_role("radio", name=re.compile(rf"^{agent}\b")).check(force=True)
    field = page.get_by_role("textbox", name="Your task")
    field.fill(task)
    field.press("Enter")
    run = page.get_by_role("article", name="Task and run").last
    expect(run.get_by_role("heading", level=2)).to_have_text(task)
    return run


def thread_of(page: Page) -> str:
    expect(page).to_have_url(re.compile(r"/agents/[0-9a-f-]{36}$"))
    return page.url.rpartition("/")[2]


def steps_of(run: Locator) -> Locator:
    return run.get_by_role("region", name="Steps", exact=True)


def answered(run: Locator) -> Locator:
    """The run's answer, once it is there."""
    expect(run.get_by_text(re.compile("^(Done|Ended before)")).first).to_be_visible(timeout=60_000)
    return run.get_by_role("region", name="Answer")


def test_a_run_is_followed_to_its_cited_answer(page: Page, site: Any) -> None:
    page.goto("/")
    page.get_by_role("link", name="Agents").click()
    expect(page.get_by_role("radio", name=re.compile("^coordinator"))).to_be_checked()
    run = give(page, NORWAY)
    thread = thread_of(page)
    answer = answered(run)
    expect(answer).to_contain_text("190")
    expect(answer).to_contain_text("Answered without a model, by a fixed policy")
    steps = steps_of(run)
    handed = steps.get_by_role("listitem").filter(has_text="Handed to researcher").first
    expect(handed.locator(".steps .step-title").first).to_have_text("Search documents")
    meter = run.get_by_role("group", name="Budget", exact=True).get_by_role("meter", name="Steps")
    expect(meter).to_have_attribute("aria-valuenow", re.compile(r"^([3-9]|\d\d+)$"))

    number = answer.locator(".cite-number").first
    number.click()
    panel = page.get_by_role("complementary", name="Source")
    expect(panel.get_by_role("img", name=re.compile("^Page 2 of Travel"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(number).to_be_focused()

    told = site.call("GET", f"/v1/threads/{thread}")
    assert (told["status"], told["metadata"]["title"]) == ("idle", NORWAY)
    page.reload()
    expect(answered(run)).to_contain_text("190")
    run.get_by_role("button", name=re.compile(r"^\d+ steps$")).click()
    expect(steps.locator(".step-title").first).to_have_text("Handed to researcher")


def test_nothing_moves_while_a_run_goes_on(page: Page, site: Any) -> None:
    page.goto("/agents")
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
        run = give(page, NORWAY, "researcher")
        expect(run.get_by_text("Step 1: Search documents").first).to_be_attached()
        top = run.get_by_role("heading", level=2).bounding_box()
        page.evaluate("window.shifts.length = 0")  # what a keypress moves is expected to move
    answered(run)
    page.wait_for_timeout(300)  # the observer is told of shifts a frame later
    assert page.evaluate("window.shifts") == []
    assert run.get_by_role("heading", level=2).bounding_box() == top


def test_steps_are_said_to_screen_readers(page: Page, site: Any) -> None:
    page.goto("/agents")
    with index_held(site):
        give(page, NORWAY, "researcher")
        expect(page.locator("#polite")).to_have_text(f"Step 1: Search documents: {NORWAY}")
    expect(page.locator("#polite")).to_contain_text("190", timeout=60_000)


def test_a_run_goes_on_over_a_reload(page: Page, site: Any) -> None:
    page.goto("/agents")
    with index_held(site):
        run = give(page, NORWAY, "researcher")
        expect(steps_of(run).locator(".step.running")).to_have_count(1)
        thread_of(page)
        with page.expect_request(re.compile(r"/v1/threads/[^/]+/runs/[^/]+/stream\?")):
            page.reload()
        expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
        expect(steps_of(run).locator(".step.running")).to_have_count(1)
    expect(answered(run)).to_contain_text("190")
    expect(page.get_by_role("article", name="Task and run")).to_have_count(1)


def test_stop_stops(page: Page, site: Any) -> None:
    page.goto("/agents")
    with index_held(site):
        run = give(page, NORWAY, "researcher")
        expect(steps_of(run).locator(".step.running")).to_have_count(1)
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(run.get_by_text(re.compile("^Stopped")).first).to_be_visible()
        [told] = site.call("GET", f"/v1/threads/{thread_of(page)}/runs")
        assert (told["status"], told["error"]["code"]) == ("interrupted", "cancelled")
    expect(run.locator(".spin")).to_have_count(0)


def test_a_call_is_approved_edited_and_rejected(page: Page, site: Any) -> None:
    """Three tasks in one thread: each waits for its person, also over a reload."""
    page.goto("/agents")
    run = give(page, NORWAY, "careful")
    card = run.get_by_role("region", name="careful wants to do this: Search documents")
    expect(card.locator("dl")).to_contain_text(NORWAY)
    thread = thread_of(page)
    page.reload()
    expect(card.locator("dl")).to_contain_text(NORWAY)
    card.get_by_role("button", name="Approve", exact=True).click()
    expect(answered(run)).to_contain_text("190")
    expect(steps_of(run).get_by_text("Approved")).to_be_visible()

    run = give(page, "What is the hotel limit in Japan?")
    card.get_by_role("button", name="Edit").click()
    card.get_by_role("textbox", name="query").fill("hotel limit in Japan per night")
    card.get_by_role("button", name="Approve as edited").click()
    expect(answered(run)).to_contain_text("200")
    expect(steps_of(run).get_by_text("Edited")).to_be_visible()

    run = give(page, "What is the hotel limit in Sweden?")
    card.get_by_role("button", name="Reject").click()
    card.get_by_role("textbox", name=re.compile("Why not")).fill("Not about Sweden.")
    card.get_by_role("button", name="Reject").click()
    expect(steps_of(run).get_by_text("Rejected")).to_be_visible()
    expect(card.locator("dl")).to_contain_text("Sweden")  # it asks to search in other words
    card.get_by_role("button", name="Stop the run").click()
    expect(run.get_by_text(re.compile("^Stopped")).first).to_be_visible()
    runs = site.call("GET", f"/v1/threads/{thread}/runs")
    last = next(each for each in runs if each["task"] == "What is the hotel limit in Sweden?")
    steps = site.call("GET", f"/v1/threads/{thread}/runs/{last['run_id']}/steps")["items"]
    assert steps[0]["decision"] == "reject"
    assert "Not about Sweden." in steps[0]["observation"]


def test_hostile_text_in_arguments_and_observations_stays_text(page: Page) -> None:
    page.goto("/agents")
    run = give(page, f"What is the walrus code {MARKUP}?", "researcher")
    answer = answered(run)
    expect(steps_of(run).locator(".step-head").first).to_be_visible()
    for head in steps_of(run).locator(".step-head").all():
        head.click()
    expect(steps_of(run).locator("dl.arguments").first).to_contain_text(MARKUP)
    answer.locator(".cite-number").first.click()
    expect(page.get_by_role("region", name="The passage and its surroundings")).to_contain_text(MARKUP)
    assert page.locator("#main img, #main script").count() == 0
    assert page.evaluate("window.taken === undefined")


def test_a_step_is_rated_and_says_so_after_a_reload(page: Page, site: Any) -> None:
    page.goto("/agents")
    run = give(page, NORWAY, "researcher")
    answered(run)
    steps_of(run).locator(".step-head").first.click()
    steps_of(run).get_by_role("button", name="Bad: Step 1").click()
    field = steps_of(run).get_by_role("textbox", name="A word on it (optional)")
    field.fill("Too wide.")
    with page.expect_response(re.compile("/feedback$")):
        field.press("Enter")
    with page.expect_response(re.compile("/feedback$")):
        run.get_by_role("button", name="Good: Answer").click()
    page.reload()
    answered(run)
    expect(run.get_by_role("button", name="Good: Answer")).to_have_attribute("aria-pressed", "true")
    run.get_by_role("button", name=re.compile(r"^\d+ steps?$")).click()
    steps_of(run).locator(".step-head").first.click()
    expect(steps_of(run).locator("q")).to_have_text("Too wide.")


def test_arithmetic_cites_its_step(page: Page) -> None:
    page.goto("/agents")
    run = give(page, "What is 17 * 23?", "assistant")
    answer = answered(run)
    expect(answer).to_contain_text("391")
    answer.locator(".cite-number").first.click()
    page.get_by_role("complementary", name="Source").get_by_role("button", name=re.compile(r"^Step \d+$")).click()
    expect(steps_of(run).get_by_role("button", name=re.compile("Calculate")).first).to_be_focused()


def test_threads_are_listed_renamed_and_deleted(page: Page, site: Any) -> None:
    page.goto("/agents")
    mark = uuid4().hex[:8]  # another one each time: the site keeps what a first try left
    task, renamed = f"List me {mark}: hotel limit in Norway?", f"Norway {mark}"
    answered(give(page, task, "researcher"))
    thread = thread_of(page)
    page.get_by_role("link", name="All tasks").click()
    earlier = page.get_by_role("region", name="Earlier tasks")
    expect(earlier.get_by_role("link", name=task)).to_be_visible()
    earlier.get_by_role("button", name=f"More about “{task}”").click()
    page.get_by_role("menuitem", name="Rename").click()
    field = earlier.get_by_role("textbox", name="Title of the conversation")
    field.fill(renamed)
    field.press("Enter")
    expect(earlier.get_by_role("link", name=renamed, exact=True)).to_be_visible()
    page.reload()
    earlier.get_by_role("button", name=f"More about “{renamed}”").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(earlier.get_by_role("link", name=renamed, exact=True)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    earlier.get_by_role("link", name=renamed, exact=True).click()
    expect(page.get_by_role("heading", level=1, name=renamed)).to_be_visible()
    page.get_by_role("button", name="More about this task").click()
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        page.get_by_role("menuitem", name="Delete").click()
    assert thread not in {each["thread_id"] for each in site.call("POST", "/v1/threads/search", json={"limit": 100})}


def test_where_tasks_begin_is_accessible_and_fits(site: Any, new_page: Callable[..., Page], axe: Any) -> None:
    page = new_page(site, height=844)
    page.goto("/agents")
    expect(page.get_by_role("radio", name=re.compile("^careful"))).to_be_attached()
    axe(page)
    too_wide = "() => document.getElementById('main').scrollWidth > document.getElementById('main').clientWidth"
    for width in (1280, 390, 360):
        page.set_viewport_size({"width": width, "height": 844})
        assert not page.evaluate(too_wide)
    axe(page, schemes=("light",))


def test_german_says_everything_in_german(site: Any, new_page: Callable[..., Page]) -> None:
    page = new_page(site, locale="de-DE")
    page.goto("/agents")
    expect(page.get_by_role("heading", level=1)).to_have_text("Einem Agenten eine Aufgabe stellen")
    page.get_by_role("radio", name=re.compile("^researcher")).check(force=True)
    field = page.get_by_role("textbox", name="Ihre Aufgabe")
    field.fill(NORWAY)
    field.press("Enter")
    expect(page.get_by_text("Ohne Modell beantwortet")).to_be_visible(timeout=60_000)
