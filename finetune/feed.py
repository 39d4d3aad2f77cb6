"""The rows that a run learns from, out of a dataset's folder or files of one's own. The door to `datasets`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInput
from core.types import ExampleKind, Split
from finetune.dataset import MANIFEST, read_dataset
from finetune.recipe import DataFiles, Recipe
from finetune.rows import COLUMNS

if TYPE_CHECKING:
    from datasets import Dataset

Row = dict[str, Any]
_TURNS = ("prompt", "completion", "chosen", "rejected")


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """Rows to train on and rows kept back; `version` names the dataset where they are of one."""

    train: list[Row]
    validation: list[Row]
    version: str | None = None


def read_feed(recipe: Recipe) -> Feed:
    """The rows of the recipe's kind. Raises `InvalidInput` where there are none or one has not the columns it needs,
    and what `read_dataset` raises."""
    data, kind = recipe.data, recipe.kind
    if isinstance(data, DataFiles):
        validation = _read(data.validation, kind) if data.validation else []
        return _checked(Feed(train=_read(data.train, kind), validation=validation), recipe)
    if (data / MANIFEST).is_file():
        dataset = read_dataset(data)
        rows: dict[Split, list[Row]] = {split: dataset.rows(kind, split) for split in ("train", "validation")}
        feed = Feed(train=rows["train"], validation=rows["validation"], version=dataset.version)
        return _checked(feed, recipe)
    return _checked(Feed(train=_read(data, kind), validation=[]), recipe)


def table(rows: Sequence[Row]) -> Dataset:
    """Rows as the trainers take them."""
    from datasets import Dataset

    return Dataset.from_list(list(rows))


def _checked(feed: Feed, recipe: Recipe) -> Feed:
    if not feed.train:
        raise InvalidInput(
            f"{recipe.data} has no {recipe.kind} rows to train on, which {recipe.method} learns from. "
            "Curate more feedback, or take a method for the rows there are."
        )
    if recipe.method == "kto" and len({row["label"] for row in feed.train}) < 2:
        raise InvalidInput("KTO compares good completions with bad ones, and all rows have the same label. Take sft.")
    return feed


def _read(path: Path, kind: ExampleKind) -> list[Row]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The rows in {path} cannot be read: {error}") from None
    return [_row(line, kind, f"{path.name}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _row(line: str, kind: ExampleKind, where: str) -> Row:
    try:
        given = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"{where} is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise InvalidInput(f"{where} is no object with {', '.join(COLUMNS[kind])}.")
    given = _from_messages(given) if kind == "sft" else given
    if kind == "prompt":
        given = {"question": "", "schema": "{}", "sources": [], **given}
    missing = [name for name in COLUMNS[kind] if name not in given]
    if missing:
        raise InvalidInput(f"{where} has no {' and no '.join(missing)}; {kind} rows need {', '.join(COLUMNS[kind])}.")
    row = {name: given[name] for name in COLUMNS[kind]}
    for name in set(_TURNS) & set(row):
        row[name] = _turns(row[name], "user" if name == "prompt" else "assistant", where)
    return row


def _from_messages(given: Row) -> Row:
    """The last turn is what is learnt: TRL would count the loss on all of `messages`, the person's words included."""
    messages = given.get("messages")
    if isinstance(messages, list) and len(messages) > 1 and messages[-1].get("role") == "assistant":
        return {"prompt": messages[:-1], "completion": messages[-1:]}
    return given


def _turns(said: Any, role: str, where: str) -> list[dict[str, str]]:
    if isinstance(said, str):
        return [{"role": role, "content": said}]
    if isinstance(said, list) and said and all(isinstance(turn, dict) and "content" in turn for turn in said):
        return [{"role": turn.get("role", role), "content": turn["content"]} for turn in said]
    raise InvalidInput(f"{where}: a text or a list of messages with role and content is wanted.")
