"""`footnote documents` and `footnote jobs`: looking, deleting, cancelling, retrying."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from app.cli.client import connect
from app.cli.output import out, plain, put_json, put_table
from app.settings import load_settings

documents = typer.Typer(
    help="List, show, delete and restore documents.", no_args_is_help=False, invoke_without_command=True
)
jobs = typer.Typer(help="List, show, cancel and retry jobs.", no_args_is_help=False, invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Id = Annotated[str, typer.Argument(help="The id.", show_default=False)]


@documents.callback()
def list_documents(
    context: typer.Context,
    collection: Annotated[str | None, typer.Option(help="Only this collection.")] = None,
    as_json: AsJson = False,
) -> None:
    """List documents, newest first."""
    if context.invoked_subcommand:
        return
    with connect(load_settings()) as api:
        rows = list(api.pages("/v1/documents", **({"collection": collection} if collection else {})))
    if as_json:
        put_json(rows)
    else:
        put_table(
            ("id", "title", "collection", "type", "pages", "chunks", "version", "state"),
            (
                (
                    *(d["id"], d["title"], d["collection"], d["media_type"], d["pages"] or "", d["chunks"]),
                    *(d["version"], "live" if d["version_id"] else "none yet: see footnote jobs"),
                )
                for d in rows
            ),
        )


@documents.command("show")
def show_document(id: Id, as_json: AsJson = False) -> None:
    """Show a document and its first chunks."""
    with connect(load_settings()) as api:
        document = api.call("GET", f"/v1/documents/{id}")
        chunks = api.call("GET", f"/v1/documents/{id}/chunks", params={"limit": 3})
    if as_json:
        put_json({**document, "first_chunks": chunks["items"]})
        return
    _fields(document)
    for chunk in chunks["items"]:
        out.print(f"\n[dim]chunk {chunk['ordinal']}, page {chunk['page']}[/dim]\n{plain(chunk['text'][:400])}")


@documents.command("delete")
def delete_document(
    id: Id,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    for_good: Annotated[bool, typer.Option("--for-good", help="Leave no time to restore it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a document; it stops answering at once, and can be restored for some seconds."""
    with connect(load_settings()) as api:
        document = api.call("GET", f"/v1/documents/{id}")
        if not yes and not typer.confirm(f"Delete “{document['title']}” and its {document['chunks']} chunks?"):
            raise typer.Exit(1)
        result = api.call("DELETE", f"/v1/documents/{id}", params={"undo": not for_good})
    if as_json:
        put_json(result)
    elif result["restorable_until"]:
        out.print(f"deleted; until {_clock(result['restorable_until'])}: footnote documents restore {plain(id)}")
    else:
        out.print("deleted for good")


@documents.command("restore")
def restore_document(id: Id, as_json: AsJson = False) -> None:
    """Take a deletion back, while there is time."""
    with connect(load_settings()) as api:
        result = api.call("POST", f"/v1/documents/{id}/restore")
    put_json(result) if as_json else out.print(f"restored {plain(result['title'])}")


@documents.command("versions")
def list_versions(id: Id, as_json: AsJson = False) -> None:
    """List a document's versions, newest first."""
    with connect(load_settings()) as api:
        rows = list(api.pages(f"/v1/documents/{id}/versions"))
    if as_json:
        put_json(rows)
        return
    put_table(
        ("version", "status", "file", "bytes", "pages", "chunks", "created", "error"),
        (
            (
                v["seq"],
                v["status"],
                v["filename"],
                v["size"],
                v["pages"] or "",
                v["chunks"],
                v["created_at"],
                (v["error"] or {}).get("message", ""),
            )
            for v in rows
        ),
    )


def _clock(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")


@jobs.callback()
def list_jobs(
    context: typer.Context,
    status: Annotated[Status | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    if context.invoked_subcommand:
        return
    with connect(load_settings()) as api:
        page = api.call("GET", "/v1/jobs", params={"limit": limit, **({"status": status} if status else {})})
    if as_json:
        put_json(page["items"])
    else:
        put_table(
            ("id", "kind", "status", "stage", "progress", "attempts", "error"),
            (
                (
                    j["id"],
                    j["kind"],
                    j["status"],
                    j["stage"],
                    f"{j['progress']:.0%}",
                    j["attempts"],
                    (j["error"] or {}).get("message", ""),
                )
                for j in page["items"]
            ),
        )


@jobs.command("show")
def show_job(id: Id, as_json: AsJson = False) -> None:
    """Show a job."""
    _one("GET", f"/v1/jobs/{id}", as_json)


@jobs.command("cancel")
def cancel_job(id: Id, as_json: AsJson = False) -> None:
    """Ask a job to stop; it does so between two batches."""
    _one("POST", f"/v1/jobs/{id}/cancel", as_json)


@jobs.command("retry")
def retry_job(id: Id, as_json: AsJson = False) -> None:
    """Run a failed or cancelled job again from the stage it stopped in."""
    _one("POST", f"/v1/jobs/{id}/retry", as_json)


def _one(method: str, path: str, as_json: bool) -> None:
    with connect(load_settings()) as api:
        result = api.call(method, path)
    put_json(result) if as_json else _fields(result)


def _fields(value: dict[str, Any]) -> None:
    put_table(("field", "value"), ((key, item) for key, item in value.items() if item not in (None, "", [], {})))
