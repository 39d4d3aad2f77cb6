"""Counting and cutting text the way an embedder reads it, on the `tokenizers` library alone.

A text over the model's length is cut into windows of about the same size, so that no window is a meaningless rest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigurationError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


BATCH = 128
"""Texts tokenized at a time: the library's own record of a text takes a hundred times the text's memory."""


class Tokens:
    """The `TokenCounter` of a model: its tokenizer without truncation and padding.

    `max_tokens` includes the special tokens, which the tokenizer's own post-processor puts around a text.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        # A copy, since switching truncation off must not change the tokenizer a model goes on using.
        own = type(tokenizer).from_str(tokenizer.to_str())
        own.no_truncation()
        own.no_padding()
        self._tokenizer = own
        self._max_tokens = max_tokens
        self._prefix, self._suffix = _special_tokens(own)
        self.pad_id: int = next((i for i in map(own.token_to_id, ("[PAD]", "<pad>")) if i is not None), 0)
        if self.budget < 1:
            raise ConfigurationError(f"An embedder that reads {max_tokens} tokens has no room for text; allow more.")

    @classmethod
    def from_file(cls, path: Path, max_tokens: int) -> Tokens:
        """Reads a `tokenizer.json`. Raises `ConfigurationError` when there is none or it is broken."""
        from tokenizers import Tokenizer

        try:
            return cls(Tokenizer.from_file(str(path)), max_tokens)
        except Exception as error:  # the library raises bare Exception
            raise ConfigurationError(f"The tokenizer {path} cannot be read: {error}. Restore the model.") from error

    @property
    def max_tokens(self) -> int:
        """The most tokens of one text, special tokens included."""
        return self._max_tokens

    @property
    def budget(self) -> int:
        """The most tokens of one text, special tokens excluded."""
        return self._max_tokens - len(self._prefix) - len(self._suffix)

    def count(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, special tokens included, never cut."""
        counts: list[int] = []
        for start in range(0, len(texts), BATCH):
            part = [clean(text) for text in texts[start : start + BATCH]]
            counts.extend(len(encoding) for encoding in self._tokenizer.encode_batch_fast(part))
        return counts

    def windows(self, texts: Sequence[str]) -> list[list[list[int]]]:
        """For each text the token ids of its windows, special tokens around each; one window unless it is long."""
        found: list[list[list[int]]] = []
        for start in range(0, len(texts), BATCH):
            part = [clean(text) for text in texts[start : start + BATCH]]
            for encoding in self._tokenizer.encode_batch_fast(part, add_special_tokens=False):
                windows = _cut(encoding.ids, self.budget)
                found.append([[*self._prefix, *window, *self._suffix] for window in windows])
        return found

    def split(self, text: str, budget: int | None = None) -> list[str]:
        """The text cut at token borders into pieces of at most `budget` tokens each, special tokens not counted.

        A piece read alone can have more tokens than it had within the text, so pieces are counted again and halved
        until they fit. Only white space between pieces is lost.
        """
        room = max(budget if budget is not None else self.budget, 1)
        text = clean(text)
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        if len(offsets) <= room:
            return [text]
        pieces = []
        for window in _cut(list(range(len(offsets))), room):
            piece = text[offsets[window[0]][0] : offsets[window[-1]][1]]
            if piece and piece != text:
                pieces.extend(self.split(piece, room))
        return pieces or [text]


def clean(text: str) -> str:
    """The text with lone surrogates, which no tokenizer accepts, replaced by question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _cut(items: list[int], size: int) -> list[list[int]]:
    """The fewest runs of at most `size` items, all of about the same length; one empty run for no items."""
    runs = max(math.ceil(len(items) / size), 1)
    borders = [round(i * len(items) / runs) for i in range(runs + 1)]
    return [items[a:b] for a, b in pairwise(borders)]


def _special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that the tokenizer puts before and after a text."""
    bare: list[int] = tokenizer.encode("a", add_special_tokens=False).ids
    full: list[int] = tokenizer.encode("a").ids
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    raise ConfigurationError(f"The tokenizer's special tokens cannot be told: {json.dumps(full)}. Use another model.")


__all__ = ["Tokens", "clean"]
