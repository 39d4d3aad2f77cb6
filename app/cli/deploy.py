"""`footnote deploy`: which version answers whom, what is tried, and the way back, over HTTP."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.client import Api, connect
from app.cli.output import Exit, err, fail, out, plain, put_json, put_table
from app.settings import load_settings

deploy = typer.Typer(
    help="Bring versions into service by stages, and take them back.",
    no_args_is_help=False,
    invoke_without_command=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Which = Annotated[
    str, typer.Argument(help="A deployment's id, or the version that is in service or on trial.", show_default=False)
]
Scope = Annotated[str, typer.Option(help="Whom it is for: *, collection:NAME or group:NAME.")]
Why = Annotated[str, typer.Option(help="Why, for the history.")]
Share = Annotated[float | None, typer.Option(help="Share of people whom the canary answers, above 0 and up to 1.")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until every engine has it and the stage is reached.")
]
_BASE = "/v1/deployments"
_PATIENCE = 1_800.0
"""Seconds for loading onto every engine."""
_LOOK = 0.5


@deploy.callback()
def deploy_or_list(context: typer.Context) -> None:
    """List what is in service, what is tried and what was."""
    if not context.invoked_subcommand:
        _list(None, as_json=False)


@deploy.command("list")
def list_deployments(
    scope: Annotated[str | None, typer.Option(help="Only this scope.")] = None, as_json: AsJson = False
) -> None:
    """List what is in service, what is tried and what was."""
    _list(scope, as_json)


@deploy.command("start")
def start(
    version: Annotated[str, typer.Argument(help="A version's whole name, TITLE@DIGEST.", show_default=False)],
    stage: Annotated[str, typer.Option(help="shadow, canary or champion.")] = "shadow",
    scope: Scope = "*",
    share: Share = None,
    gate: Annotated[str | None, typer.Option(help="The report of the gate that it passed.")] = None,
    ungated: Annotated[str | None, typer.Option(help="Why it may go without a gate.")] = None,
    why: Why = "",
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Bring a version into a scope."""
    body: dict[str, Any] = {"version": version, "stage": stage, "scope": scope, "why": why}
    body |= {name: value for name, value in (("share", share), ("gate", gate), ("ungated", ungated)) if value}
    with connect(load_settings()) as api:
        _tell(
            _settled(api, api.call("POST", _BASE, json=body)) if wait else api.call("POST", _BASE, json=body), as_json
        )


@deploy.command("shadow")
def shadow(which: Which, why: Why = "", wait: Wait = True, as_json: AsJson = False) -> None:
    """Have it answer beside the champion, shown to nobody."""
    _step(which, "shadow", {"why": why}, wait, as_json)


@deploy.command("canary")
def canary(which: Which, share: Share = None, why: Why = "", wait: Wait = True, as_json: AsJson = False) -> None:
    """Have it answer a share of people, always the same; or change the share."""
    _step(which, "canary", {"why": why, **({"share": share} if share is not None else {})}, wait, as_json)


@deploy.command("promote")
def promote(which: Which, why: Why = "", wait: Wait = True, as_json: AsJson = False) -> None:
    """Make it the champion of its scope."""
    _step(which, "promote", {"why": why}, wait, as_json)


@deploy.command("rollback")
def rollback(
    scope: Scope = "*",
    to: Annotated[str | None, typer.Option(help="A former champion: its version or its deployment's id.")] = None,
    why: Why = "",
    as_json: AsJson = False,
) -> None:
    """End what is tried in a scope; where nothing is, bring back the champion before this one, or the one named."""
    body = {"scope": scope, "why": why, **({"to": to} if to else {})}
    with connect(load_settings()) as api:
        _tell(api.call("POST", f"{_BASE}/rollback", json=body, timeout=_PATIENCE), as_json)


@deploy.command("show")
def show(which: Which, as_json: AsJson = False) -> None:
    """Show a deployment with what its guards say."""
    with connect(load_settings()) as api:
        found = api.call("GET", f"{_BASE}/{quote(_id(api, which), safe='')}")
    if as_json:
        put_json(found)
        return
    _tell(found, as_json=False)
    if said := found["judged"]:
        rows = [
            (each["name"], each["n"], _figure(each["candidate_mean"]), _figure(each["champion_mean"]), _span(each),
             f"{each['tolerance']:g}", "yes" if each["excluded"] else _needed(each),
             f"{each['evidence']:.3g} of {each['limit']:.3g}", "BREACHED" if each["breached"] else "")
            for each in said["guards"]
        ]  # fmt: skip
        put_table(("guard", "pairs", "candidate", "champion", "worse by", "borne", "excluded", "evidence", ""), rows)
        out.print(plain(said["said"]))


