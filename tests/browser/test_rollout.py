"""Gates and rollouts on the page, on a real server with an engine beside it: the loop, versions brought into service,
moved, stopped by their guards and taken back; gates asked, gone on with and read; who may look; looks and access."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from app.gate.folders import GateFolders
from tests.browser.rollout_material import bad, engine_beside, everything, gate, good, observe, untried
from tests.scripted_engine import ScriptedEngine

ANA = "ana-key-0123456789"
ROOT = "root-key-0123456789"
KEYS = json.dumps([{"key": ANA, "id": "ana"}, {"key": ROOT, "id": "root", "admin": True}])
RULES = "min_items: 20\nspeed_items: 5\n"
ASKED_MS = 120_000
_TOO_WIDE = """() => [...document.querySelectorAll("#main *, dialog *")]
    .filter((each) => each.checkVisibility() && !each.closest("pre, .figure-rows, .visually-hidden, svg"))
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => `${each.tagName} ${each.getAttribute("class")}`)"""


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedEngine]:
    with engine_beside() as made:
        yield made


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The names of what is in the folder for learning, and where that lies."""
    folder = tmp_path_factory.mktemp("rollout")
    return {"folder": str(folder / "finetune"), **everything(folder)}


@pytest.fixture(scope="module")
def serving(own_site: Callable[..., Any], names: dict[str, str], engine: ScriptedEngine) -> Any:
    """A server whose base answers everybody, as somebody said it shall."""
    site = own_site(
        FOOTNOTE_AUTH__KEYS=KEYS,
        FOOTNOTE_FINETUNE__FOLDER=names["folder"],
        FOOTNOTE_SERVING__GENERATOR="openai_compatible",
        FOOTNOTE_SERVING__ENDPOINT__BASE_URL=engine.url,
        FOOTNOTE_SERVING__ENDPOINT__MODEL="m",
        FOOTNOTE_SERVING__ENDPOINT__FLAVOUR="vllm",
        OMP_NUM_THREADS="1",
    )
    site.key = ROOT
    site.call("POST", "/v1/deployments", json={"version": "m", "stage": "champion", "why": "to begin with"})
    return site


def as_(key: str) -> dict[str, Any]:
    """What a page shows with every request."""
    return {"extra_http_headers": {"Authorization": f"Bearer {key}"}}


@pytest.fixture
def page(serving: Any, new_page: Callable[..., Page]) -> Page:
    return new_page(serving, **as_(ROOT))


@pytest.fixture
def team() -> str:
    """A group of the test's own: one version is tried at a time in each."""
    return f"team {uuid4().hex[:8]}"


def begun(serving: Any, team: str, version: str, stage: str, **more: Any) -> str:
    """A deployment's id."""
    body = {"version": version, "scope": f"group:{team}", "stage": stage, "ungated": "tried in a test", **more}
    return str(serving.call("POST", "/v1/deployments", json=body)["id"])


def shown(page: Page, team: str) -> Locator:
    """What is in service for a group."""
    return page.get_by_role("group", name=f"Group {team}")


def row(page: Page, team: str, version: str) -> Locator:
    """One deployment of a group; those of guards are within."""
    return shown(page, team).locator(".rollout-row").filter(has_text=version)


def rolled_back(page: Page, team: str) -> Locator:
    """The dialog of a group's way back."""
    shown(page, team).get_by_role("button", name="Roll back").click()
    return page.get_by_role("dialog", name="Roll back")


# ---- the loop -------------------------------------------------------------------------------------------------------


def test_the_loop_tells_where_everything_stands_and_leads_there(
    page: Page, serving: Any, team: str, names: Any
) -> None:
    page.goto("/finetune")
    loop = page.get_by_role("region", name="Rollout").get_by_role("listitem")
    expect(loop).to_have_count(7)
    expect(loop.nth(0)).to_contain_text("0judged answers")
    expect(loop.nth(1)).to_contain_text("the newest")
    expect(loop.nth(2)).to_contain_text("0done, 0 going")
    expect(loop.nth(3)).to_contain_text("stopped")
    expect(loop.nth(6)).to_contain_text("mnamed")
    assert page.locator(".loop-ways path.loop-head").count() == 7, "six ways on, and one back"
    before = int(loop.nth(4).locator("b").inner_text())
    begun(serving, team, names["first"], "shadow")
    expect(loop.nth(4).locator("b")).to_have_text(str(before + 1))
    loop.nth(6).get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Gates and rollouts")).to_be_visible()
    expect(page.locator("#deployments")).to_be_focused()
    page.get_by_role("region", name="Rollout").get_by_role("link", name="Datasets").click()
    expect(page.locator("#datasets")).to_be_focused()
    expect(page.get_by_role("heading", level=1, name="Learning")).to_be_visible()


