"""The parent's half of the wire: every line of the child is validated, and anything else ends the reading."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from core.types import Block
from ingestion.readers.base import Meta, Notice, Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaType:
    """What the file turned out to be."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """The child's last word: an error's code and its sentence."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The child's last word: everything was read."""


_BLOCK = TypeAdapter(Block)
_META = TypeAdapter(Meta)
_PROGRESS = TypeAdapter(Progress)
_FAILURE = TypeAdapter(Failure)
_STRING = TypeAdapter(str)

Reply = Block | Notice | Meta | MediaType | Progress | Failure | Done


class Malformed(Exception):
    """A line that no honest child sends."""


def decode(line: bytes) -> Reply:
    """A line, without its newline, as what it says. Raises `Malformed`."""
    make = _MAKERS.get(line[:1])
    if make is None:
        raise Malformed("an unknown kind of line")
    try:
        return make(line[1:])
    except ValidationError as error:
        raise Malformed(str(error.errors(include_url=False, include_input=False)[:3])) from None


def _block(value: bytes) -> Block:
    block = _BLOCK.validate_json(value)
    if not all(math.isfinite(number) for b in block.boxes for number in (b.x0, b.y0, b.x1, b.y1)):
        raise Malformed("a box that is no box")
    return block


def _text(value: bytes) -> str:
    return _STRING.validate_json(value)


_MAKERS: dict[bytes, Callable[[bytes], Reply]] = {
    b"B": _block,
    b"N": lambda value: Notice(text=_text(value)),
    b"M": lambda value: _META.validate_json(value),
    b"T": lambda value: MediaType(name=_text(value)),
    b"P": lambda value: _PROGRESS.validate_json(value),
    b"E": lambda value: _FAILURE.validate_json(value),
    b"D": lambda _: Done(),
}
