"""Rows read back are what was written: above all a schema's keys come in the order that an engine writes them in."""

from __future__ import annotations

import json

from agents.schema import answer_schema
from agents.settings import OutputSettings
from core.types import Example, ExampleKind, Lineage, Message, Source
from finetune.rows import canonical, from_row, identified, to_row

SCHEMA = answer_schema(["1", "2"], OutputSettings())
SOURCE = Source(id="1", title="Handbook", text="Leave is 30 days.", chunk_id="", document_id="", version_id="")


def example(kind: ExampleKind) -> Example:
    asked = (Message(role="user", content="How long is leave?"),)
    told = "" if kind == "prompt" else '{"answerable":false,"statements":[]}'
    sources = (SOURCE,) if kind == "prompt" else ()
    return identified(
        Example(
            id="", kind=kind, lineage=Lineage(maker="correction"), question="How long is leave?", prompt=asked,
            completion=told, schema=SCHEMA, sources=sources,
        )
    )  # fmt: skip


def test_a_schema_keeps_the_order_of_its_keys() -> None:
    kinds: tuple[ExampleKind, ...] = ("sft", "prompt")
    for kind in kinds:
        written = json.loads(canonical(to_row(example(kind))))
        found = from_row(kind, written)
        assert found == example(kind)
        assert json.dumps(found.schema) == json.dumps(SCHEMA), "an engine would write the sources before the text"
