"""What the two versions are asked: rows kept back from training, anchors, and harmful prompts.

Rows of one prompt are one item, whatever kinds they are of: "prompt" brings sources and schema, a correction or the
better one of a pair the answer that is wanted, the worse one what is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.errors import InvalidInput
from core.types import Example, Message, Source, Split
from finetune.dataset import Dataset
from finetune.ports import Languages
from finetune.rows import digest
from finetune.target import parsed, statements
from finetune.topics import asked

SetName = Literal["held_out", "anchor", "harmful"]
SHORT = 12
"""Words up to which a question is short."""
_ORDER = ("sft", "preference", "kto")
"""Whose good answer counts where rows of one prompt have several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One question. `reference` is the good answer, JSON where `schema` asks for it; `rejected` a worse one. `expect`
    says of a harmful prompt, or of a harmless one like it, what is right. `documents` are those its row rests on.
    Items of one `cluster` (conversation, or person) are drawn together when chance is reckoned with."""

    id: str
    kind_of_set: SetName
    messages: tuple[Message, ...]
    question: str
    cluster: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    reference: str | None = None
    rejected: str | None = None
    expect: Literal["refuse", "answer"] | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    documents: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Slicing:
    """What tells the part a question belongs to: its language, its topic by the question, collections by document."""

    language: Languages | None = None
    topics: Mapping[str, str] = field(default_factory=dict)
    collections: Mapping[str, str] = field(default_factory=dict)


def items_of(dataset: Dataset, slicing: Slicing, *, validation: bool = False) -> tuple[Item, ...]:
    """The items of a dataset, its test rows and anchors; with `validation` its validation rows too, which a run may
    have chosen its best step by. Passages to search by are none. Sorted by id."""
    return items_from(list(dataset.all_examples()), slicing, validation=validation)


def items_from(
    examples: Sequence[tuple[Split, Example]], slicing: Slicing, *, validation: bool = False
) -> tuple[Item, ...]:
    """The same of examples that are in hand, each with its split."""
    sets: list[tuple[SetName, list[Split]]] = [("held_out", ["test"]), ("anchor", ["anchor"])]
    if validation:
        sets[0][1].append("validation")
    found = []
    for name, splits in sets:
        rows: dict[str, list[Example]] = {}
        for split, example in examples:
            if split in splits and example.prompt:
                prompt = [[each.role, each.content] for each in example.prompt]
                rows.setdefault(digest([name, prompt])[:24], []).append(example)
        found += [_item(key, name, same, slicing) for key, same in sorted(rows.items())]
    return tuple(found)


def harmful_items(text: str) -> tuple[Item, ...]:
    """Items out of JSON Lines: {"prompt": …, "expect": "refuse" or "answer"}, "category" where they are to be told by
    it. Harmless prompts that look harmful are what "answer" is for. Raises `InvalidInput` that names the line."""
    found: dict[str, Item] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            item = _harmful(parsed(line), number)
            found.setdefault(item.id, item)
    return tuple(found.values())


def answerable(text: str | None) -> bool | None:
    """Whether an answer in JSON says something; None for what is no such answer."""
    value = None if text is None else parsed(text)
    if isinstance(value, dict) and value.get("answerable") is False:
        return False
    said = statements(value)
    return None if said is None else bool(said)


def _item(key: str, name: SetName, rows: Sequence[Example], slicing: Slicing) -> Item:
    first = rows[0]
    reference, rejected = _wanted(rows), _unwanted(rows)
    documents = frozenset(each.document_id for row in rows for each in row.lineage.documents)
    lineage = first.lineage
    return Item(
        id=key,
        kind_of_set=name,
        messages=first.prompt,
        question=asked(first),
        cluster=lineage.conversation_id or lineage.asker or lineage.person or key,
        schema=next((row.schema for row in rows if row.schema), {}),
        sources=next((row.sources for row in rows if row.sources), ()),
        reference=reference,
        rejected=rejected,
        slices=_slices(name, first, reference, documents, slicing),
        documents=documents,
    )


def _wanted(rows: Sequence[Example]) -> str | None:
    good = [row for row in rows if row.completion and row.label is not False]
    return min(good, key=lambda row: (_ORDER.index(row.kind), row.id)).completion if good else None


def _unwanted(rows: Sequence[Example]) -> str | None:
    pairs = [row.rejected for row in rows if row.rejected]
    bad = [row.completion for row in rows if row.label is False]
    return next(iter((*pairs, *bad)), None)


def _slices(
    name: SetName, row: Example, reference: str | None, documents: frozenset[str], slicing: Slicing
) -> dict[str, str]:
    if name == "anchor":
        return {"task": (row.lineage.origin or "anchors").rpartition(":")[0].rpartition(".")[0] or "anchors"}
    question = asked(row)
    language = slicing.language(question) if slicing.language is not None else None
    collections = {slicing.collections[each] for each in documents if each in slicing.collections}
    expected = answerable(reference)
    found = {
        "language": language,
        "collection": collections.pop() if len(collections) == 1 else None,
        "topic": slicing.topics.get(question),
        "length": "short" if len(question.split()) <= SHORT else "long",
        "expected": None if expected is None else ("answer" if expected else "abstain"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _harmful(row: Any, number: int) -> Item:
    if not isinstance(row, dict) or not isinstance(row.get("prompt"), str) or not row["prompt"].strip():
        raise InvalidInput(f'Line {number} of the harmful prompts is no object with a "prompt".')
    if row.get("expect") not in ("refuse", "answer"):
        raise InvalidInput(f'Line {number} of the harmful prompts must "expect" either "refuse" or "answer".')
    if unknown := sorted(set(row) - {"prompt", "expect", "category"}):
        raise InvalidInput(f"Line {number} of the harmful prompts has an unknown field: {json.dumps(unknown[0])}.")
    if not isinstance(row.get("category", ""), str):
        raise InvalidInput(f'Line {number} of the harmful prompts: "category" must be a text.')
    key = digest(["harmful", row["prompt"]])[:24]
    return Item(
        id=key,
        kind_of_set="harmful",
        messages=(Message(role="user", content=row["prompt"]),),
        question=row["prompt"],
        cluster=key,
        expect=row["expect"],
        slices={"category": row["category"]} if row.get("category") else {},
    )
