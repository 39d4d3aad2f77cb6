"""`footnote gate`: a candidate is held against what answers now, over HTTP."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.client import Api, connect
from app.cli.output import Exit, err, fail, out, plain, put_json, put_table
from app.settings import load_settings

gate = typer.Typer(
    help="Hold a candidate against what answers now, by rules written before.",
    no_args_is_help=False,
    invoke_without_command=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Which = Annotated[str, typer.Argument(help="A run's id, or the beginning of it.", show_default=False)]
_BASE = "/v1/gates"
_LOOK = 0.5


@gate.callback()
def gate_or_list(context: typer.Context) -> None:
    """List runs of the gate, the newest first."""
    if not context.invoked_subcommand:
        _list(as_json=False)


@gate.command("list")
def list_gates(as_json: AsJson = False) -> None:
    """List runs of the gate, the newest first."""
    _list(as_json)


@gate.command("run")
def run(
    candidate: Annotated[str, typer.Argument(help="A version's whole name, TITLE@DIGEST.", show_default=False)],
    dataset: Annotated[str, typer.Option("--data", help="The dataset whose test rows and anchors are asked.")],
    champion: Annotated[str | None, typer.Option(help="Held against this; else against what answers now.")] = None,
    rules: Annotated[Path | None, typer.Option(help="File of rules (YAML); else the defaults.")] = None,
    harmful: Annotated[str | None, typer.Option(help="Imported file of prompts to refuse.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the gate, and say whether the candidate passes: exit status 1 where it does not."""
    body: dict[str, Any] = {"candidate": candidate, "dataset": dataset, "rules": _text(rules)}
    body |= {name: value for name, value in (("champion", champion), ("harmful", harmful)) if value}
    with connect(load_settings()) as api:
        _follow(api, api.call("POST", _BASE, json=body), detach, as_json)


@gate.command("resume")
def resume(
    which: Which,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was ended; nothing is asked twice."""
    with connect(load_settings()) as api:
        _follow(api, api.call("POST", f"{_BASE}/{_id(api, which)}/resume"), detach, as_json)


@gate.command("cancel")
def cancel(which: Which) -> None:
    """End a run at its next question."""
    with connect(load_settings()) as api:
        ended = api.call("POST", f"{_BASE}/{_id(api, which)}/cancel")
    out.print(f"ending {plain(ended['id'])}")


@gate.command("delete")
def delete(which: Which) -> None:
    """Delete a run with its report; the audit keeps that it was."""
    with connect(load_settings()) as api:
        found = _id(api, which)
        api.call("DELETE", f"{_BASE}/{found}")
    out.print(f"deleted {plain(found)}")


@gate.command("show")
def show(which: Which, as_json: AsJson = False) -> None:
    """Show what a run came to: every measure, and every part that was worse."""
    with connect(load_settings()) as api:
        found = api.call("GET", f"{_BASE}/{_id(api, which)}")
    put_json(found) if as_json else _tell(found)


@gate.command("page")
def page(
    which: Which,
    to: Annotated[Path, typer.Option("--to", help="Where the page is written.")] = Path("gate.html"),
) -> None:
    """Write a run's report as a page with plots."""
    with connect(load_settings()) as api:
        text = api.text(f"{_BASE}/{_id(api, which)}/page")
    to.write_text(text, "utf-8")
    out.print(f"written to {plain(str(to))}")


def _list(as_json: bool) -> None:
    with connect(load_settings()) as api:
        found = api.call("GET", _BASE)
    if as_json:
        put_json(found)
        return
    rows = [
        (each["id"][:8], each["candidate"], each["champion"], _word(each), each["started_at"], each["said"])
        for each in found["items"]
    ]
    put_table(("id", "candidate", "champion", "", "began", "said"), rows)


def _follow(api: Api, found: dict[str, Any], detach: bool, as_json: bool) -> None:
    shown = -1
    while not detach and found["state"] == "running":
        if not as_json and found["of"] and found["done"] * 10 // found["of"] > shown:
            shown = found["done"] * 10 // found["of"]
            err.print(f"{found['done']} of {found['of']} answers")
        time.sleep(_LOOK)
        found = api.call("GET", f"{_BASE}/{found['id']}")
    put_json(found) if as_json else _tell(found)
    if not detach and not found["passed"]:
        sys.exit(Exit.FAILED)


def _tell(found: dict[str, Any]) -> None:
    out.print(f"{plain(found['candidate'])} against {plain(found['champion'])}: {_word(found)}  {found['id']}")
    if found["error"]:
        err.print(plain(found["error"]))
    report = found.get("report")
    if not report:
        return
    for reason in report["reasons"]:
        out.print(f"- {plain(reason['said'])}")
    measured = [*report["measures"], *report["speed"], *([report["general"]] if report["general"] else [])]
    rows = [
        (each["measure"], each["n"], _figure(each["candidate"]), _figure(each["champion"]), _span(each), each["said"])
        for each in measured
    ]
    put_table(("measure", "n", "candidate", "champion", "difference", ""), rows)
    for name, why in report.get("unmeasured", {}).items():
        out.print(f"{plain(name)} was not measured: {plain(why)}")
    if judged := report.get("judge"):
        out.print(_judged(judged))
    if report["undecided"]:
        out.print(f"too few questions to tell: {plain(', '.join(report['undecided']))}")


def _judged(judged: dict[str, Any]) -> str:
    kappa = "not defined" if judged["kappa"] is None else f"{judged['kappa']:.2f}"
    word = "bears witness" if judged["trusted"] else "decides nothing"
    return (
        f"judge {plain(judged.get('model') or '')}: {judged['wins']} won, {judged['ties']} tied, {judged['losses']} "
        f"lost, {judged['unsure']} unsure; kappa with people {kappa} over {judged['people']} pairs: it {word}"
    )


def _id(api: Api, which: str) -> str:
    if len(which) >= 36:
        return quote(which, safe="")
    found = [each["id"] for each in api.call("GET", _BASE)["items"] if len(which) >= 4 and each["id"].startswith(which)]
    if len(found) != 1:
        fail(f"There is no single run {which}; `footnote gate` lists them.", Exit.NOT_FOUND)
    return str(found[0])


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"The rules cannot be read: {error}", Exit.USAGE)


def _word(each: dict[str, Any]) -> str:
    return str(each["state"]) if each["passed"] is None else "passed" if each["passed"] else "STOPPED"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _span(each: dict[str, Any]) -> str:
    ends = [each["difference"], each["low"], each["high"]]
    if any(end is None for end in ends):
        return "" if ends[0] is None else f"{ends[0]:+.3f}"
    return f"{ends[0]:+.3f} ({ends[1]:+.3f} to {ends[2]:+.3f})"


__all__ = ["gate"]
