"""`footnote finetune dataset`, `lineage`, `exclude`, `advise`: what is learnt from, and what comes from what."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.client import Api, connect
from app.cli.output import Exit, err, fail, out, plain, put_json, put_table
from app.settings import load_settings

dataset = typer.Typer(help="Datasets from feedback: build, look at, remove.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Version = Annotated[str, typer.Argument(help="A dataset's version, NAME@DIGEST.", show_default=False)]
_DATASETS, _FILES = "/v1/finetune/datasets", "/v1/finetune/files"
_EVERY = 0.5
_PATIENCE = 300.0


@dataset.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """List datasets and how builds fare, the newest first."""
    with connect(load_settings()) as api:
        found = api.call("GET", _DATASETS)
    if as_json:
        put_json(found)
        return
    state = {True: "damaged", False: ""}
    rows = [(each["version"], _rows(each), each["answers"], state[each["damaged"]]) for each in found["items"]]
    put_table(("version", "rows to train on", "answers", "state"), rows)
    for build in found["builds"]:
        if build["state"] != "done":
            out.print(f"build {build['id']} of {plain(build['name'])}: {_fares(build)}")


@dataset.command("build")
def build_dataset(
    name: Annotated[str, typer.Argument(help="Its name; the digest follows.", show_default=False)],
    collection: Annotated[list[str] | None, typer.Option(help="Only answers from these collections.")] = None,
    since: Annotated[str | None, typer.Option(help="Only answers from then on: 2026-11-01T00:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Only answers before.")] = None,
    imports: Annotated[list[str] | None, typer.Option("--import", help="An imported file to learn from.")] = None,
    general: Annotated[str | None, typer.Option(help="An imported file of general instructions.")] = None,
    augment: Annotated[bool, typer.Option("--augment", help="Let the model write examples.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build a dataset from what people said of answers, and wait for it."""
    body: dict[str, Any] = {"name": name, "collections": collection or [], "imports": imports or [], "augment": augment}
    body |= {key: value for key, value in (("since", since), ("until", until), ("general", general)) if value}
    with connect(load_settings()) as api:
        build = _awaited(api, api.call("POST", _DATASETS, json=body))
    put_json(build) if as_json else out.print(_fares(build))
    if build["state"] != "done":
        raise typer.Exit(Exit.FAILED)


@dataset.command("cancel")
def cancel_build(build: Annotated[str, typer.Argument(help="A build's id.", show_default=False)]) -> None:
    """Cancel a build."""
    with connect(load_settings()) as api:
        api.call("POST", f"/v1/finetune/builds/{quote(build, safe='')}/cancel")
    out.print(f"cancelled {plain(build)}")


@dataset.command("show")
def show_dataset(version: Version, as_json: AsJson = False) -> None:
    """Show a dataset: its rows, and what was refused."""
    with connect(load_settings()) as api:
        found = api.call("GET", _of(version))
    if as_json:
        put_json(found)
        return
    rows = [(kind, split, number) for kind, splits in found["counts"].items() for split, number in splits.items()]
    put_table(("kind", "split", "rows"), rows)
    refused = [
        (stage, reason, number) for stage, reasons in found["refused"].items() for reason, number in reasons.items()
    ]
    put_table(("stage", "refused for", "number"), refused)
    if found["damaged"]:
        fail("A file of it is damaged or was changed; build it again.")


@dataset.command("report")
def show_report(
    version: Version,
    stage: Annotated[str | None, typer.Option(help="Only of this stage.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only for this reason.")] = None,
    as_json: AsJson = False,
) -> None:
    """List everything that was refused, set apart or left out, and why."""
    found: list[dict[str, Any]] = []
    wanted = {key: value for key, value in (("stage", stage), ("reason", reason)) if value}
    after: int | None = 0
    with connect(load_settings()) as api:
        while after is not None:
            part = api.call("GET", f"{_of(version)}/report", params={**wanted, "after": after})
            found, after = [*found, *part["items"]], part["next"]
    if as_json:
        put_json(found)
        return
    put_table(("what", "stage", "reason", "value"), [(e["row"], e["stage"], e["reason"], e["detail"]) for e in found])


@dataset.command("rows")
def show_rows(
    version: Version,
    kind: Annotated[str, typer.Option(help="sft, preference, kto, prompt or retrieval.")] = "sft",
    split: Annotated[str, typer.Option(help="train, validation, test or anchor.")] = "train",
    after: Annotated[int, typer.Option(help="Go on after this line.")] = 0,
) -> None:
    """Print some rows as JSON."""
    with connect(load_settings()) as api:
        put_json(api.call("GET", f"{_of(version)}/rows", params={"kind": kind, "split": split, "after": after}))


@dataset.command("remove")
def remove_dataset(
    version: Version, force: Annotated[bool, typer.Option("--force", help="Though a run learns from it.")] = False
) -> None:
    """Remove a dataset; what was trained on it stays."""
    with connect(load_settings()) as api:
        api.call("DELETE", _of(version), params={"force": force})
    out.print(f"removed {plain(version)}")


@dataset.command("purge")
def purge_datasets(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False, as_json: AsJson = False
) -> None:
    """Remove datasets that hold what was deleted or left out since, and say who learnt from them."""
    with connect(load_settings()) as api:
        found = api.call("POST", "/v1/finetune/purge", params={"dry_run": dry_run}, timeout=_PATIENCE)
    if as_json:
        put_json(found)
        return
    if not found["items"]:
        out.print("No dataset holds anything that was deleted or left out.")
    for each in found["items"]:
        said = each["kept"] or ("removed" if each["removed"] else "would be removed")
        out.print(f"{plain(each['dataset'])}, {each['rows']} rows: {plain(said)}")
        for name in (*each["runs"], *each["versions"]):
            out.print(f"  learnt from by {plain(name)}")