@deploy.command("history")
def history(
    scope: Annotated[str | None, typer.Option(help="Only this scope.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 30,
    as_json: AsJson = False,
) -> None:
    """Show who moved what, the newest first."""
    asked = f"?limit={limit}" + (f"&scope={quote(scope, safe='')}" if scope else "")
    with connect(load_settings()) as api:
        found = api.call("GET", f"{_BASE}/history{asked}")
    if as_json:
        put_json(found)
        return
    rows = [
        (each["at"], each["scope"], each["version"], f"{each['before'] or 'new'} → {each['after']}", each["by"],
         each["why"])
        for each in found["items"]
    ]  # fmt: skip
    put_table(("at", "scope", "version", "", "by", "why"), rows)


def _list(scope: str | None, as_json: bool) -> None:
    with connect(load_settings()) as api:
        found = api.call("GET", _BASE + (f"?scope={quote(scope, safe='')}" if scope else ""))
    if as_json:
        put_json(found)
        return
    if not found["items"]:
        out.print(f"nothing is rolled out; {plain(found['default'] or 'the base')} answers")
        return
    rows = [
        (each["id"][:8], each["scope"], each["version"], _stage(each), each["by"], _said(each))
        for each in found["items"]
    ]
    put_table(("id", "scope", "version", "stage", "by", ""), rows)


def _step(which: str, step: str, body: dict[str, Any], wait: bool, as_json: bool) -> None:
    with connect(load_settings()) as api:
        moved = api.call("POST", f"{_BASE}/{quote(_id(api, which), safe='')}/{step}", json=body)
        _tell(_settled(api, moved) if wait else moved, as_json)


def _id(api: Api, which: str) -> str:
    """The id of what a person names by its id, the beginning of it, or its version."""
    if "@" not in which and len(which) >= 32:
        return which
    items = api.call("GET", f"{_BASE}?limit=200")["items"]
    found = [each for each in items if each["version"] == which] or [
        each for each in items if len(which) >= 4 and each["id"].startswith(which)
    ]
    live = [each for each in found if each["stage"] in ("shadow", "canary", "champion") or each["wanted"]]
    chosen = live or found
    if not chosen:
        fail(f"There is no deployment {which}; `footnote deploy` lists them.", Exit.NOT_FOUND)
    if len({each["id"] for each in chosen}) > 1:
        fail(f"{which} is deployed more than once; name one by its id: `footnote deploy` lists them.", Exit.USAGE)
    return str(chosen[0]["id"])


def _settled(api: Api, found: dict[str, Any]) -> dict[str, Any]:
    """The deployment once it is where it was to go, or cannot get there; what is in the way is said meanwhile."""
    said = None
    deadline = time.monotonic() + _PATIENCE
    while found["wanted"] and time.monotonic() < deadline:
        time.sleep(_LOOK)
        found = api.call("GET", f"{_BASE}/{found['id']}")
        if found["problem"] not in (None, said):
            said = found["problem"]
            err.print(plain(said))
    return found


def _tell(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        put_json(found)
    else:
        out.print(f"{plain(found['version'])} ({plain(found['scope'])}): {_stage(found)}  {found['id']}")
    if found["problem"]:
        if not as_json:
            err.print(plain(found["problem"]))
        sys.exit(Exit.FAILED)


def _stage(each: dict[str, Any]) -> str:
    share = f" {each['share']:.0%}" if each["stage"] == "canary" else ""
    return f"{each['stage']}{share}" + (f" → {each['wanted']}" if each["wanted"] else "")


def _said(each: dict[str, Any]) -> str:
    if each["problem"]:
        return str(each["problem"])
    if each["stage"] in ("shadow", "canary") and each["judged"]:
        return str(each["judged"]["said"])
    return "unloading" if each["leaving"] else str(each["why"])


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _needed(guard: dict[str, Any]) -> str:
    """How many questions it would take to exclude more harm than is borne."""
    return "" if guard["needs"] is None else f"at about {guard['needs']:,}"


def _span(guard: dict[str, Any]) -> str:
    if guard["difference"] is None:
        return ""
    low, high = guard["interval"] or (float("nan"), float("nan"))
    return f"{guard['difference']:+.3f} ({low:+.3f} to {high:+.3f})"


__all__ = ["deploy"]
