"""`footnote adapters`: which there are, loading and unloading."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.client import connect
from app.cli.output import Exit, err, fail, out, plain, put_json, put_table
from app.settings import load_settings

adapters = typer.Typer(
    help="List, load and unload LoRA adapters on the model's engines.",
    no_args_is_help=False,
    invoke_without_command=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
_PATIENCE = 1_800.0
"""Seconds for loading onto every engine, or for what is being written to end: the server has limits of its own."""


@adapters.callback()
def adapters_or_list(context: typer.Context) -> None:
    """List adapters, the one that answers by default, and what each engine serves."""
    if not context.invoked_subcommand:
        _list(as_json=False)


@adapters.command("list")
def list_adapters(as_json: AsJson = False) -> None:
    """List adapters, the one that answers by default, and what each engine serves."""
    _list(as_json)


@adapters.command("load")
def load_adapter(
    title: Annotated[str, typer.Argument(help="What its name begins with; the digest follows.", show_default=False)],
    path: Annotated[str, typer.Argument(help="Its folder, inside the configured folder of adapters.")],
    as_json: AsJson = False,
) -> None:
    """Load an adapter onto every engine, or onto none; prints the name it is asked for by."""
    with connect(load_settings()) as api:
        made = api.call("POST", "/v1/adapters", json={"title": title, "path": path}, timeout=_PATIENCE)
    put_json(made) if as_json else out.print(f"loaded {plain(made['name'])}")


@adapters.command("unload")
def unload_adapter(
    name: Annotated[str, typer.Argument(help="The adapter's whole name.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Unload an adapter from every engine, once nothing is written with it any more."""
    if not name:
        fail("An adapter's name cannot be empty.", Exit.USAGE)
    with connect(load_settings()) as api:
        api.call("DELETE", f"/v1/adapters/{quote(name, safe='')}", timeout=_PATIENCE)
    put_json({"name": name}) if as_json else out.print(f"unloaded {plain(name)}")


def _list(as_json: bool) -> None:
    with connect(load_settings()) as api:
        found = api.call("GET", "/v1/adapters")
    if as_json:
        put_json(found)
        return
    base = {"name": found["base"], "default": found["default"] is None}
    rows = [(base["name"], "the model itself", _mark(base))]
    rows += [(each["name"], _where(found, each["name"]), _mark(each)) for each in found["items"]]
    put_table(("name", "served by", "default"), rows)
    for engine in found["engines"]:
        if engine["problem"]:
            err.print(f"[yellow]{plain(engine['url'])}: {plain(engine['problem'])}[/yellow]")


def _where(found: dict[str, Any], name: str) -> str:
    engines = found["engines"]
    return f"{sum(name in engine['adapters'] for engine in engines)} of {len(engines)}"


def _mark(row: dict[str, Any]) -> str:
    return "answers by default" if row["default"] else ""
