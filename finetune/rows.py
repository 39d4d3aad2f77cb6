"""Examples as lines of JSON: what TRL's trainers read, and what tells where a row comes from.

A row has `id`, `question`, the columns of its kind (`COLUMNS`) and `lineage`. Prompts and completions are TRL's
conversational ones, so that losses count on the completion alone. The schema of a "prompt" row is JSON text: columns
of a table have one type, and schemas have none in common.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from core.types import DocumentVersion, Example, ExampleKind, GeneratorInfo, Lineage, Message, Source

COLUMNS: Mapping[ExampleKind, tuple[str, ...]] = {
    "sft": ("prompt", "completion"),
    "preference": ("prompt", "chosen", "rejected"),
    "kto": ("prompt", "completion", "label"),
    "prompt": ("prompt", "question", "schema", "sources"),
    "retrieval": ("query", "positives", "negatives"),
}
"""The columns that a trainer is given, by kind."""
KINDS: tuple[ExampleKind, ...] = tuple(COLUMNS)


def canonical(value: Any) -> str:
    """JSON text that is the same wherever the same is said: keys sorted, no white space."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def identified(example: Example) -> Example:
    """The example under the id of its kind and content; its lineage does not count, so doubles have one id."""
    return replace(example, id=digest([example.kind, content(example)])[:24])


def content(example: Example) -> dict[str, Any]:
    """The columns of the example's kind."""
    prompt = [{"role": message.role, "content": message.content} for message in example.prompt]
    columns: dict[str, Any] = {
        "prompt": prompt,
        "completion": _said(example.completion),
        "chosen": _said(example.completion),
        "rejected": _said(example.rejected),
        "label": example.label,
        "question": example.question,
        "query": example.question,
        "schema": _ordered(example.schema),
        "sources": [{"id": each.id, "title": each.title, "text": each.text} for each in example.sources],
        "positives": list(example.positives),
        "negatives": list(example.negatives),
    }
    return {name: columns[name] for name in COLUMNS[example.kind]}


def to_row(example: Example) -> dict[str, Any]:
    """The example as one object of JSON."""
    lineage = {key: value for key, value in asdict(example.lineage).items() if value not in (None, ())}
    if example.lineage.at is not None:
        lineage["at"] = example.lineage.at.isoformat()
    schema = {"schema": _ordered(example.schema)} if example.schema else {}
    return {"id": example.id, "question": example.question, **schema, **content(example), "lineage": lineage}


def from_row(kind: ExampleKind, row: Mapping[str, Any]) -> Example:
    """The example that a row was written from, its sources but for what a row does not hold of them."""
    said = row.get("chosen") or row.get("completion") or []
    return Example(
        id=row["id"],
        kind=kind,
        lineage=_lineage(row["lineage"]),
        question=row["question"],
        prompt=tuple(Message(role=each["role"], content=each["content"]) for each in row.get("prompt", ())),
        completion=said[0]["content"] if said else "",
        rejected=row["rejected"][0]["content"] if "rejected" in row else "",
        label=row.get("label"),
        schema=json.loads(row.get("schema", "{}")),
        sources=tuple(_source(each) for each in row.get("sources", ())),
        positives=tuple(row.get("positives", ())),
        negatives=tuple(row.get("negatives", ())),
    )


def _ordered(schema: Mapping[str, Any]) -> str:
    """JSON text with the keys in their own order: engines hold an output to it, and who cites before writing is another
    writer."""
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _source(row: Mapping[str, Any]) -> Source:
    return Source(id=row["id"], title=row["title"], text=row["text"], chunk_id="", document_id="", version_id="")


def _lineage(row: Mapping[str, Any]) -> Lineage:
    given = dict(row)
    if "at" in given:
        given["at"] = datetime.fromisoformat(given["at"])
    if given.get("generator"):
        given["generator"] = GeneratorInfo(**given["generator"])
    given["documents"] = documents(given.get("documents", ()))
    given["parents"] = tuple(given.get("parents", ()))
    return Lineage(**given)


def documents(rows: Sequence[Mapping[str, str]]) -> tuple[DocumentVersion, ...]:
    """Document versions out of JSON."""
    return tuple(DocumentVersion(**row) for row in rows)
