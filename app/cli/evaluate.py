"""`footnote eval`: quality on judged questions, through the same search that answers people."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from app.cli.output import err, out, put_json
from app.settings import load_settings
from core.types import SearchMode

cli = typer.Typer(help="Measure quality on judged questions.", no_args_is_help=True)


@cli.callback()
def _group() -> None:
    """Keeps `retrieval` a subcommand while it is the only one."""


@cli.command()
def retrieval(
    dataset: Annotated[
        str,
        typer.Option(
            help="scifact, a folder in BEIR's layout, or a .jsonl of questions over this knowledge base.",
            show_default=False,
        ),
    ],
    split: Annotated[Literal["test", "train"], typer.Option(help="Which part of the judgements.")] = "test",
    mode: Annotated[SearchMode, typer.Option(help="Which legs search.")] = "hybrid",
    save: Annotated[Path | None, typer.Option(help="Also write the result to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """nDCG@10, Recall@100 and the like on SciFact, a BEIR folder, or questions about your own documents."""
    from app.evaluation import evaluate_retrieval

    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=err) as bar:
        task = bar.add_task("loading", total=None)

        def report(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        measured = asyncio.run(evaluate_retrieval(load_settings(), dataset, split, mode, report))
    if save is not None:
        measured.write(save)
    if as_json:
        put_json(measured.as_json())
        return
    found = measured.evaluation
    for name, value in [*found.measures.items(), *((f"page {n}", v) for n, v in found.page_measures.items())]:
        out.print(f"{name:<12} {value:.4f}")
    out.print(
        f"{found.queries} questions, {measured.documents} documents, {measured.chunks} chunks; "
        f"search p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms"
    )
