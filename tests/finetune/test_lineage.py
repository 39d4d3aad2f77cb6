"""What was learnt from whom and from what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.types import DocumentVersion, Example, Lineage
from finetune.dataset import Curated, write_dataset
from finetune.join import Exclusions
from finetune.lineage import left_in, trace
from finetune.report import Report

BARE = Example(id="", kind="sft", lineage=Lineage(maker="correction"), question="q?", completion="c")


def row(id: str, person: str, document: str, **others: object) -> Example:
    lineage = Lineage(
        maker="correction",
        answer_id=f"a-{id}",
        person=person,
        asker="ana",
        documents=(DocumentVersion(document_id=document, version_id=f"{document}-v2"),),
    )
    return replace(BARE, id=id, lineage=replace(lineage, **others))


def test_rows_datasets_and_adapters_of_a_document_or_a_person(tmp_path: Path) -> None:
    one = write_dataset(tmp_path, "one", Curated(examples={"train": [row("1", "ben", "d1"), row("2", "cleo", "d2")]}))
    two = write_dataset(tmp_path, "two", Curated(examples={"validation": [row("3", "cleo", "d3")]}))
    trained = {"x@1": [one.version], "y@1": [two.version, one.version], "z@1": [two.version]}

    found = trace([one, two], trained, Exclusions(documents=frozenset({"d1"})))
    assert [(each.dataset, each.split, each.example.id) for each in found.rows] == [(one.version, "train", "1")]
    assert (found.datasets, found.adapters) == ((one.version,), ("x@1", "y@1"))

    found = trace([one, two], trained, Exclusions(people=frozenset({"cleo"})))
    assert [each.example.id for each in found.rows] == ["2", "3"]
    assert found.adapters == ("x@1", "y@1", "z@1")

    assert len(trace([one, two], trained, Exclusions(people=frozenset({"ana"}))).rows) == 3, "who asked counts too"
    assert [each.example.id for each in trace([one], {}, Exclusions(answers=frozenset({"a-2"}))).rows] == ["2"]
    nothing = trace([one, two], trained, Exclusions(documents=frozenset({"d9"}), people=frozenset({"eve"})))
    assert (nothing.rows, nothing.datasets, nothing.adapters) == ((), (), ())


def test_the_next_dataset_leaves_them_out_and_what_a_model_made_of_them() -> None:
    rows = [row("1", "ben", "d1"), row("2", "cleo", "d2"), row("3", "ben", "d2", maker="rephrase", parents=("1",))]
    report = Report()
    assert left_in(rows, Exclusions(people=frozenset({"ben"})), report) == [rows[1]]
    assert [(fate.subject, fate.outcome) for fate in report.fates] == [
        ("example:1", "left_out"),
        ("example:3", "left_out"),
    ]
    assert left_in(rows, Exclusions(), Report()) == rows
    imported = replace(BARE, lineage=Lineage(maker="import", origin="x:1"))
    assert left_in([imported], Exclusions(people=frozenset({"ben"}), answers=frozenset({"a"})), Report()) == [imported]
