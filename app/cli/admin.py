"""`footnote reindex`, `backup` and `restore`: long work with a progress bar."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.client import running_server
from app.cli.output import Exit, err, out, plain, put_json
from app.folder import DataFolder
from app.settings import load_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Go on where it would stop.")]


def reindex(force: Force = False, as_json: AsJson = False) -> None:
    """Build the index anew with the current settings, beside the old one, then switch over.

    A running server goes on answering from the old index, and keeps uploads in its queue; restart it afterwards with
    the same settings. With --force, documents that cannot be read any more do not hold the switch up.
    """
    from app.reindex import reindex as run

    settings = load_settings()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err
    ) as bar:
        task = bar.add_task("re-indexing", total=None)

        def report(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=f"re-indexing {plain(name)[:40]}".rstrip())

        result = asyncio.run(run(settings, report, force=force))
    if as_json:
        put_json(asdict(result))
    else:
        out.print(f"{result.documents} documents re-indexed, {len(result.failed)} failed")
        for failure in result.failed:
            out.print(f"  [red]failed[/red] {plain(failure.external_id)}: {plain(failure.reason)}")
        if result.switched:
            server = running_server(settings.data_dir)
            if server is None:
                out.print("The new index answers from the next start of the server on.")
            else:
                out.print(f"The server at {server} still answers from the old index, and keeps uploads in its queue.")
                out.print("Restart it with these settings.")
        else:
            out.print("The old index goes on answering. Mend or delete these documents, or use --force.")
    if not result.switched:
        raise typer.Exit(Exit.FAILED)


def backup(
    target: Annotated[Path, typer.Argument(help="The file to write, for example footnote.tar.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Write database, files and vectors into one tar file; the server may be running.

    Folders that the file's path names and that are not there are made.
    """
    from app.backup import backup as run

    with _bytes_bar("backing up") as report:
        written = run(load_settings(), target, report)
    if as_json:
        put_json({"file": str(target), "bytes": written.bytes, "made": str(written.made) if written.made else None})
        return
    if written.made is not None:
        out.print(f"There was no folder {written.made}; it was made.")
    out.print(f"{target}: {written.bytes / 2**20:.1f} MiB")


def restore(
    source: Annotated[Path, typer.Argument(help="What `footnote backup` wrote.", show_default=False, exists=True)],
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup in place of the data folder, with the server stopped; what was there is kept beside it."""
    from app.backup import restore as run

    settings = load_settings()
    with DataFolder(settings.data_dir), _bytes_bar("restoring") as report:  # no server has it open, or opens it now
        aside = run(settings, source, report, force=force)
    if as_json:
        put_json({"data_dir": str(settings.data_dir), "moved_aside": str(aside) if aside else None})
        return
    out.print(f"{settings.data_dir} is restored; the index is put together at the next start.")
    if aside is not None:
        out.print(f"What was there is now {aside}")


@contextmanager
def _bytes_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=err) as bar:
        task = bar.add_task(what, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report
