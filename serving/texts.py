"""Texts to and from a model, whatever carries them: messages that can be sent, and outputs that come to no good end."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import GenerationInvalid
from core.types import Message

BLANKS = 200
"""White space in a row after which an output is given up: some models write nothing else until their limit."""


class Blanks:
    """Counts the white space at the end of what was written so far."""

    def __init__(self) -> None:
        self._count = 0

    def watch(self, piece: str) -> None:
        """Takes the next piece. Raises `GenerationInvalid` where nothing but white space comes any more."""
        words = piece.rstrip()
        self._count = len(piece) - len(words) if words else self._count + len(piece)
        if self._count > BLANKS:
            raise GenerationInvalid("The generator wrote nothing but white space. Ask again.")


def cut_off(max_tokens: int) -> GenerationInvalid:
    """The error of an output that its limit of tokens ended."""
    return GenerationInvalid(
        f"The generator reached its limit of {max_tokens:,} tokens before its answer was whole. Ask for less "
        "at once, or allow more with FOOTNOTE_AGENTS__MAX_TOKENS."
    )


def as_dicts(messages: Sequence[Message]) -> list[dict[str, str]]:
    """As OpenAI's protocol and chat templates want them; halves of surrogate pairs cannot be encoded."""
    return [
        {"role": each.role, "content": each.content.encode("utf-8", "replace").decode("utf-8")} for each in messages
    ]


def without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same for models that know no role "system": what it says comes at the head of the message after it."""
    if len(messages) < 2 or messages[0]["role"] != "system":
        return messages
    head, following, *rest = messages
    return [{**following, "content": f"{head['content']}\n\n{following['content']}"}, *rest]
