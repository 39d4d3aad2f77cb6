"""`footnote collections`: looking, creating, deleting."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from app.cli.client import Api, connect, problem
from app.cli.output import Exit, fail, out, plain, put_json, put_table
from app.settings import load_settings

collections = typer.Typer(
    help="List, create and delete collections.", no_args_is_help=False, invoke_without_command=True
)

_PERSONAL = "Personal data: allow, mask or block."
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Name = Annotated[str, typer.Argument(help="The collection's name.", show_default=False)]


@collections.callback()
def list_collections(context: typer.Context, as_json: AsJson = False) -> None:
    """List collections with what they hold."""
    if context.invoked_subcommand:
        return
    with connect(load_settings()) as api:
        items = api.call("GET", "/v1/collections")["items"]
    if as_json:
        put_json(items)
    else:
        put_table(
            ("name", "documents", "chunks", "personal data", "description"),
            (
                (each["name"], each["documents"], each["chunks"], each["personal"], each["description"])
                for each in items
            ),
        )


@collections.command("create")
def create_collection(
    name: Name,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    personal: Annotated[str, typer.Option(help=_PERSONAL)] = "allow",
    as_json: AsJson = False,
) -> None:
    """Create an empty collection; its name has lower-case letters, digits, - and _."""
    with connect(load_settings()) as api:
        body = {"name": name, "description": description, "personal": personal}
        made = api.call("POST", "/v1/collections", json=body)
    put_json(made) if as_json else out.print(f"created {plain(made['name'])}")


@collections.command("change")
def change_collection(
    name: Name,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    personal: Annotated[str | None, typer.Option(help=_PERSONAL)] = None,
    as_json: AsJson = False,
) -> None:
    """Change a collection's description, or what becomes of personal data in it (administrators)."""
    given = {"description": description, "personal": personal}
    body = {key: value for key, value in given.items() if value is not None}
    if not body:
        fail("Say what to change: --description or --personal.", Exit.USAGE)
    with connect(load_settings()) as api:
        changed = api.call("PATCH", _path(name), json=body)
    put_json(changed) if as_json else out.print(f"changed {plain(changed['name'])}")


@collections.command("delete")
def delete_collection(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Delete its documents too, for good.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a collection; one that holds documents only with --force."""
    with connect(load_settings()) as api:
        found = api.call("GET", _path(name))
        if not yes and not typer.confirm(f"Delete “{found['name']}” and its {found['documents']} documents?"):
            raise typer.Exit(Exit.FAILED)
        result = api.call("DELETE", _path(name), params={"force": force})
    put_json(result) if as_json else out.print("deleted")


def ensure(api: Api, name: str, *, create: bool) -> bool:
    """Whether the collection was created now. Ends the command where it does not exist and is not to be created."""
    response = api.request("GET", _path(name))
    if not response.is_error:
        return False
    if response.status_code != 404:
        fail(problem(response))
    if not create:
        fail(f"There is no collection “{name}”; create it with --create-collection.", Exit.NOT_FOUND)
    made = api.request("POST", "/v1/collections", json={"name": name})
    if made.status_code == 409:
        return False  # somebody else was quicker
    if made.is_error:
        fail(problem(made))
    return True


def _path(name: str) -> str:
    if not name:
        fail("A collection's name cannot be empty.", Exit.USAGE)
    return f"/v1/collections/{quote(name, safe='')}"
