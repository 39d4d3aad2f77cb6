"""Learning on the page, on a real server: datasets down to rows, recipes looked over while they are written, a run of a
real model cancelled, resumed and registered, cards, damage; who may look; looks and access."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.finetune_material import ANSWER, CORRECTION, QUESTION, everything
from tests.scripted_engine import ScriptedEngine, scripted_engine

ANA = "ana-key-0123456789"
ROOT = "root-key-0123456789"
KEYS = json.dumps([{"key": ANA, "id": "ana"}, {"key": ROOT, "id": "root", "admin": True}])
MODELS = Path(__file__).resolve().parents[1] / "data"
TRAIN = "max_steps: 4, per_device_train_batch_size: 2, gradient_accumulation_steps: 1, max_length: 99, logging_steps: 1"
TRAINED_MS = 240_000
_TOO_WIDE = """() => [...document.querySelectorAll("#main *, dialog *")]
    .filter((each) => each.checkVisibility() && !each.closest("pre, .figure-rows, .visually-hidden, svg"))
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => `${each.tagName} ${each.getAttribute("class")}`)"""


def lines(count: int) -> str:
    """A file of examples."""
    rows = [{"prompt": f"Where is pump {n}?", "completion": f"Pump {n} stands in hall {n % 7}."} for n in range(count)]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedEngine]:
    """An engine that adapters are loaded onto, on a loop of its own."""
    loop, found, over = asyncio.new_event_loop(), list[ScriptedEngine](), asyncio.Event()
    there = threading.Event()

    async def serve() -> None:
        async with scripted_engine() as made:
            found.append(made)
            there.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert there.wait(20)
    yield found[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder of what was learnt, and the names of what is in it."""
    folder = tmp_path_factory.mktemp("learning")
    (folder / "files").mkdir()
    (folder / "files" / "pumps.jsonl").write_text(lines(16))
    return folder, everything(folder)


@pytest.fixture(scope="module")
def learning(own_site: Callable[..., Any], names: tuple[Path, dict[str, str]], engine: ScriptedEngine) -> Any:
    """A server that has learnt before, may train the answering model, and has an engine to put adapters on."""
    site = own_site(
        FOOTNOTE_AUTH__KEYS=KEYS,
        FOOTNOTE_FINETUNE__FOLDER=str(names[0]),
        FOOTNOTE_FINETUNE__RUNS__MODELS=json.dumps([str(MODELS)]),
        FOOTNOTE_SERVING__GENERATOR="openai_compatible",
        FOOTNOTE_SERVING__ENDPOINT__BASE_URL=engine.url,
        FOOTNOTE_SERVING__ENDPOINT__MODEL="m",
        FOOTNOTE_SERVING__ENDPOINT__FLAVOUR="vllm",
        OMP_NUM_THREADS="1",
    )
    site.key = ROOT
    return site


def as_(key: str) -> dict[str, Any]:
    """What a page shows with every request."""
    return {"extra_http_headers": {"Authorization": f"Bearer {key}"}}


@pytest.fixture
def page(learning: Any, new_page: Callable[..., Page]) -> Page:
    return new_page(learning, **as_(ROOT))


def dialog(page: Page) -> Locator:
    """The dialog for a new run."""
    page.goto("/finetune")
    page.get_by_role("button", name="New run").click()
    return page.get_by_role("dialog", name="New run")


def card_of(name: str) -> str:
    title, _, digest = name.partition("@")
    return f"/finetune/versions/{title}/{digest}"


# ---- datasets -------------------------------------------------------------------------------------------------------


def test_a_dataset_says_what_is_kept_and_refused_and_why(page: Page, names: Any) -> None:
    page.goto("/finetune")
    datasets = page.get_by_role("region", name="Datasets")
    row = datasets.get_by_role("listitem").filter(has_text=names[1]["dataset"])
    expect(row).to_contain_text("Pairs: 24")
    expect(row).to_contain_text("3 refused")
    row.get_by_role("link").click()
    figures = page.get_by_role("region", name="Figures")
    expect(figures).to_contain_text("0.4123, on 5 questions that several judged")
    expect(figures).to_contain_text("0.8, on 4 questions that several judged")
    kept = page.get_by_role("group", name="Pairs")
    kept.get_by_role("button", name="training 24").click()
    rows = kept.get_by_role("list", name="Pairs: training").locator("> li")
    expect(rows).to_have_count(20)
    first = rows.first
    expect(first).to_contain_text(QUESTION)
    expect(first).to_contain_text("30 days. [2]")
    expect(first.get_by_role("definition").filter(has_text="a correction")).to_be_visible()
    expect(first.get_by_role("definition").filter(has_text="ana")).to_be_visible()
    expect(first.get_by_role("link", name="How it came about")).to_have_attribute("href", f"/answers/{ANSWER}/why")
    first.get_by_text("The prompt as it was sent").click()
    expect(first.get_by_role("paragraph").filter(has_text="Answer from the sources.")).to_be_visible()
    kept.get_by_role("button", name="More").click()
    expect(rows).to_have_count(24)
    expect(rows.nth(20)).to_be_focused()
    page.get_by_role("group", name="Single words").get_by_role("button", name="training 1").click()
    expect(page.get_by_role("list", name="Single words: training")).to_contain_text("was deleted")
    page.get_by_role("group", name="Whose fault it was").get_by_role("button", name="no source carries").click()
    expect(page.get_by_role("list", name="Whose fault it was").get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_text(CORRECTION).first).to_be_visible()