# ---- deployments ----------------------------------------------------------------------------------------------------


def test_a_version_is_brought_into_service_with_the_keyboard(page: Page, team: str, names: Any) -> None:
    page.goto("/finetune/rollout")
    page.get_by_role("button", name="Bring a version into service").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Bring a version into service")
    version = dialog.get_by_label("Version")
    expect(version.get_by_role("option", name="m (the base model)")).to_be_attached()
    version.focus()
    version.select_option(names["second"])
    dialog.get_by_label("For whom").select_option("group")
    dialog.get_by_label("Group", exact=True).fill(team)
    dialog.get_by_role("radio", name="shadow").focus()
    page.keyboard.press("ArrowRight")
    dialog.get_by_label("Share of people, in percent").fill("25")
    dialog.get_by_label("Gate").select_option(names["passed"])
    expect(dialog.get_by_label("Why it may go without a report")).to_have_count(0)
    dialog.get_by_label("Why (for the history)").fill("as agreed on Monday")
    page.keyboard.press("Enter")
    trial = row(page, team, names["second"])
    expect(trial.get_by_text("canary", exact=True)).to_be_visible()
    expect(trial.get_by_text("25% of people")).to_be_visible()
    expect(trial).to_contain_text("as agreed on Monday")
    expect(trial.get_by_role("link", name="its gate")).to_have_attribute("href", f"/finetune/gates/{names['passed']}")
    expect(shown(page, team)).to_contain_text("m answers here: no champion was named.")
    trial.get_by_role("button", name="Change the share").click()
    dialog = page.get_by_role("dialog", name="Change the share")
    dialog.get_by_label("Share of people, in percent").fill("40")
    page.keyboard.press("Enter")
    expect(trial.get_by_text("40% of people")).to_be_visible()


def test_without_a_report_the_server_wants_a_reason(page: Page, team: str, names: Any, faults: Any) -> None:
    faults.expect("409 POST /v1/deployments")
    page.goto("/finetune/rollout")
    page.get_by_role("button", name="Bring a version into service").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Version").select_option(names["first"])
    dialog.get_by_label("For whom").select_option("group")
    dialog.get_by_label("Group", exact=True).fill(team)
    dialog.get_by_role("button", name="Bring a version into service").click()
    expect(dialog.get_by_role("alert")).to_contain_text("has passed no gate")
    dialog.get_by_label("Why it may go without a report").fill("it is only tried here")
    dialog.get_by_role("button", name="Bring a version into service").click()
    expect(row(page, team, names["first"])).to_contain_text("without a gate: it is only tried here")


def test_guards_tell_what_both_arms_came_to(page: Page, serving: Any, team: str, names: Any) -> None:
    trial = begun(serving, team, names["second"], "shadow")
    page.goto("/finetune/rollout")
    found = row(page, team, names["second"])
    expect(found).to_contain_text("0 of 100 questions answered by both")
    observe(serving.data, trial, 40, lambda number: good(number) if number % 4 else bad(number))
    expect(found).to_contain_text("40 of 100 questions answered by both; no guard is breached.")
    support = (
        found.get_by_role("list", name="Guards").get_by_role("listitem").filter(has_text="Without support by sources")
    )
    judged = serving.call("GET", f"/v1/deployments/{trial}")["judged"]["guards"][0]
    assert judged["name"] == "support"
    expect(support).to_contain_text("40 pairs")
    expect(support).to_contain_text(f"Candidate{judged['candidate_mean']:.4g}")
    expect(support).to_contain_text(f"Worse by +{judged['difference']:.3g}")
    assert not judged["excluded"], "a quarter of the answers is worse"
    expect(support).to_contain_text(f"Up to {judged['tolerance']:g} worse is borne; more is not excluded yet.")
    meter = support.get_by_role("meter", name="Evidence: Without support by sources")
    expect(meter).to_have_attribute("aria-valuetext", f"evidence {judged['evidence']:.3g}, ends at {judged['limit']:g}")
    now = int(meter.get_attribute("aria-valuenow") or 0)
    assert 45 < now < 100, "more than no evidence, less than a breach, as powers of ten"
    filled, track = (meter.locator(f"rect.{name}").bounding_box() for name in ("rollout-filled", "rollout-track"))
    assert filled
    assert track
    assert abs(filled["width"] / track["width"] - now / 100) < 0.01
    line, axis = (support.locator(f"svg line.{name}").bounding_box() for name in ("rollout-reach", "rollout-axis"))
    assert line
    assert axis
    assert 0 < line["width"] <= axis["width"]
    observe(serving.data, trial, 300, good, since=40)
    expect(found).to_contain_text(re.compile(r"At most [+−-]?[\d.]+ worse; up to [\d.]+ is borne\."))