@dataset.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(help="JSON Lines, or one JSON array.", exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option(help="Its name; else the file's own.")] = None,
    licence: Annotated[str | None, typer.Option(help="Its licence, for the cards of what learns from it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import a file of outside data, in the place of one of its name."""
    address = f"{_FILES}/{quote(name or path.name, safe='')}"
    address += f"?licence={quote(licence, safe='')}" if licence else ""
    with connect(load_settings()) as api:
        found = api.call("PUT", address, content=path.read_bytes(), timeout=_PATIENCE)
    if as_json:
        put_json(found)
        return
    out.print(f"{plain(found['name'])}: {found['rows']} examples, {len(found['refused'])} rows refused")
    put_table(("line", "value"), [(each["line"], each["why"]) for each in found["refused"]])


@dataset.command("forget")
def forget_file(name: Annotated[str, typer.Argument(help="An imported file.", show_default=False)]) -> None:
    """Remove an imported file; datasets that were built with it stay."""
    with connect(load_settings()) as api:
        api.call("DELETE", f"{_FILES}/{quote(name, safe='')}")
    out.print(f"removed {plain(name)}")


@dataset.command("files")
def list_files(as_json: AsJson = False) -> None:
    """List imported files."""
    with connect(load_settings()) as api:
        found = api.call("GET", _FILES)
    if as_json:
        put_json(found)
        return
    put_table(("name", "examples", "refused"), [(e["name"], e["rows"], len(e["refused"])) for e in found["items"]])


def lineage(
    document: Annotated[str | None, typer.Option(help="A document's id.")] = None,
    person: Annotated[str | None, typer.Option(help="A person's name.")] = None,
    answer: Annotated[str | None, typer.Option(help="An answer's id.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the rows, datasets and adapters that come from a document, a person or an answer."""
    named = {"document": document, "person": person, "answer": answer}
    wanted = {key: value for key, value in named.items() if value}
    if not wanted:
        fail("Name a document, a person or an answer.", Exit.USAGE)
    with connect(load_settings()) as api:
        found = api.call("GET", "/v1/finetune/lineage", params=wanted)
    if as_json:
        put_json(found)
        return
    rows = [(e["dataset"], e["kind"], e["split"], e["id"], e["maker"]) for e in found["rows"]]
    put_table(("dataset", "kind", "split", "row", "made from"), rows)
    if found["more"]:
        out.print(f"and {found['more']} more rows")
    for name in found["adapters"]:
        out.print(f"learnt by {plain(name)}")


def exclude(
    kind: Annotated[str, typer.Argument(help="document, person or answer.", show_default=False)],
    id: Annotated[str, typer.Argument(help="Its id.", show_default=False)],
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Take it back.")] = False,
) -> None:
    """Leave something out of every dataset to come."""
    with connect(load_settings()) as api:
        if back:
            api.call("DELETE", "/v1/finetune/exclusions", params={"kind": kind, "id": id})
        else:
            api.call("POST", "/v1/finetune/exclusions", json={"kind": kind, "id": id, "reason": reason})
    out.print(f"{plain(kind)} {plain(id)} {'may be learnt from again' if back else 'is left out'}")


def advise(
    prompts: Annotated[int, typer.Option(help="Changes of the prompt that were measured.")] = 0,
    gain: Annotated[float | None, typer.Option(help="What the last adapter gained, as a share.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what to do next: gather, prompt, retrieval, adapter or full tuning, and how many rows are missing."""
    with connect(load_settings()) as api:
        wanted = {"prompts": prompts, **({} if gain is None else {"gain": gain})}
        found = api.call("GET", "/v1/finetune/advice", params=wanted)
    if as_json:
        put_json(found)
        return
    out.print(f"{plain(found['rung'])}: {plain(found['why'])}")
    put_table(("method", "rows missing"), sorted(found["missing"].items()))


def add(group: typer.Typer) -> None:
    """Puts the commands into a group."""
    group.add_typer(dataset, name="dataset")
    group.command("lineage")(lineage)
    group.command("exclude")(exclude)
    group.command("advise")(advise)


def _of(version: str) -> str:
    return f"{_DATASETS}/{quote(version, safe='')}"


def _awaited(api: Api, build: dict[str, Any]) -> dict[str, Any]:
    """Tells on the way how it fares, and what it is called by whoever wants to end it."""
    err.print(f"building {plain(build['name'])}; footnote finetune dataset cancel {plain(build['id'])} ends it")
    with err.status(_fares(build)) as status:
        while build["state"] == "building":
            time.sleep(_EVERY)
            build = api.call("GET", f"/v1/finetune/builds/{quote(build['id'], safe='')}")
            status.update(_fares(build))
    return build


def _fares(build: dict[str, Any]) -> str:
    if build["state"] == "building":
        return f"{plain(build['stage'])}, {build['progress']:.0%}"
    return plain(build["dataset"] or f"{build['state']}: {build['error'] or 'nothing was kept'}")


def _rows(found: dict[str, Any]) -> str:
    return ", ".join(f"{splits.get('train', 0)} {kind}" for kind, splits in sorted(found["counts"].items()))
