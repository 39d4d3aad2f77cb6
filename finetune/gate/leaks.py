"""Whether the candidate was trained on what it is asked.

A question is given away by a training row that asks the same or nearly so. A long reference is given away by a row that
says the same; unless both rest on one document: two questions on one passage have the same answer, and may.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.terms import squeezed
from core.types import Example
from finetune.dataset import Dataset
from finetune.duplicates import Alike
from finetune.gate.items import Item
from finetune.retention import named_in
from finetune.rows import KINDS
from finetune.target import plain
from finetune.topics import asked

_LONG = 60
"""Letters and digits from which the same words are no chance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leak:
    """An item, and the training row that gives its question or its reference away."""

    item: str
    row: str
    what: Literal["question", "reference"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaks:
    """What was found among so many items and rows; `unread` are datasets that the card names and nobody has, and ""
    where it names none."""

    found: tuple[Leak, ...] = ()
    items: int = 0
    rows: int = 0
    unread: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share of items that are given away."""
        return len({each.item for each in self.found}) / self.items if self.items else 0.0


def training_rows(card: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> tuple[list[Example], tuple[str, ...]]:
    """The rows that the card says the version was trained on, and the names of what cannot be read: datasets that are
    gone, and "" where it names no dataset."""
    data = card.get("data")
    name = data.get("dataset") if isinstance(data, Mapping) else None
    if not isinstance(name, str) or not name:
        return [], ("",)
    if name not in datasets:
        return [], (name,)
    return [row for kind in KINDS for row in datasets[name].examples(kind, "train")], ()


def lineage(
    name: str, card: Mapping[str, Any], cards: Mapping[str, Mapping[str, Any]]
) -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
    """The cards of a version and of everything it was made on top of, and the names of what nobody has any more. Making
    a model smaller teaches it nothing: the card of that is left out, and what it was made from is followed."""
    found, lost, seen, todo = [], [], {name}, [card]
    while todo:
        each = todo.pop()
        data = each.get("data")
        seen.add(str(data.get("dataset")) if isinstance(data, Mapping) else "")  # it is read itself, and is no version
        if each.get("method") != "quantize":
            found.append(each)
        below = named_in(json.dumps([each.get("base"), each.get("settings")], default=str)) - seen
        seen |= below
        todo += [cards[other] for other in sorted(below) if other in cards]
        lost += [other for other in sorted(below) if other not in cards]
    return found, tuple(lost)


def leaks(items: Iterable[Item], training: Sequence[Example], likeness: float, unread: Sequence[str] = ()) -> Leaks:
    """What the training rows give away of questions kept back and of anchors. Harmful prompts are not looked at:
    refusing them may be learnt."""
    looked_at = [item for item in items if item.kind_of_set != "harmful"]
    questions, answers = _Shelf(likeness), _Shelf(likeness)
    for row in training:
        documents = frozenset(each.document_id for each in row.lineage.documents)
        questions.add(asked(row), row.id, frozenset())
        said = plain(row.completion)
        if row.label is not False and _long(said):
            answers.add(said, row.id, documents)
    found = [leak for item in looked_at if (leak := _leak(item, questions, answers)) is not None]
    return Leaks(found=tuple(found), items=len(looked_at), rows=len(training), unread=tuple(unread))


def _leak(item: Item, questions: _Shelf, answers: _Shelf) -> Leak | None:
    if (same := questions.find(item.question)) is not None:
        return Leak(item=item.id, row=same[0], what="question")
    said = plain(item.reference or "")
    if _long(said) and (same := answers.find(said)) is not None and not same[1] & item.documents:
        return Leak(item=item.id, row=same[0], what="reference")
    return None


class _Shelf:
    """Texts, each once, with the first row that has it and the documents of all rows that do."""

    def __init__(self, likeness: float) -> None:
        self._alike = Alike(likeness)
        self._rows: dict[str, tuple[str, frozenset[str]]] = {}
        self._same: dict[str, str] = {}

    def add(self, text: str, row: str, documents: frozenset[str]) -> None:
        key = self._same.get(text) or self._alike.find(text) or self._alike.add(text)
        self._same[text] = key
        first, known = self._rows.get(key, (row, frozenset[str]()))
        self._rows[key] = (first, known | documents)

    def find(self, text: str) -> tuple[str, frozenset[str]] | None:
        key = self._alike.find(text)
        return None if key is None else self._rows[key]


def _long(text: str) -> bool:
    return len(squeezed(text)) >= _LONG
