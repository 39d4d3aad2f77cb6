"""`footnote guard`: thresholds of classifying rails, on texts of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.output import Exit, fail, out, put_json
from app.settings import load_settings

guard = typer.Typer(help="Set up the rails.", no_args_is_help=True)


@guard.callback()
def _group() -> None:
    """Keeps `calibrate` a subcommand while it is the only one."""


@guard.command()
def calibrate(
    file: Annotated[Path, typer.Argument(help="Benign texts, one a line; of .jsonl the field text.")],
    rail: Annotated[Literal["injection", "topics"], typer.Option(help="Whose classifier.")] = "injection",
    false_alarms: Annotated[
        float, typer.Option(min=0, max=1, help="Share of these texts that may be blocked by mistake.")
    ] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Find the least threshold at which hardly any of your own benign texts is blocked."""
    from agents.rails.classifying import calibrated, sentences
    from agents.rails.opening import open_classifier

    rails = load_settings().agents.rails
    chosen = rails.injection if rail == "injection" else rails.topics.classifier
    name = f"FOOTNOTE_AGENTS__RAILS__{'INJECTION' if rail == 'injection' else 'TOPICS__CLASSIFIER'}"
    if not chosen.model:
        fail(f"No classifier is configured: set {name}__MODEL to its name or folder.", Exit.CONFIGURATION)
    texts = _texts(file)
    classifier = open_classifier(chosen)
    try:
        scores = [max(classifier.scores(sentences(text)), default=0.0) for text in texts]
    except (ValueError, RuntimeError) as error:
        fail(
            f"{chosen.model} cannot be calibrated: {error}. Texts it cannot judge are blocked when it is in use, so "
            "choose another model, or another kind.",
            Exit.CONFIGURATION,
        )
    threshold = calibrated(scores, false_alarms)
    blocked = sum(score >= threshold for score in scores)
    if as_json:
        put_json({"threshold": threshold, "texts": len(texts), "blocked": blocked, "setting": f"{name}__THRESHOLD"})
    else:
        out.print(f"{name}__THRESHOLD={threshold}")
        out.print(f"{blocked} of {len(texts)} texts would be blocked by mistake.")


def _texts(file: Path) -> list[str]:
    try:
        lines = [line for line in file.read_text("utf-8").splitlines() if line.strip()]
        texts = [str(json.loads(line)["text"]) for line in lines] if file.suffix == ".jsonl" else lines
    except (OSError, ValueError, KeyError, TypeError) as error:
        fail(
            f"{file} cannot be read: {error}. It holds one text a line, or JSON objects with a field text.", Exit.USAGE
        )
    if not texts:
        fail(f"{file} holds no text.", Exit.USAGE)
    return texts