def test_a_damaged_dataset_says_so(page: Page, names: Any, faults: Any) -> None:
    faults.expect("409 GET /v1/finetune/datasets/.+/rows")
    page.goto(f"/finetune/datasets/{names[1]['broken']}")
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("Delete it and build it again.")
    page.get_by_role("group", name="Pairs").get_by_role("button", name="training 24").click()
    expect(page.get_by_role("main").get_by_role("alert").filter(has_text="is damaged or was changed")).to_be_visible()


def test_a_file_is_brought_and_a_dataset_built_of_it(page: Page, learning: Any, tmp_path: Path) -> None:
    name = f"pumps-{uuid4().hex[:8]}"
    (tmp_path / f"{name}.jsonl").write_text(lines(30) + "not json\n")
    page.goto("/finetune")
    datasets = page.get_by_role("region", name="Datasets")
    datasets.get_by_text("imported file").click()
    datasets.get_by_label("Import a file").set_input_files(tmp_path / f"{name}.jsonl")
    expect(datasets.get_by_role("status")).to_contain_text("Line 31")
    page.get_by_role("button", name="New dataset").click()
    form = page.get_by_role("dialog", name="New dataset")
    form.get_by_role("textbox", name="Name").fill(f"none-{name}")
    form.get_by_role("button", name="Build").click()
    failed = datasets.get_by_role("listitem").filter(has_text=f"none-{name}")
    expect(failed).to_contain_text("Nothing is left to learn from", timeout=TRAINED_MS)
    page.get_by_role("button", name="New dataset").click()
    form.get_by_role("textbox", name="Name").fill(name)
    form.get_by_role("checkbox", name=f"{name}.jsonl").check()
    form.get_by_role("button", name="Build").click()
    built = datasets.get_by_role("link", name=f"{name}@")
    expect(built).to_be_visible(timeout=TRAINED_MS)
    built.click()
    expect(page.get_by_role("group", name="Imported files").get_by_role("button", name="no JSON 1")).to_be_visible()


# ---- runs -----------------------------------------------------------------------------------------------------------


def test_a_recipe_is_looked_over_while_it_is_written(page: Page, learning: Any) -> None:
    form = dialog(page)
    expect(form.get_by_role("combobox", name="Model")).to_have_value("/models/llama")  # as the newest run had it
    form.get_by_role("combobox", name="Model").fill("answering_model")
    form.get_by_role("combobox", name="Dataset").fill("pumps.jsonl")
    expect(form.get_by_text("It takes about")).to_be_visible()
    expect(form.get_by_role("listitem").filter(has_text="Mind:")).to_contain_text("answers slow down")
    form.get_by_role("spinbutton", name="Adapter’s rank (r)").fill("4096")
    error = form.get_by_role("listitem").filter(has_text="Error:").first
    expect(error).to_contain_text("lora.r")
    expect(form.get_by_role("button", name="Start")).to_be_disabled()
    form.get_by_role("combobox", name="Method").select_option("kto")
    expect(form.get_by_text("Learns from thumbs alone, without pairs.")).to_be_visible()
    assert [each for each in learning.call("GET", "/v1/finetune/runs")["items"] if each["title"] == "feedback"] == []