def test_a_breach_ends_the_trial_before_the_readers_eyes(page: Page, serving: Any, team: str, names: Any) -> None:
    trial = begun(serving, team, names["third"], "shadow")
    page.goto("/finetune/rollout")
    expect(row(page, team, names["third"]).get_by_text("shadow", exact=True)).to_be_visible()
    observe(serving.data, trial, 60, bad)
    expect(shown(page, team)).to_have_count(0)
    moved = page.get_by_role("list", name="History").get_by_role("listitem").filter(has_text=f"Group {team}").first
    expect(moved).to_contain_text("shadow → rolled back")
    expect(moved).to_contain_text("the guards")
    expect(moved).to_contain_text("Breached: support is worse")
    moved.get_by_text("What the guards had seen").click()
    seen = (
        moved.get_by_role("list", name="Guards").get_by_role("listitem").filter(has_text="Without support by sources")
    )
    expect(seen).to_contain_text("breached")
    expect(seen).to_contain_text("pairs")
    page.goto(f"/finetune/deployments/{trial}")
    support = page.get_by_role("list", name="Guards").get_by_role("listitem").first
    expect(support).to_contain_text("breached")
    expect(support.get_by_role("meter")).to_have_attribute("aria-valuenow", "100")
    expect(page.get_by_role("list", name="History").get_by_role("listitem")).to_have_count(3)


def test_a_promoted_version_gives_way_to_a_former_one(page: Page, serving: Any, team: str, names: Any) -> None:
    first, second, third = names["first"], names["second"], names["third"]
    page.goto("/finetune/rollout")
    for version in (first, second):
        begun(serving, team, version, "champion")
        expect(row(page, team, version).get_by_text("champion", exact=True)).to_be_visible()
    begun(serving, team, third, "shadow")
    trial = row(page, team, third)
    trial.get_by_role("button", name="Promote").click()
    dialog = page.get_by_role("dialog", name="Promote")
    expect(dialog).to_contain_text(f"{third} answers everybody in its scope instead of {second}")
    expect(dialog).to_contain_text("0 of 100 questions answered by both")
    dialog.get_by_label("Why (for the history)").fill("the better one")
    dialog.get_by_role("button", name="Promote").click()
    expect(trial.get_by_text("champion", exact=True)).to_be_visible()
    dialog = rolled_back(page, team)
    ways = dialog.get_by_role("radio")
    expect(ways).to_have_count(2)
    expect(ways.nth(0)).to_be_checked()
    expect(dialog.get_by_role("group")).to_contain_text(f"{third} gives way. Afterwards answers: {second}")
    dialog.get_by_role("radio", name=f"Afterwards answers: {first}").check()
    dialog.get_by_label("Why (for the history)").fill("not so good after all")
    dialog.get_by_role("button", name="Roll back").click()
    expect(row(page, team, first).get_by_text("champion", exact=True)).to_be_visible()
    listed = serving.call("GET", "/v1/deployments", params={"scope": f"group:{team}"})["items"]
    assert {each["version"]: each["stage"] for each in listed} == {
        first: "champion",
        second: "retired",
        third: "rolled_back",
    }
    history = page.get_by_role("list", name="History").get_by_role("listitem").filter(has_text=f"Group {team}")
    expect(history.filter(has_text="not so good after all")).to_contain_text("champion → rolled back")
    expect(history.filter(has_text=f"back in place of {third}")).to_contain_text("retired → champion")


def test_a_way_back_says_who_answers_afterwards(page: Page, serving: Any, team: str, names: Any) -> None:
    begun(serving, team, names["first"], "shadow")
    page.goto("/finetune/rollout")
    expect(row(page, team, names["first"]).get_by_text("shadow", exact=True)).to_be_visible()
    dialog = rolled_back(page, team)
    expect(dialog).to_contain_text(f"The trial of {names['first']} ends. Afterwards answers: m.")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(shown(page, team).get_by_role("button", name="Roll back")).to_be_focused()
    dialog = rolled_back(page, team)
    dialog.get_by_role("button", name="Roll back").click()
    expect(shown(page, team)).to_have_count(0)
    begun(serving, team, names["second"], "champion")
    expect(row(page, team, names["second"]).get_by_text("champion", exact=True)).to_be_visible()
    dialog = rolled_back(page, team)
    expect(dialog).to_contain_text("there is no champion to go back to. Afterwards answers: m.")
    dialog.get_by_role("button", name="Roll back").click()
    expect(shown(page, team)).to_have_count(0)


