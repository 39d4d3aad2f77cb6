"""Rows longer than what is served: found before the start, left out and counted. Nothing is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidInput
from finetune.feed import Feed, Row
from finetune.recipe import ONLINE, Recipe

_LAST = {"sft": ("completion",), "kto": ("completion",), "preference": ("chosen", "rejected"), "prompt": ()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """What lengths there were. `left_out` are numbers of rows (from 0) in the training and the validation rows."""

    longest: int
    limit: int
    left_out: tuple[int, ...] = ()
    left_out_validation: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Rows that were left out."""
        return len(self.left_out) + len(self.left_out_validation)


def fit(feed: Feed, recipe: Recipe, tokenizer: Any, context: int | None) -> tuple[Feed, Lengths]:
    """The rows that fit, and what is to be said of the others.

    A prompt that a model is to go on from needs room for its completion. Raises `InvalidInput` where the recipe wants
    none left out, or none is left.
    """
    limit = _limit(recipe, tokenizer, context)
    sizes = _sizes(feed.train, recipe, tokenizer)
    kept_back = _sizes(feed.validation, recipe, tokenizer)
    over = tuple(number for number, size in enumerate(sizes) if size > limit)
    over_back = tuple(number for number, size in enumerate(kept_back) if size > limit)
    found = Lengths(longest=max(sizes), limit=limit, left_out=over, left_out_validation=over_back)
    if found.count and recipe.long_rows == "refuse":
        raise InvalidInput(
            f"{found.count} rows are longer than {limit} tokens, the longest has {found.longest}. Raise `max_length` "
            "and what is served, shorten them, or write `long_rows: leave_out`."
        )
    if len(over) == len(sizes):
        raise InvalidInput(f"Every row is longer than {limit} tokens. Raise `max_length` and what is served.")
    train, validation = _without(feed.train, over), _without(feed.validation, over_back)
    return Feed(train=train, validation=validation, version=feed.version), found


def _limit(recipe: Recipe, tokenizer: Any, context: int | None) -> int:
    if recipe.method in ONLINE:
        whole = context or min(int(tokenizer.model_max_length), 1 << 20)
        return max(1, whole - int(recipe.train["max_completion_length"]))
    return int(recipe.train["max_length"])


def _without(rows: Sequence[Row], numbers: Sequence[int]) -> list[Row]:
    gone = set(numbers)
    return [row for number, row in enumerate(rows) if number not in gone]


def _sizes(rows: Sequence[Row], recipe: Recipe, tokenizer: Any) -> list[int]:
    """Tokens of each row; of a pair the longer one."""
    if not rows:
        return []
    ends = _LAST[recipe.kind]
    texts = [_text(tokenizer, row, end) for row in rows for end in ends or (None,)]
    counts = [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    step = max(1, len(ends))
    return [max(counts[start : start + step]) for start in range(0, len(counts), step)]


def _text(tokenizer: Any, row: Row, end: str | None) -> str:
    said = row["prompt"] if end is None else [*row["prompt"], *row[end]]
    return str(tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=end is None))