def test_a_run_is_cancelled_resumed_registered_and_deleted(page: Page, learning: Any) -> None:
    title = f"pumps-{uuid4().hex[:8]}"
    data = "{train: pumps.jsonl, validation: pumps.jsonl}"
    recipe = f"name: {title}\nmethod: sft\nmodel: answering_model\ndata: {data}\ntrain: {{{TRAIN}}}\n"
    run = learning.call("POST", "/v1/finetune/runs", json={"recipe": recipe, "start": False})["name"]
    page.goto(f"/finetune/runs/{run}")
    where = page.get_by_role("region", name="Where it stands")
    expect(where.get_by_text("waiting", exact=True)).to_be_visible()
    page.get_by_role("button", name="Cancel the run").click()
    expect(where.get_by_text("cancelled", exact=True)).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("figure", name="loss", exact=True)).to_be_visible(timeout=TRAINED_MS)
    expect(where.get_by_text("done", exact=True)).to_be_visible(timeout=TRAINED_MS)
    expect(page.get_by_role("region", name="What came of it").get_by_role("row", name="loss")).to_be_visible()
    where.get_by_role("link", name=f"{title}@").click(timeout=TRAINED_MS)
    card = page.get_by_role("region", name="Card")
    expect(card).to_contain_text("4 steps")
    page.get_by_role("button", name="Verify the files").click()
    expect(page.get_by_text("Every file is as it was written.")).to_be_visible()
    page.goto(f"/finetune/runs/{run}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1, name="Learning")).to_be_visible()
    assert run not in [each["name"] for each in learning.call("GET", "/v1/finetune/runs")["items"]]


def test_a_run_that_failed_says_why_and_what_it_said_last(page: Page) -> None:
    page.goto("/finetune")
    failed = page.get_by_role("region", name="Runs").get_by_role("listitem").filter(has_text="failed")
    expect(failed).to_contain_text("Raise `max_length`.")
    failed.get_by_role("link").click()
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("20 rows are longer than 256 tokens.")
    page.get_by_text("What its process said").click()
    expect(page.get_by_label("What its process said")).to_have_text("Rows: 100%|####\nthe last words of a process")


def test_a_cheated_reward_raises_alarms(page: Page) -> None:
    page.goto("/finetune/runs/cheated")
    expect(page.get_by_role("main").get_by_role("alert").filter(has_text="the judge support")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("alert").filter(has_text="Answers grew")).to_be_visible()
    expect(page.get_by_role("figure", name="reward", exact=True)).to_contain_text("0.05 → 1")


def test_what_is_not_there_says_so(page: Page, faults: Any) -> None:
    faults.expect("404 GET")
    for address in ("runs/nothing", "datasets/nothing@0123456789abcdef", "versions/nothing/0123456789abcdef"):
        page.goto(f"/finetune/{address}")
        expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("nothing")


# ---- the registry ---------------------------------------------------------------------------------------------------


def test_a_version_shows_its_card_and_is_put_onto_the_engine(page: Page, names: Any, engine: ScriptedEngine) -> None:
    engine.adapters.clear()  # of a first try
    page.goto("/finetune")
    listed = page.get_by_role("region", name="Registry").get_by_role("listitem").filter(has_text=names[1]["sound"])
    listed.get_by_role("link").click()
    card = page.get_by_role("region", name="Card")
    for fact in ("Examples (SFT)", "/models/llama", "apache-2.0", "3 min, 10 steps", "1 × cpu", "measure the adapter"):
        expect(card).to_contain_text(fact)
    expect(card.get_by_role("link", name=names[1]["dataset"])).to_be_visible()
    measured = page.get_by_role("region", name="What came of it").get_by_role("row")
    expect(measured).to_have_text([r"MeasuredBeforeAfter", r"loss2.51.25"])
    expect(page.get_by_role("figure", name="loss", exact=True)).to_contain_text("2.5 → 1.25")
    page.get_by_role("button", name="Load onto the engines").click()
    expect(card).to_contain_text("on every engine")
    assert list(engine.adapters) == [names[1]["sound"]]


def test_a_damaged_version_names_the_file_and_cannot_be_loaded(page: Page, names: Any, faults: Any) -> None:
    faults.expect("409 POST .+/load")
    page.goto(card_of(names[1]["damaged"]))
    load = page.get_by_role("button", name="Load onto the engines")
    load.click()
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("is damaged")
    page.get_by_role("button", name="Verify the files").click()
    expect(page.get_by_text("adapter_model.safetensors was changed")).to_be_visible()
    expect(load).to_be_disabled()


# ---- looks and access -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "locale", "scheme"), [(1280, "en-GB", "light"), (360, "de-DE", "dark")])
def test_it_is_accessible_and_fits(
    learning: Any, names: Any, new_page: Callable[..., Page], axe: Any, width: int, locale: str, scheme: str
) -> None:
    page = new_page(learning, width=width, locale=locale, **as_(ROOT))

    def fits() -> None:
        axe(page, schemes=(scheme,))
        assert page.evaluate(_TOO_WIDE) == []

    page.goto("/finetune")
    expect(page.get_by_role("link", name="cheated")).to_be_visible()
    expect(page.get_by_role("link", name=names[1]["damaged"])).to_be_visible()
    expect(page.get_by_role("link", name=names[1]["broken"])).to_be_visible()
    fits()
    page.locator(".learning-section .button.primary").last.click()
    expect(page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()  # it may not train /models/llama
    fits()
    page.goto(f"/finetune/datasets/{names[1]['dataset']}")
    for button in (".learning-section:nth-of-type(2) .button", ".learning-section:nth-of-type(3) .button"):
        page.locator(button).first.click()
        expect(page.locator(".learning-entries[aria-busy=false] > li").first).to_be_visible()
    fits()
    page.goto("/finetune/runs/cheated")
    expect(page.get_by_role("figure", name="reward", exact=True)).to_be_visible()
    fits()
    page.goto(card_of(names[1]["sound"]))
    expect(page.get_by_role("figure", name="loss", exact=True)).to_be_visible()
    fits()


def test_others_are_told_who_may_look(learning: Any, new_page: Callable[..., Page]) -> None:
    page = new_page(learning, **as_(ANA))
    page.goto("/finetune")
    expect(page.get_by_role("heading", name="For administrators")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Documents")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Learning")).to_have_count(0)
