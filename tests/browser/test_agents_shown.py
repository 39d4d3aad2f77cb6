"""Runs as the page shows them, told by a script in place of the server: everything that a run can come to, and hostile
text wherever text can stand."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

MARKUP = '<img src=x onerror="window.taken=1"><b>bold</b> [a](javascript:alert(1)) ![p](https://evil.example/p.png)'
RUN = "0199-run"
THREAD = "0199-thread"
SOON = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
_TOO_WIDE = """() => {
  const held = (each) => each.closest("pre, .visually-hidden, .step-brief, .step-title");
  const beyond = (each) => each.getBoundingClientRect().right > innerWidth + 1;
  return [...document.querySelectorAll("#main *")]
    .filter((each) => each.checkVisibility() && beyond(each) && !held(each))
    .map((each) => `${each.tagName} ${each.getAttribute("class")}`);
}"""


def step(number: int, tool: str, **more: Any) -> dict[str, Any]:
    return {
        "number": number,
        "agent": "coordinator",
        "tool": tool,
        "arguments": {},
        "thought": f"Thought {number}.",
        "status": "done",
        "parent": None,
        "permission": "always",
        "reasons": [],
        "decision": None,
        "observation": f"Observation {number}.",
        "rest": None,
        "data": {},
        "failure": None,
        "untrusted": False,
        "sources": [],
        "generator": {"name": "scripted", "fingerprint": "1", "adapter": None},
        "usage": {"prompt_tokens": 1200, "completion_tokens": 80},
        "cost": 0.0012,
        "timings_ms": {"generate": 900.0, "call": 300.0},
        "rating": None,
        "comment": None,
        **more,
    }


def budget(agent: str = "coordinator", **more: Any) -> dict[str, Any]:
    limits = {"steps": 12, "tool_calls": 20, "tokens": 50_000, "seconds": 300, "cost": 0.5}
    used = {"steps": 6, "calls": {"search_documents": 2, "researcher": 1}, "tokens": 48_000, "seconds": 21.4}
    return {"agent": agent, "limits": limits, **used, "cost": 12_000, "children": [], **more}


def passage(id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "chunk_id": "c1",
        "document_id": "d1",
        "version_id": "v1",
        "title": "Travel policy",
        "text": "In Norway a night may cost 190 euros.",
        "page": None,
        "boxes": [],
        "heading_path": ["Hotels"],
        "score": 0.8,
        "step": None,
        "withheld": False,
        **more,
    }


STEPS = [
    step(1, "researcher", arguments={"task": "Find the hotel limit in Norway."}, observation="190 euros."),
    step(
        2,
        "search_documents",
        agent="coordinator/researcher",
        parent=1,
        arguments={"query": "hotel limit Norway"},
        sources=["1"],
        untrusted=True,
        rest="Read on with read_document.",
        observation="In Norway a night may cost 190 euros. " * 60,
    ),
    step(3, "read_document", agent="coordinator/researcher", parent=1, failure="timeout", observation="Stopped."),
    step(4, "answer", agent="coordinator/researcher", parent=1, observation=None),
    step(5, "calculate", arguments={"expression": "190 * 3"}, observation="570", sources=["2"], decision="approve"),
    step(6, "answer", arguments={"statements": []}, observation=None),
]
ANSWER = {
    "statements": [
        {"text": "In Norway a night may cost 190 euros.", "sources": ["1"], "support": 1.0, "supported": True},
        {"text": "Three nights are 570 euros.", "sources": ["2"], "support": 1.0, "supported": True},
    ],
    "answerable": True,
    "generator": {"name": "scripted", "fingerprint": "1", "adapter": None},
    "degraded": [],
}
SOURCES = [passage("1"), passage("2", document_id="", chunk_id="", title="calculate(190 * 3)", text="570", step=5)]


OFFERED = [
    {"graph_id": name, "name": name, "description": "", "metadata": {"tools": {}, "agents": []}}
    for name in ("coordinator", "researcher")
]


class Told:
    """A thread with one run, as the server would tell it; `posted` are the bodies of what the page sends."""

    def __init__(self, **more: Any) -> None:
        self.run: dict[str, Any] = {
            "run_id": RUN,
            "thread_id": THREAD,
            "task_id": RUN,
            "assistant_id": "a",
            "agent": "coordinator",
            "task": "What are three nights in Norway?",
            "status": "success",
            "metadata": {},
            "output": {"answer": ANSWER, "sources": SOURCES, "budget": budget(), "incomplete": None},
            "error": None,
            **more,
        }
        self.steps = copy.deepcopy(STEPS)
        self.interrupt: dict[str, Any] | None = None
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.refusal: tuple[int, dict[str, Any]] | None = None

    def waits(self, kind: str, name: str, args: dict[str, Any], **more: Any) -> Told:
        """The same run waiting for a person."""
        self.interrupt = {
            "id": "i1",
            "value": {
                "kind": kind,
                "action_requests": [{"name": name, "args": args, "description": ""}],
                "review_configs": [
                    {"action_name": name, "allowed_decisions": ["approve", "edit", "reject", "respond"]}
                ],
                "step": 6,
                "agent": "coordinator",
                "effect": "sends",
                "reasons": ["The run has read text that others wrote."],
                "expires_at": SOON,
                **more,
            },
        }
        self.run |= {"status": "interrupted", "output": None}
        self.steps[-1] = step(6, name, arguments=args, status="waiting", observation=None)
        return self

    def install(self, page: Page) -> None:
        base = f"**/v1/threads/{THREAD}"
        page.route("**/v1/assistants/search", lambda route: route.fulfill(json=OFFERED))
        page.route(base, lambda route: route.fulfill(json=self.thread()))
        page.route(f"{base}/runs?*", lambda route: route.fulfill(json=[self.run]))
        page.route(f"{base}/runs/{RUN}", lambda route: route.fulfill(json=self.run))
        page.route(f"{base}/runs/{RUN}/steps", lambda route: route.fulfill(json={"items": self.steps}))
        for path in ("runs/stream", f"runs/{RUN}/cancel", f"runs/{RUN}/steps/*/feedback"):
            page.route(f"{base}/{path}", self.take)

    def thread(self) -> dict[str, Any]:
        values = {"run_id": RUN, "steps": self.steps, **(self.run["output"] or {"budget": budget(), "sources": []})}
        interrupts = {RUN: [self.interrupt]} if self.interrupt else {}
        return {
            "thread_id": THREAD,
            "status": "idle",
            "metadata": {"title": self.run["task"]},
            "values": values,
            "interrupts": interrupts,
        }

    def take(self, route: Route) -> None:
        path = route.request.url.partition(THREAD + "/")[2]
        self.posted.append((path, json.loads(route.request.post_data or "{}")))
        if self.refusal is not None:
            return route.fulfill(status=self.refusal[0], json=self.refusal[1])
        if path.endswith("cancel"):
            self.run["error"], self.interrupt = {"code": "cancelled", "message": "Cancelled."}, None
        if path.endswith("stream"):
            events = [("metadata", {"run_id": RUN}), ("end", None)]
            body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
            self.interrupt, self.run["status"] = None, "success"
            return route.fulfill(content_type="text/event-stream", body=body)
        return route.fulfill(json={})


@pytest.fixture
def page(shelf: Any, new_page: Callable[..., Page]) -> Page:
    return new_page(shelf)


def shown(page: Page, told: Told) -> Locator:
    """Goes to the thread; its run."""
    told.install(page)
    page.goto(f"/agents/{THREAD}")
    task = page.get_by_role("article", name="Task and run")
    expect(task.get_by_role("heading", level=2)).to_have_text(told.run["task"])
    return task


def unfolded(task: Locator) -> Locator:
    """The timeline of a run that is over."""
    task.get_by_role("button", name=re.compile(r"^\d+ steps?$")).click()
    return task.get_by_role("region", name="Steps", exact=True)


def open_all(steps: Locator) -> None:
    """Opens every step there is."""
    expect(steps.locator(".step-head").first).to_be_visible()
    for head in steps.locator(".step-head").all():
        head.click()


def test_a_run_that_is_over_shows_its_answer_and_folds_its_steps(page: Page) -> None:
    task = shown(page, Told())
    expect(task.get_by_text("Done · 6 steps · 21.4 s")).to_be_visible()
    answer = task.get_by_role("region", name="Answer")
    expect(answer.locator(".cite-number")).to_have_text(["1", "2"])
    expect(answer.get_by_text("Written by scripted")).to_be_visible()
    expect(task.get_by_role("listitem").filter(has_text="Handed to researcher")).to_have_count(0)
    steps = unfolded(task)
    expect(steps.locator(".step")).to_have_count(6)


def test_steps_of_a_sub_agent_stand_below_the_one_that_called_it(page: Page) -> None:
    steps = unfolded(shown(page, Told()))
    handed = steps.locator(":scope > .steps > .step").first
    expect(handed.locator(".steps .step-title")).to_have_text(["Search documents", "Read a document", "Reported back"])
    expect(steps.get_by_text("Took too long")).to_be_visible()
    search = handed.get_by_role("button", name=re.compile("Step 2: Search documents"))
    search.focus()
    page.keyboard.press("Enter")
    expect(search).to_have_attribute("aria-expanded", "true")
    for text in ("hotel limit Norway", "written by others", "Read on with read_document.", "900 ms", "1,200 read"):
        expect(handed.get_by_text(text).first).to_be_visible()
    handed.get_by_role("button", name="Show all of it").click()
    expect(handed.get_by_role("button", name="Show all of it")).to_have_count(0)


def test_what_is_opened_opens_where_the_reader_is(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 560})
    task = shown(page, Told())
    head = task.get_by_role("button", name="6 steps")
    place = head.bounding_box()
    head.click()
    expect(task.locator(".step")).to_have_count(6)
    page.wait_for_timeout(200)
    assert head.bounding_box() == place
    page.get_by_role("button", name="To the newest").click()
    expect(task.get_by_role("region", name="Answer")).to_be_in_viewport()


def test_budgets_are_meters_with_words(page: Page) -> None:
    told = Told()
    told.run["output"]["budget"] = budget(children=[budget("researcher", steps=3)])
    task = shown(page, told)
    meters = task.get_by_role("group", name="Budget", exact=True).get_by_role("meter")
    expect(meters).to_have_count(5)
    assert meters.evaluate_all("all => all.map((each) => each.ariaLabel + ': ' + each.ariaValueText)") == [
        "Steps: 6 of 12",
        "Calls: 3 of 20",
        "Tokens: 48,000 of 50,000",
        "Time: 21\u00a0s of 300\u00a0s",
        "Cost: 0.012 of 0.5",
    ]
    task.get_by_text("Budget of 1 sub-agent").click()
    below = task.get_by_role("group", name="Budget of researcher").get_by_role("meter", name="Steps")
    expect(below).to_have_attribute("aria-valuetext", "3 of 12")


def test_a_source_that_is_a_step_leads_to_it(page: Page) -> None:
    task = shown(page, Told())
    task.get_by_role("button", name="Footnote 2: calculate(190 * 3)").click()
    panel = page.get_by_role("complementary", name="Source")
    expect(panel.get_by_role("region", name="What the step brought")).to_have_text("570")
    panel.get_by_role("button", name="Step 5").click()
    expect(panel).to_have_count(0)
    head = task.get_by_role("button", name=re.compile("Step 5: Calculate"))
    expect(head).to_have_attribute("aria-expanded", "true")
    expect(head).to_be_focused()


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"incomplete": {"reason": "steps", "message": "", "agent": "coordinator"}}, "All steps allowed for this run"),
        ({"incomplete": {"reason": "new", "message": MARKUP, "agent": "x"}}, MARKUP),
        ({"answer": {**ANSWER, "statements": [], "answerable": False}}, "The run found nothing that answers this."),
        ({"answer": {**ANSWER, "generator": {"name": "extractive"}}}, "Answered without a model, by a fixed policy"),
    ],
    ids=["budget", "unknown reason", "nothing found", "fixed policy"],
)
def test_an_answer_says_what_it_lacks(page: Page, output: dict[str, Any], text: str) -> None:
    told = Told()
    told.run["output"] = {**told.run["output"], **output}
    answer = shown(page, told).get_by_role("region", name="Answer")
    expect(answer).to_contain_text(text)
    assert ("incomplete" in (answer.get_attribute("class") or "")) == bool(output.get("incomplete"))


@pytest.mark.parametrize(
    ("run", "text"),
    [
        ({"status": "error", "error": {"code": "generator_unavailable", "message": MARKUP}}, MARKUP),
        ({"status": "timeout", "error": {"code": "timeout", "message": "It took too long."}}, "It took too long."),
        ({"status": "interrupted", "error": {"code": "cancelled", "message": "Cancelled."}}, "Stopped"),
    ],
)
def test_a_run_without_an_answer_says_why_and_its_task_can_be_edited(
    page: Page, run: dict[str, Any], text: str
) -> None:
    task = shown(page, Told(output=None, **run))
    expect(task).to_contain_text(text)
    task.get_by_role("button", name="Edit the task").click()
    expect(page.get_by_role("textbox", name="Your task")).to_have_value("What are three nights in Norway?")


# What a run asks


def decided(told: Told) -> dict[str, Any]:
    """The one decision that was sent."""
    [(path, body)] = told.posted
    assert path == "runs/stream"
    assert body["stream_mode"] == ["custom"]
    [decision] = body["command"]["resume"]["i1"]["decisions"]
    return dict(decision)


def test_a_call_is_approved_with_its_exact_arguments_in_sight(page: Page) -> None:
    arguments = {"url": "https://intranet.example/api", "method": "POST", "body": {"text": MARKUP, "n": [1, None]}}
    told = Told().waits("approval", "http_request", arguments)
    card = shown(page, told).get_by_role("region", name="coordinator wants to do this: Call a web address")
    expect(card.locator("dt").filter(has_text="body")).to_be_visible()
    shown_arguments = dict(zip(card.locator("dt").all_inner_texts(), card.locator("dd").all_inner_texts(), strict=True))
    assert shown_arguments["url"] == arguments["url"]
    assert json.loads(shown_arguments["body"]) == arguments["body"]
    expect(card).to_contain_text("It sends something out. That cannot be taken back.")
    expect(card).to_contain_text("The run has read text that others wrote.")
    expect(card).to_contain_text("To be decided in")
    card.get_by_role("button", name="Approve", exact=True).click()
    expect(card).to_have_count(0)
    assert decided(told) == {"type": "approve"}


def test_arguments_are_edited_as_what_they_are(page: Page) -> None:
    told = Told().waits("approval", "http_request", {"url": "https://a.example", "body": {"n": 1}, "tries": 2})
    card = shown(page, told).get_by_role("region", name=re.compile("wants to do this"))
    card.get_by_role("button", name="Edit").click()
    card.get_by_role("textbox", name="url").fill("https://b.example")
    card.get_by_role("textbox", name="body").fill('{"n": 2')
    card.get_by_role("button", name="Approve as edited").click()
    expect(card.get_by_role("alert")).to_have_text("This is not well-written JSON.")
    assert told.posted == []
    card.get_by_role("textbox", name="body").fill('{"n": 2}')
    card.get_by_role("button", name="Approve as edited").click()
    expect(card).to_have_count(0)
    args = {"url": "https://b.example", "body": {"n": 2}, "tries": 2}
    assert decided(told) == {"type": "edit", "edited_action": {"name": "http_request", "args": args}}


def test_a_call_is_rejected_with_a_word(page: Page) -> None:
    told = Told().waits("approval", "http_request", {"url": "https://a.example"})
    card = shown(page, told).get_by_role("region", name=re.compile("wants to do this"))
    card.get_by_role("button", name="Reject").click()
    field = card.get_by_role("textbox", name=re.compile("Why not"))
    expect(field).to_be_focused()
    field.fill("Not to this host.")
    card.get_by_role("button", name="Reject").click()
    expect(card).to_have_count(0)
    assert decided(told) == {"type": "reject", "message": "Not to this host."}


def test_a_question_is_answered(page: Page) -> None:
    told = Told().waits("question", "ask_person", {"question": MARKUP}, effect="reads_inside", reasons=[])
    card = shown(page, told).get_by_role("region", name="coordinator asks you")
    expect(card).to_contain_text(MARKUP)
    expect(card.get_by_role("button", name="Approve")).to_have_count(0)
    card.get_by_role("textbox", name="Your answer").fill("The second one.")
    card.get_by_role("button", name="Answer", exact=True).click()
    expect(card).to_have_count(0)
    assert decided(told) == {"type": "respond", "message": "The second one."}


def test_what_may_have_happened_is_not_done_again_by_itself(page: Page) -> None:
    told = Told().waits("unknown_outcome", "http_request", {"url": "https://a.example"})
    card = shown(page, told).get_by_role("region", name="This may have happened already: Call a web address")
    expect(card).to_contain_text("nobody knows whether it was made")
    card.get_by_role("button", name="I know what came of it").click()
    card.get_by_role("textbox", name="What came of it").fill("It arrived.")
    card.get_by_role("button", name="Tell the agent").click()
    expect(card).to_have_count(0)
    assert decided(told) == {"type": "respond", "message": "It arrived."}


def test_a_decision_that_is_refused_leaves_the_question(page: Page, faults: Any) -> None:
    faults.expect("422 POST")
    told = Told().waits("approval", "http_request", {"url": "https://a.example"})
    told.refusal = (422, {"code": "invalid_input", "detail": "The policy allows no such host.", "status": 422})
    card = shown(page, told).get_by_role("region", name=re.compile("wants to do this"))
    card.get_by_role("button", name="Approve", exact=True).click()
    expect(card.get_by_role("alert")).to_have_text("The policy allows no such host.")
    expect(card.get_by_role("button", name="Approve", exact=True)).to_be_enabled()


def test_a_run_that_waits_can_be_stopped(page: Page) -> None:
    told = Told().waits("approval", "http_request", {"url": "https://a.example"})
    task = shown(page, told)
    task.get_by_role("button", name="Stop the run").click()
    expect(task.get_by_text("Stopped", exact=False).first).to_be_visible()
    assert [path for path, _ in told.posted] == [f"runs/{RUN}/cancel"]


def test_what_nobody_decided_in_time_cannot_be_decided(page: Page) -> None:
    told = Told().waits("approval", "http_request", {"url": "https://a.example"}, expires_at="2026-01-01T00:00:00Z")
    card = shown(page, told).get_by_role("region", name=re.compile("wants to do this"))
    expect(card.get_by_role("alert")).to_have_text("The time to decide is over.")
    expect(card.get_by_role("button", name="Approve", exact=True)).to_be_disabled()


# What people think of a step


def test_a_step_is_rated_with_a_word(page: Page) -> None:
    told = Told()
    steps = unfolded(shown(page, told))
    steps.get_by_role("button", name=re.compile("Step 5: Calculate")).click()
    steps.get_by_role("button", name="Bad: Step 5").click()
    expect(steps.get_by_role("button", name="Bad: Step 5")).to_have_attribute("aria-pressed", "true")
    steps.get_by_role("textbox", name="A word on it (optional)").fill(MARKUP)
    steps.get_by_role("button", name="Send").click()
    expect(steps.locator("q")).to_have_text(MARKUP)
    assert told.posted == [
        (f"runs/{RUN}/steps/5/feedback", {"rating": "down", "comment": None}),
        (f"runs/{RUN}/steps/5/feedback", {"rating": "down", "comment": MARKUP}),
    ]


def test_the_answer_is_rated_as_its_step(page: Page) -> None:
    told = Told()
    task = shown(page, told)
    task.get_by_role("button", name="Good: Answer").click()
    expect(task.get_by_role("button", name="Good: Answer")).to_have_attribute("aria-pressed", "true")
    assert told.posted == [(f"runs/{RUN}/steps/6/feedback", {"rating": "up", "comment": None})]


def test_an_answer_that_a_limit_cut_off_is_rated_as_the_last_step(page: Page) -> None:
    told = Told()
    told.run["output"]["incomplete"] = {"reason": "steps", "message": "", "agent": "coordinator"}
    told.steps = told.steps[:-1]
    task = shown(page, told)
    task.get_by_role("button", name="Bad: Answer").click()
    expect(task.get_by_role("button", name="Bad: Answer")).to_have_attribute("aria-pressed", "true")
    assert told.posted == [(f"runs/{RUN}/steps/5/feedback", {"rating": "down", "comment": None})]


def test_what_happens_elsewhere_is_seen(page: Page) -> None:
    """Somebody decides in another tab, or by the command line: the card goes, and the answer comes."""
    told = Told().waits("approval", "http_request", {"url": "https://a.example"})
    task = shown(page, told)
    expect(task.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    other = Told()
    told.interrupt, told.run, told.steps = None, other.run | {"run_id": "another"}, other.steps
    page.route(re.compile(r"/runs/another/steps$"), lambda route: route.fulfill(json={"items": told.steps}))
    expect(task.get_by_role("region", name="Answer")).to_contain_text("190 euros")
    expect(task.get_by_role("button", name="Approve", exact=True)).to_have_count(0)


# Hostile text, looks, access


def hostile() -> Told:
    """Markup in everything that others write."""
    told = Told(task=MARKUP)
    told.steps = [
        {**each, "thought": MARKUP, "observation": MARKUP, "rest": MARKUP, "reasons": [MARKUP], "tool": tool}
        for each, tool in zip(
            told.steps, [MARKUP, "search_documents", "x" * 300, "answer", MARKUP, "answer"], strict=True
        )
    ]
    told.steps[4]["arguments"] = {MARKUP: MARKUP, "long": "y" * 5000, "to": "boss@firm.example\u202emoc.live\u200b"}
    told.steps[4]["data"] = {"pictures": [{"name": MARKUP, "png": "not\"base64' onerror=1"}]}
    statements = [{"text": MARKUP, "sources": ["1", "2"], "support": 1.0, "supported": True}]
    told.run["output"] = {
        "answer": {**ANSWER, "statements": statements, "generator": {"name": MARKUP}, "degraded": [MARKUP]},
        "sources": [passage("1", title=MARKUP, text=MARKUP), passage("2", title=MARKUP, text=MARKUP, step=5)],
        "budget": budget(children=[budget(MARKUP)]),
        "incomplete": None,
    }
    return told


def test_hostile_text_stays_text(page: Page) -> None:
    task = shown(page, hostile())
    steps = unfolded(task)
    open_all(steps)
    task.locator(".cite-number").first.hover()
    task.locator(".budget-more summary").click()
    expect(steps).to_contain_text(MARKUP)
    expect(steps).to_contain_text("boss@firm.example⟨U+202E⟩moc.live⟨U+200B⟩")
    assert page.locator("#main img:not(.step-picture), #main b, #main script").count() == 0
    assert page.locator("#main a[href^=javascript]").count() == 0
    assert page.evaluate("window.taken === undefined")


@pytest.mark.parametrize("kind", ["hostile", "done", "asks", "question"])
def test_every_state_is_accessible_and_fits(shelf: Any, new_page: Callable[..., Page], axe: Any, kind: str) -> None:
    page = new_page(shelf, height=844)
    told = hostile() if kind == "hostile" else Told()
    if kind == "asks":
        told.waits("approval", "http_request", {"url": "https://intranet.example/" + "long/" * 40, "body": {"a": 1}})
    if kind == "question":
        told.waits("question", "ask_person", {"question": "Which of the two?"})
    task = shown(page, told)
    if kind == "asks":
        task.get_by_role("button", name="Edit", exact=True).click()
    if kind in ("hostile", "done"):
        open_all(unfolded(task))
    axe(page)
    for width in (1280, 390, 360):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(_TOO_WIDE) == []
    axe(page, schemes=("light",))
