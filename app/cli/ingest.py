"""`footnote ingest`: files and folders into the knowledge base, unchanged ones skipped, every outcome accounted for."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.client import Api, connect, problem
from app.cli.collections import ensure
from app.cli.output import Exit, err, fail, out, plain, put_json
from app.settings import load_settings
from app.turnover import WAITING

_IN_FLIGHT = 8
_POLL = 0.25


@dataclass
class Tally:
    """What became of each file, by its external id. Those `waiting` are read once the server was restarted."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pending:
    """An upload whose job is not finished."""

    external_id: str
    job_id: str
    known: bool


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders that are walked.", show_default=False)],
    collection: Annotated[str, typer.Option(help="The collection they go into.")] = "default",
    create_collection: Annotated[
        bool, typer.Option("--create-collection", help="Create the collection where there is none of this name.")
    ] = False,
    group: Annotated[list[str] | None, typer.Option(help="A group that may read them; repeat for several.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="key=value; repeat for several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Add files and folders; what is unchanged is skipped, what changed becomes a new version."""
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        fail(f"No such file or folder: {', '.join(missing)}", Exit.NOT_FOUND)
    pairs = _pairs(metadata or [])
    with connect(load_settings()) as api:
        created = ensure(api, collection, create=create_collection)
        if created and not as_json:
            out.print(f"collection {plain(collection)} created")
        tally = ingest_paths(api, paths, collection, group, pairs, quiet=as_json)
    if as_json:
        put_json({**tally.__dict__, "collection": collection, "collection_created": created})
    if tally.failed or tally.waiting:
        raise typer.Exit(Exit.FAILED)


def ingest_paths(
    api: Api,
    paths: Sequence[Path],
    collection: str = "default",
    groups: Sequence[str] | None = None,
    metadata: dict[str, str] | None = None,
    *,
    quiet: bool = False,
) -> Tally:
    """Uploads everything below `paths`, waits for the jobs, says what happened."""
    files, namesakes = _named(paths)
    form = {"collection": collection}
    if groups:
        form["groups"] = json.dumps(list(groups))
    if metadata:
        form["metadata"] = json.dumps(metadata)
    known = {d["external_id"]: d for d in api.pages("/v1/documents", collection=collection)}
    tally, pending = Tally(failed=namesakes), list[Pending]()
    with _bar(quiet) as bar:
        task = bar.add_task("ingesting", total=len(files))
        for begun, (external_id, path) in enumerate(files.items(), 1):
            bar.update(task, description=f"ingesting {plain(external_id)[:40]}")
            before = known.get(external_id)
            answers = before is not None and before["version_id"] is not None  # one that failed before is added now
            settled = not groups and not metadata
            if before and settled and before.get("sha256") == _sha256(path):
                tally.unchanged.append(external_id)
            else:
                _upload(api, path, external_id, form, answers, tally, pending)
            while len(pending) >= _IN_FLIGHT:
                _settle(api, pending, tally)
            bar.update(task, completed=begun - len(pending))
        while pending:
            _settle(api, pending, tally)
            bar.update(task, completed=len(files) - len(pending), description="indexing")
    if not quiet:
        _report(tally)
    return tally


def _upload(
    api: Api, path: Path, external_id: str, form: dict[str, str], known: bool, tally: Tally, pending: list[Pending]
) -> None:
    try:
        with path.open("rb") as file:
            response = api.request(
                "POST", "/v1/documents", data={**form, "external_id": external_id}, files={"file": (path.name, file)}
            )
    except OSError as error:
        tally.failed[external_id] = error.strerror or str(error)
        return
    if response.is_error:
        tally.failed[external_id] = problem(response)
    else:
        pending.append(Pending(external_id, response.json()["job_id"], known))


def _settle(api: Api, pending: list[Pending], tally: Tally) -> None:
    """Looks once at every open job; pauses when none of them is settled."""
    settled = [(p, job) for p in pending if (job := _settled(api, p)) is not None]
    for item, job in settled:
        pending.remove(item)
        if job["stage"] == WAITING:
            tally.waiting.append(item.external_id)
        elif job["status"] != "succeeded":
            error = job.get("error") or {}
            tally.failed[item.external_id] = error.get("message") or f"The job was {job['status']}."
        elif job.get("stage") == "unchanged":
            tally.unchanged.append(item.external_id)
        else:
            (tally.changed if item.known else tally.added).append(item.external_id)
    if not settled:
        time.sleep(_POLL)


def _settled(api: Api, pending: Pending) -> dict[str, Any] | None:
    job: dict[str, Any] = api.call("GET", f"/v1/jobs/{pending.job_id}")
    return job if job["status"] in {"succeeded", "failed", "cancelled"} or job["stage"] == WAITING else None


def _named(paths: Sequence[Path]) -> tuple[dict[str, Path], dict[str, str]]:
    """The files by external id, each once, and with a reason those that would pass for a new version of another."""
    files, namesakes = dict[str, Path](), dict[str, str]()
    for path, external_id in _walk(paths):
        other = files.setdefault(external_id, path)
        if not path.samefile(other):
            namesakes[str(path)] = f"{other} would get the same name, {external_id}; name a folder that holds both."
    return files, namesakes


def _walk(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Every regular file with its external id: the path below the folder that was named, or the file's own name."""
    for path in paths:
        if path.is_file():
            yield path, path.name
            continue
        for file in sorted(path.rglob("*")):
            parts = file.relative_to(path).parts
            if file.is_file() and not file.is_symlink() and not any(part.startswith(".") for part in parts):
                yield file, "/".join((path.resolve().name, *parts))


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            fail(f"--metadata takes key=value, not {text!r}.", Exit.USAGE)
        pairs[key] = value
    return pairs


def _bar(quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        disable=quiet,
        transient=True,
    )


def _report(tally: Tally) -> None:
    out.print(
        f"{len(tally.added)} added, {len(tally.changed)} changed, "
        f"{len(tally.unchanged)} unchanged, {len(tally.failed)} failed"
    )
    if tally.waiting:
        out.print(
            f"  [yellow]{len(tally.waiting)} waiting[/yellow]: the index was rebuilt with other settings; these are "
            "read once the server is restarted with them."
        )
    for external_id, reason in tally.failed.items():
        out.print(f"  [red]failed[/red] {plain(external_id)}: {plain(reason)}")
