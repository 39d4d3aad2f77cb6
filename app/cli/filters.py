"""`--filter key=value`, as `search` and `ask` take it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from core.errors import InvalidFilter

Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=VALUE",
        help="Only documents with this metadata; repeat for several, the same key again for either value. "
        "Or document=ID, created_after=DATE, created_before=DATE; metadata.KEY where a key of yours has such a name.",
    ),
]
_DATES = ("created_after", "created_before")


def parsed(texts: Sequence[str]) -> dict[str, Any]:
    """The `filters` of a request; nothing where nothing was given. Raises `InvalidFilter`.

    A value that reads as a number, true or false matches that and the text: metadata given on the command line is text.
    """
    found: dict[str, Any] = {}
    metadata: dict[str, list[Any]] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key.removeprefix("metadata.") or not value:
            raise InvalidFilter(f"The filter `{text}` cannot be used: --filter takes key=value.")
        if key == "document":
            found.setdefault("document_ids", []).append(value)
        elif key in _DATES:
            if key in found:
                raise InvalidFilter(f"The filter `{key}` cannot be used: it is given twice.")
            found[key] = value
        else:
            metadata.setdefault(key.removeprefix("metadata."), []).extend(_readings(value))
    if metadata:
        found["metadata"] = metadata
    return {"filters": found} if found else {}


def _readings(text: str) -> list[Any]:
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return [text]
    return [value, text] if isinstance(value, bool | int | float) else [text]


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
