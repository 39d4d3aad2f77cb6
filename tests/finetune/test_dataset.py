"""Datasets on disk: immutable, named by what is in them, and read back as they were."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ConfigurationError, InvalidInput, NotFound
from core.types import DocumentVersion, Example, GeneratorInfo, Lineage, Message, Source, Split
from finetune.dataset import Curated, datasets, read_dataset, write_dataset
from finetune.report import Fate
from finetune.rows import COLUMNS, identified

LINEAGE = Lineage(
    maker="correction",
    answer_id="a1",
    feedback_id="f1",
    conversation_id="c1",
    person="ana",
    asker="ana",
    documents=(DocumentVersion(document_id="d1", version_id="v1"),),
    generator=GeneratorInfo(name="vllm", fingerprint="fp", adapter="a@1"),
    at=datetime(2026, 3, 1, tzinfo=UTC),
)
PROMPT = (Message(role="system", content="Cite."), Message(role="user", content="Wie viele Tage? 28 \u2028 “Tage”"))
SOURCE = Source(id="1", chunk_id="", document_id="", version_id="", title="Leave", text="28 days.")


def examples() -> dict[Split, list[Example]]:
    bare = Example(id="", kind="sft", lineage=LINEAGE, question="How many days?", prompt=PROMPT, completion='{"a":1}')
    found = [
        replace(bare, schema={"type": "object"}),
        replace(bare, kind="preference", rejected='{"a":2}'),
        replace(bare, kind="kto", label=False),
        replace(bare, kind="prompt", completion="", schema={"type": "object"}, sources=(SOURCE,)),
        replace(bare, kind="retrieval", prompt=(), completion="", positives=("28 days.",), negatives=("x", "y")),
    ]
    return {"train": [identified(each) for each in found], "anchor": [identified(replace(bare, completion="{}"))]}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written = write_dataset(tmp_path, "leave", Curated(examples=examples()))
    assert datasets(tmp_path) == [written.version]
    read = read_dataset(tmp_path / written.version)
    for split, expected in examples().items():
        for example in expected:
            assert read.examples(example.kind, split) == [example]
    assert sorted(read.counts) == sorted(COLUMNS)
    assert read.counts["sft"] == {"train": 1, "anchor": 1}
    assert read.path("sft", "test") is None


def test_trainers_get_the_columns_of_the_kind_alone(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path, "leave", Curated(examples=examples()))
    for kind, columns in COLUMNS.items():
        assert [tuple(row) for row in dataset.rows(kind, "train")] == [columns]
    row = dataset.rows("sft", "train")[0]
    assert row["prompt"] == [{"role": each.role, "content": each.content} for each in PROMPT]
    assert row["completion"] == [{"role": "assistant", "content": '{"a":1}'}]


def test_the_same_input_makes_the_same_bytes_and_another_another_version(tmp_path: Path) -> None:
    fate = Fate(subject="answer:a2", stage="blame", outcome="refused", reason="unclear", detail="Nobody can tell.")
    curated = Curated(examples=examples(), fates=[fate])
    one, two = write_dataset(tmp_path / "a", "leave", curated), write_dataset(tmp_path / "b", "leave", curated)
    assert one.version == two.version
    for path in one.folder.iterdir():
        assert path.read_bytes() == (two.folder / path.name).read_bytes()
    assert one.manifest["fates"] == {"refused": {"unclear": 1}}
    other = write_dataset(tmp_path / "a", "leave", Curated(examples=examples()))
    assert other.version != one.version
    assert write_dataset(tmp_path / "a", "leave", curated).version == one.version
    assert datasets(tmp_path / "a") == sorted([one.version, other.version])
    assert not list((tmp_path / "a").glob(".making-*"))


@pytest.mark.parametrize("name", ["sft.train.jsonl", "manifest.json", "report.jsonl"])
def test_a_changed_file_is_noticed(tmp_path: Path, name: str) -> None:
    dataset = write_dataset(tmp_path, "leave", Curated(examples=examples()))
    path = dataset.folder / name
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(ConfigurationError, match=name):
        read_dataset(dataset.folder)


def test_a_missing_file_and_a_missing_dataset_are_told_apart(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path, "leave", Curated(examples=examples()))
    (dataset.folder / "kto.train.jsonl").unlink()
    with pytest.raises(ConfigurationError):
        read_dataset(dataset.folder)
    with pytest.raises(NotFound):
        read_dataset(tmp_path / "leave@0")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b"])
def test_names_that_are_no_folders_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        write_dataset(tmp_path, name, Curated(examples=examples()))


def test_an_empty_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Nothing"):
        write_dataset(tmp_path, "leave", Curated(examples={"train": []}))


def test_a_rows_id_is_of_its_content_and_not_of_its_lineage() -> None:
    example = examples()["train"][0]
    assert identified(replace(example, lineage=replace(LINEAGE, person="ben"))).id == example.id
    assert identified(replace(example, completion="{}")).id != example.id
    assert identified(replace(example, kind="kto", label=True)).id != example.id


def test_every_line_is_one_row_whatever_the_texts_hold(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path, "leave", Curated(examples=examples()))
    lines = (dataset.folder / "sft.train.jsonl").read_bytes().split(b"\n")[:-1]
    assert [json.loads(line)["prompt"][1]["content"] for line in lines] == [PROMPT[1].content]
