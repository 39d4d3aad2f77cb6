"""`footnote finetune`: datasets from feedback, runs of training, and what came of them."""

from __future__ import annotations

import typer

finetune = typer.Typer(help="Learn from feedback: datasets, runs of training, what came of them.", no_args_is_help=True)


@finetune.callback()
def _group() -> None:
    """Keeps its commands subcommands, however few there are."""
