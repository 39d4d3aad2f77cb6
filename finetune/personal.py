"""Masks personal data in every text of an example, alike in all of them.

Outputs are JSON: what they say is masked, and neither their form nor the ids that they cite.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from core.types import Example, Message
from finetune.ports import Masked, Masker
from finetune.report import Report
from finetune.rows import identified
from finetune.target import parsed, written

Change = Callable[[str], str]


async def masked(examples: Sequence[Example], masker: Masker, at_once: int, report: Report) -> list[Example]:
    """The examples without personal data; those that may not be used at all are refused. Raises what `masker` does."""
    turn = asyncio.Semaphore(at_once)

    async def one(example: Example) -> Masked:
        async with turn:
            return await masker.mask(_texts(example))

    found = []
    for example, seen in zip(examples, await asyncio.gather(*map(one, examples)), strict=True):
        if seen.blocked is not None:
            report.refuse(f"example:{example.id}", "check", "personal_data", seen.blocked)
        elif seen.count:
            lineage = replace(example.lineage, masked=example.lineage.masked + seen.count)
            found.append(identified(replace(_with(example, iter(seen.texts)), lineage=lineage)))
        else:
            found.append(example)
    told = report.figures.setdefault("masked", {"rows": 0, "of": 0})
    told["rows"] += sum(each.lineage.masked > 0 for each in found)
    told["of"] += len(examples)
    return found


def _texts(example: Example) -> list[str]:
    """Every text of an example, in an order that `_with` keeps."""
    noted: list[str] = []

    def note(text: str) -> str:
        noted.append(text)
        return text

    _mapped(example, note)
    return noted


def _with(example: Example, texts: Iterator[str]) -> Example:
    return _mapped(example, lambda _: next(texts))


def _mapped(example: Example, change: Change) -> Example:
    """The example with every text changed, always in the same order."""
    return replace(
        example,
        question=change(example.question),
        prompt=tuple(Message(role=each.role, content=change(each.content)) for each in example.prompt),
        completion=_output(example.completion, example, change),
        rejected=_output(example.rejected, example, change),
        sources=tuple(replace(each, title=change(each.title), text=change(each.text)) for each in example.sources),
        positives=tuple(change(each) for each in example.positives),
        negatives=tuple(change(each) for each in example.negatives),
    )


def _output(text: str, example: Example, change: Change) -> str:
    value = parsed(text) if example.schema else None
    if not isinstance(value, dict | list):
        return change(text)
    return written(_leaves(value, change), example.schema)


def _leaves(value: Any, change: Change) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_leaves(each, change) for each in value]
    if isinstance(value, dict):
        return {key: each if key == "sources" else _leaves(each, change) for key, each in value.items()}
    return value