def test_what_is_in_the_way_is_said_until_it_is_not(
    page: Page, serving: Any, team: str, names: Any, engine: ScriptedEngine
) -> None:
    version = untried(Path(names["folder"]).parent, names["dataset"])
    begun(serving, team, version, "shadow")
    page.goto("/finetune/rollout")
    trial = row(page, team, version)
    expect(trial.get_by_text("shadow", exact=True)).to_be_visible()
    engine.refuses = True
    engine.adapters.pop(version)  # it was killed, and came back in a bad mood
    try:
        expect(trial.get_by_role("alert")).to_contain_text("did not take")
    finally:
        engine.refuses = False
    expect(trial.get_by_role("alert")).to_have_count(0, timeout=ASKED_MS)


def test_what_an_engine_refuses_is_called_off_and_tried_again(
    page: Page, serving: Any, team: str, names: Any, engine: ScriptedEngine
) -> None:
    version = untried(Path(names["folder"]).parent, names["dataset"])
    engine.refuses = True
    try:
        begun(serving, team, version, "shadow")
        page.goto("/finetune/rollout")
        waiting = row(page, team, version)
        expect(waiting.get_by_role("alert")).to_contain_text("did not take")
        expect(waiting).to_contain_text("→ shadow, as soon as every engine has it")
        waiting.get_by_role("button", name="Call off").click()
        dialog = page.get_by_role("dialog", name="Call off")
        expect(dialog).to_contain_text("m answers, as now.")
        dialog.get_by_role("button", name="Call off").click()
        expect(shown(page, team)).to_have_count(0)
    finally:
        engine.refuses = False
    page.get_by_text("former or waiting version").click()
    over = page.locator("details .rollout-row").filter(has_text=version)
    expect(over.get_by_text("candidate", exact=True)).to_be_visible()
    over.get_by_role("button", name="To the shadow").click()
    page.get_by_role("dialog").get_by_role("button", name="To the shadow").click()
    expect(row(page, team, version).get_by_text("shadow", exact=True)).to_be_visible()


# ---- gates ----------------------------------------------------------------------------------------------------------


def test_a_stopped_candidate_is_shown_with_every_reason(page: Page, serving: Any, names: Any) -> None:
    report = serving.call("GET", f"/v1/gates/{names['stopped']}")["report"]
    page.goto("/finetune/rollout")
    listed = page.get_by_role("region", name="Gates").locator(".rollout-row").filter(has_text="stopped").last
    expect(listed).to_contain_text(f"against {names['first']}")
    listed.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Gate: {names['third']}")
    reasons = page.get_by_role("region", name="Why it was stopped").get_by_role("listitem")
    expect(reasons).to_have_text([each["said"] for each in report["reasons"]])
    support = next(each for each in report["measures"] if each["measure"] == "support")
    drawn = page.get_by_role("list", name="Measures").get_by_role("listitem").filter(has_text="Support by sources")
    expect(drawn).to_contain_text("worse")
    expect(drawn).to_contain_text(f"Candidate{support['candidate']:.4g}")
    line, middle = (drawn.locator(f"line.{name}").bounding_box() for name in ("rollout-reach", "rollout-middle"))
    assert line
    assert middle
    assert line["x"] + line["width"] < middle["x"], "shown to be worse: the interval lies left of no change"
    ratios = page.get_by_role("list", name="Ratios").get_by_role("listitem")
    expect(ratios.filter(has_text="Time of writing")).to_contain_text("Ratio")
    parts = page.get_by_role("region", name="Differences by part and measure")
    worse = [each for each in report["slices"] if each["said"] == "worse"]
    expect(parts.locator(".badge.bad")).to_have_count(len(worse))
    expect(parts.get_by_role("row").filter(has_text="language: en")).to_contain_text("worse")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report as a page").click()
    expect(opened.value.get_by_role("heading", level=1)).to_have_text(f"{names['third']} was stopped")


