"""`footnote adapters versions|show|verify|load-version|pin|unpin|retire`: what training made, over HTTP."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.adapter_card import put_card
from app.cli.client import connect
from app.cli.output import Exit, err, fail, out, plain, put_json, put_table
from app.settings import load_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Name = Annotated[str, typer.Argument(help="A version's whole name, TITLE@DIGEST.", show_default=False)]
_PATIENCE = 1_800.0
"""Seconds for reading all of a large model, or for loading onto every engine."""


def versions(
    kind: Annotated[str | None, typer.Option(help="Only adapter, reward, reranker, embedder or model.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what training made, the newest first."""
    with connect(load_settings()) as api:
        found = api.call("GET", "/v1/finetune/registry" + (f"?kind={quote(kind, safe='')}" if kind else ""))
    if as_json:
        put_json(found)
        return
    rows = [
        (each["name"], each["kind"], each["method"] or "", each["created_at"], _mark(each)) for each in found["items"]
    ]
    put_table(("name", "kind", "method", "made", ""), rows)


def show(name: Name, as_json: AsJson = False) -> None:
    """Show a version with its card: where it comes from, how it was made, what was measured."""
    with connect(load_settings()) as api:
        found = api.call("GET", _path(name))
    if as_json:
        put_json(found)
        return
    put_card(found)


def verify(name: Name, as_json: AsJson = False) -> None:
    """Read every file of a version, and say which is gone, changed or added."""
    with connect(load_settings()) as api:
        found = api.call("POST", f"{_path(name)}/verify", timeout=_PATIENCE)
    if as_json:
        put_json(found)
    elif found["sound"]:
        out.print(f"{plain(name)} is whole")
    for problem in [] if as_json else found["problems"]:
        err.print(plain(problem))
    if not found["sound"]:
        sys.exit(Exit.FAILED)


def load_version(name: Name, as_json: AsJson = False) -> None:
    """Load an adapter out of the registry onto every engine, or onto none."""
    with connect(load_settings()) as api:
        made = api.call("POST", f"{_path(name)}/load", timeout=_PATIENCE)
    put_json(made) if as_json else out.print(f"loaded {plain(made['name'])}")


def pin(name: Name) -> None:
    """Have a version stay whatever the rule says."""
    with connect(load_settings()) as api:
        api.call("PUT", f"{_path(name)}/pin")
    out.print(f"{plain(name)} stays")


def unpin(name: Name) -> None:
    """Leave a version to the rule again."""
    with connect(load_settings()) as api:
        api.call("DELETE", f"{_path(name)}/pin")
    out.print(f"{plain(name)} is left to the rule")


def retire(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go and what stays, and why.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove versions that the rule does not keep and nothing uses."""
    with connect(load_settings()) as api:
        asked = f"/v1/finetune/registry/retire?dry_run={str(dry_run).lower()}"
        found = api.call("POST", asked, timeout=_PATIENCE)
    if as_json:
        put_json(found)
        return
    going = "would go" if dry_run else "gone"
    shown = [each for each in found["items"] if dry_run or each["goes"]]
    rows = [(each["name"], each["kind"], going if each["goes"] else "stays", each["why"]) for each in shown]
    put_table(("name", "kind", "", "why"), rows)


def add(group: typer.Typer) -> None:
    """Puts the commands into `footnote adapters`."""
    group.command("versions")(versions)
    group.command("show")(show)
    group.command("verify")(verify)
    group.command("load-version")(load_version)
    group.command("pin")(pin)
    group.command("unpin")(unpin)
    group.command("retire")(retire)


def _path(name: str) -> str:
    title, _, digest = name.rpartition("@")
    if not title or not digest:
        fail("A version's name is TITLE@DIGEST; `footnote adapters versions` lists them.", Exit.USAGE)
    return f"/v1/adapters/{quote(title, safe='')}/versions/{quote(digest, safe='')}"


def _mark(row: dict[str, Any]) -> str:
    marks = ("damaged" if row["sound"] is False else "served" if row["serving"] else "", row["pinned_by"] and "pinned")
    return ", ".join(mark for mark in marks if mark)


__all__ = ["add"]
