"""Asking a person in the terminal what an agent may do."""

from __future__ import annotations

import json
from typing import Any

import typer

from app.cli.agent_open import told
from app.cli.output import err, plain

_WORDS = {"a": "approve", "e": "edit", "r": "reject", "s": "respond"}


class Undecided(Exception):
    """The person did not say."""


def decided(asked: dict[str, Any]) -> dict[str, Any]:
    """What the person decides of an interrupt's value. Raises `Undecided` where the input ends before."""
    decisions = []
    for number, request in enumerate(asked.get("action_requests") or [{}]):
        reviews = asked.get("review_configs") or []
        allowed = reviews[number]["allowed_decisions"] if number < len(reviews) else list(_WORDS.values())
        try:
            decisions.append(_ask(asked, request, allowed))
        except (typer.Abort, EOFError):
            raise Undecided from None
    return {"decisions": decisions}


def _ask(asked: dict[str, Any], request: dict[str, Any], allowed: list[str]) -> dict[str, Any]:
    err.print()
    for line in told({**asked, "action_requests": [request]}):
        err.print(line)
    if allowed == ["respond"]:
        return {"type": "respond", "message": typer.prompt("answer", err=True)}
    letters = {letter: word for letter, word in _WORDS.items() if word in allowed}
    choices = ", ".join(f"{letter} {word}" for letter, word in letters.items())
    while True:
        said = str(typer.prompt(f"({choices})", err=True)).strip().lower()
        word = letters.get(said, said)
        if word in allowed:
            return _decision(word, request)


def _decision(word: str, request: dict[str, Any]) -> dict[str, Any]:
    if word == "edit":
        return {"type": word, "edited_action": {"name": request.get("name"), "args": _edited(request)}}
    if word == "respond":
        return {"type": word, "message": typer.prompt("what it is told instead", err=True)}
    if word == "reject":
        message = typer.prompt("why (may be left empty)", default="", show_default=False, err=True)
        return {"type": word, **({"message": message} if message else {})}
    return {"type": word}


def _edited(request: dict[str, Any]) -> dict[str, Any]:
    """The arguments as the person wants them."""
    before = json.dumps(request.get("args") or {}, ensure_ascii=False)
    while True:
        text = typer.prompt("arguments as JSON", default=before, err=True)
        try:
            found = json.loads(text)
        except ValueError as error:
            err.print(f"[red]{plain(str(error))}[/red]")
            continue
        if isinstance(found, dict):
            return found
        err.print("[red]Arguments are a JSON object.[/red]")


__all__ = ["Undecided", "decided"]
