"""What was learnt from a document or a person: rows, datasets, adapters; and how the next dataset leaves them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.types import Example, Lineage, Split
from finetune.dataset import Dataset
from finetune.join import Exclusions
from finetune.report import Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of a dataset."""

    dataset: str
    split: Split
    example: Example


@dataclass(frozen=True, kw_only=True, slots=True)
class Traced:
    """The rows that come from something, the datasets they are in, and the adapters trained on those."""

    rows: tuple[Row, ...]
    datasets: tuple[str, ...]
    adapters: tuple[str, ...]


def trace(datasets: Iterable[Dataset], trained: Mapping[str, Sequence[str]], of: Exclusions) -> Traced:
    """Everything that comes from these documents, persons or answers. `trained` says of each adapter on which datasets
    it was trained, its own and those of what it was trained on top of."""
    rows = tuple(
        Row(dataset=dataset.version, split=split, example=example)
        for dataset in datasets
        for split, example in dataset.all_examples()
        if comes_from(example.lineage, of)
    )
    concerned = tuple(sorted({row.dataset for row in rows}))
    adapters = tuple(sorted(name for name, on in trained.items() if set(on) & set(concerned)))
    return Traced(rows=rows, datasets=concerned, adapters=adapters)


def comes_from(lineage: Lineage, of: Exclusions) -> bool:
    """Whether a row comes from one of these documents, persons or answers; what a model made of one does too."""
    return (
        bool({lineage.answer_id, lineage.first} & of.answers)
        or bool({lineage.person, lineage.asker} & of.people)
        or any(document.document_id in of.documents for document in lineage.documents)
    )


def left_in(examples: Sequence[Example], exclusions: Exclusions, report: Report) -> list[Example]:
    """Those that come from nothing that shall be left out."""
    found = []
    for example in examples:
        if comes_from(example.lineage, exclusions):
            detail = "It comes from a document or person to be left out."
            report.add(f"example:{example.id}", "build", "left_out", "excluded", detail)
        else:
            found.append(example)
    return found