def test_a_gate_at_work_is_followed_and_gone_on_with(page: Page, names: Any) -> None:
    folders = GateFolders(Path(names["folder"]) / "gates")
    at_work = gate(
        Path(names["folder"]),
        names["second"],
        names["first"],
        names["dataset"],
        "running",
        stage="asking",
        done=110,
        of=440,
    )
    held = folders.hold(at_work.id)
    assert held
    with held:
        page.goto(f"/finetune/gates/{at_work.id}")
        bar = page.get_by_role("progressbar")
        expect(bar).to_have_attribute("aria-valuenow", "25")
        expect(page.get_by_text("asking both · 110 of 440")).to_be_visible()
        folders.save(at_work.model_copy(update={"done": 220}))
        expect(bar).to_have_attribute("aria-valuenow", "50")
        expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text(
        "The server stopped while the gate was at work."
    )
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(bar).to_have_count(0)


def test_the_gate_is_asked_and_its_report_read(page: Page, serving: Any, names: Any) -> None:
    page.goto("/finetune/rollout")
    page.get_by_role("button", name="Run the gate").click()
    dialog = page.get_by_role("dialog", name="Run the gate")
    dialog.get_by_label("Candidate").select_option(names["second"])
    dialog.get_by_label("Dataset").select_option(names["dataset"])
    dialog.get_by_label("Rules").fill(RULES)
    dialog.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Gate: {names['second']}")
    expect(page.get_by_role("list", name="Measures")).to_be_visible(timeout=ASKED_MS)
    newest = serving.call("GET", "/v1/gates")["items"]
    newest = max(newest, key=lambda each: each["started_at"])
    assert (newest["candidate"], newest["champion"], newest["by"]) == (names["second"], "m", "root")
    expect(page.get_by_role("region", name="Where it stands")).to_contain_text(
        "passed" if newest["passed"] else "stopped"
    )


def test_rules_that_cannot_be_followed_are_refused_where_they_are_written(page: Page, names: Any, faults: Any) -> None:
    faults.expect("4.. POST /v1/gates")
    page.goto("/finetune/rollout")
    page.get_by_role("button", name="Run the gate").click()
    dialog = page.get_by_role("dialog", name="Run the gate")
    dialog.get_by_label("Candidate").select_option(names["second"])
    dialog.get_by_label("Dataset").select_option(names["dataset"])
    dialog.get_by_label("Rules").fill("min_items: many")
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_role("alert")).to_contain_text("min_items")


# ---- looks and access -----------------------------------------------------------------------------------------------


def test_what_is_not_there_says_so(page: Page, faults: Any) -> None:
    faults.expect("404 GET")
    for address in ("deployments/nothing", f"gates/{uuid4()}"):
        page.goto(f"/finetune/{address}")
        expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("There is no")


@pytest.mark.parametrize(("width", "locale"), [(1280, "en-GB"), (390, "de-DE")])
def test_it_is_accessible_and_fits(
    serving: Any, names: Any, team: str, new_page: Callable[..., Page], axe: Any, width: int, locale: str
) -> None:
    trial = begun(serving, team, names["second"], "canary", share=0.2)
    page = new_page(serving, width=width, locale=locale, **as_(ROOT))
    page.goto("/finetune/rollout")
    expect(page.locator(".rollout-scope").filter(has_text=team).locator(".rollout-row")).to_be_visible()
    observe(serving.data, trial, 30, good)
    guards = page.locator(".rollout-scope").filter(has_text=team).locator(".rollout-measure")
    expect(guards).to_have_count(8)

    def fits() -> None:
        axe(page)
        assert page.evaluate(_TOO_WIDE) == []

    fits()
    boxes = [each.bounding_box() for each in page.locator(".loop-stage").all()]
    places = {round(box["x" if width == 390 else "y"]) for box in boxes if box}
    assert (len(boxes), len(places)) == (7, 1), "a column where it is narrow, a row where it is wide"
    page.locator(".rollout-scope").filter(has_text=team).locator(".button.danger").click()
    expect(page.get_by_role("dialog").locator("form")).to_be_visible()
    fits()
    page.keyboard.press("Escape")
    for button in page.locator(".learning-section .button.primary:not(.small)").all():
        button.click()
        expect(page.get_by_role("dialog").locator("option").nth(1)).to_be_attached()
        fits()
        page.keyboard.press("Escape")
    for address in (f"deployments/{trial}", f"gates/{names['stopped']}"):
        page.goto(f"/finetune/{address}")
        expect(page.locator(".rollout-measure").first).to_be_visible()
        fits()


def test_others_are_told_who_may_look(serving: Any, names: Any, new_page: Callable[..., Page]) -> None:
    page = new_page(serving, **as_(ANA))
    for address in ("rollout", "deployments/any", f"gates/{names['passed']}"):
        page.goto(f"/finetune/{address}")
        expect(page.get_by_role("heading", name="For administrators")).to_be_visible()
