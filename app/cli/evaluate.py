"""`footnote eval`: quality on judged questions, through the same search that answers people."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import out, put_json
from app.settings import load_settings

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
    split: Annotated[str, typer.Option(help="Which part of the judgements: test or train.")] = "test",
    mode: Annotated[str, typer.Option(help="hybrid, dense or lexical.")] = "hybrid",
    save: Annotated[Path | None, typer.Option(help="Also write the result to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """nDCG@10, Recall@100 and the like on SciFact, a BEIR folder, or questions about your own documents."""
    from app.evaluation import evaluate_retrieval

    report = asyncio.run(evaluate_retrieval(load_settings(), dataset, split, mode))
    if save is not None:
        report.write(save)
    if as_json:
        put_json(report.as_json())
        return
    for measure, value in report.measures.items():
        out.print(f"{measure:<14} {value:.4f}")
    out.print(f"[dim]{report.queries} questions, {report.documents} documents, median {report.median_ms:.1f} ms[/dim]")
