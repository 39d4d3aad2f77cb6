"""Outside data: three shapes, their variants, and everything that is none of them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput, NotFound
from core.types import Example, Message
from finetune.imports import MAX_ROW, read_examples
from finetune.report import Report

HI = {"role": "user", "content": "Hi?"}
HELLO = {"role": "assistant", "content": "Hello there."}
BE = {"role": "system", "content": "Be kind."}


def read(tmp_path: Path, *rows: Any, array: bool = False) -> tuple[list[Example], Report]:
    path, report = tmp_path / "data.jsonl", Report()
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text(json.dumps(rows) if array else "\n".join(lines) + "\n", encoding="utf-8")
    return read_examples(path, "import", report), report


@pytest.mark.parametrize(
    ("row", "roles", "completion"),
    [
        ({"system": "Be kind.", "user": "Hi?", "assistant": "Hello there."}, "system user", "Hello there."),
        ({"user": "Hi?", "assistant": "Hello there."}, "user", "Hello there."),
        ({"messages": [BE, HI, HELLO]}, "system user", "Hello there."),
        ({"messages": [HI, HELLO, HI, HELLO]}, "user assistant user", "Hello there."),
        ({"prompt": "Hi?", "completion": "Hello there."}, "user", "Hello there."),
        ({"prompt": [BE, HI], "completion": [HELLO]}, "system user", "Hello there."),
    ],
)
def test_what_is_said_and_answered(tmp_path: Path, row: Any, roles: str, completion: str) -> None:
    found, report = read(tmp_path, row)
    assert [(each.kind, each.completion) for each in found] == [("sft", completion)]
    assert [message.role for message in found[0].prompt] == roles.split()
    assert found[0].question == "Hi?"
    assert (found[0].lineage.maker, found[0].lineage.origin) == ("import", "data.jsonl:1")
    assert report.fates == []


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi?", "chosen": "Hello there.", "rejected": "Go away."},
        {"prompt": [HI], "chosen": [HELLO], "rejected": [{"role": "assistant", "content": "Go away."}]},
        {"chosen": [HI, HELLO], "rejected": [HI, {"role": "assistant", "content": "Go away."}]},
    ],
)
def test_pairs(tmp_path: Path, row: Any) -> None:
    found, _ = read(tmp_path, row)
    assert found[0].kind == "preference"
    assert found[0].prompt == (Message(role="user", content="Hi?"),)
    assert (found[0].completion, found[0].rejected) == ("Hello there.", "Go away.")


def test_judged_answers(tmp_path: Path) -> None:
    found, _ = read(tmp_path, {"prompt": "Hi?", "completion": "Go away.", "label": False})
    assert (found[0].kind, found[0].label) == ("kto", False)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "broken_json"),
        ("[1]", "broken_json"),
        ('"text"', "broken_json"),
        ({"text": "Hi?"}, "unknown_shape"),
        ({}, "unknown_shape"),
        ({"instruction": "Hi?", "output": "Hello"}, "unknown_shape"),
        ({"user": "Hi?", "assistant": 3}, "bad_text"),
        ({"user": "", "assistant": "Hello"}, "empty"),
        ({"user": "Hi?", "assistant": " \n"}, "empty"),
        ({"messages": []}, "bad_messages"),
        ({"messages": "Hi?"}, "bad_messages"),
        ({"messages": [HI]}, "no_completion"),
        ({"messages": [HELLO]}, "bad_turns"),
        ({"messages": [HI, HI, HELLO]}, "bad_turns"),
        ({"messages": [HI, BE, HELLO]}, "bad_turns"),
        ({"messages": [HI, {"role": "tool", "content": "x"}, HELLO]}, "bad_role"),
        ({"messages": [HI, {"role": "assistant", "content": None}]}, "bad_text"),
        ({"messages": [BE, {"role": "assistant", "content": "x"}]}, "bad_turns"),
        ({"prompt": "Hi?", "chosen": "x", "rejected": "x"}, "same"),
        ({"prompt": "Hi?", "chosen": "x", "rejected": ""}, "empty"),
        ({"prompt": "Hi?", "chosen": [HI, HELLO], "rejected": "x"}, "bad_messages"),
        ({"prompt": [HELLO], "chosen": "x", "rejected": "y"}, "bad_turns"),
        ({"prompt": [HI, HELLO], "chosen": "x", "rejected": "y"}, "no_prompt"),
        ({"chosen": [HI, HELLO], "rejected": [BE, HI, HELLO]}, "prompts_differ"),
        ({"prompt": "Hi?", "completion": "x", "label": "good"}, "bad_label"),
        ({"prompt": "Hi?", "completion": "x", "schema": "{"}, "no_schema"),
        ("x" * (MAX_ROW + 1), "too_long"),
    ],
)
def test_what_is_refused_is_told_with_its_line(tmp_path: Path, row: Any, reason: str) -> None:
    good = {"user": "Hi?", "assistant": "Hello there."}
    found, report = read(tmp_path, good, row, good)
    assert len(found) == 2
    assert [(fate.subject, fate.stage, fate.reason) for fate in report.fates] == [("data.jsonl:2", "import", reason)]
    assert report.fates[0].detail.endswith(".")


def test_a_report_holds_no_text_of_the_data(tmp_path: Path) -> None:
    _, report = read(tmp_path, {"messages": [{"role": "user", "content": "My number is 4711"}]}, '{"x": "4711')
    assert "4711" not in json.dumps([fate.to_row() for fate in report.fates])


def test_outputs_under_a_schema_are_written_as_it_demands(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"a": {}, "b": {}}}
    found, _ = read(tmp_path, {"user": "Hi?", "assistant": '{ "b": 1, "a": 2 }', "schema": schema})
    assert found[0].completion == '{"a":2,"b":1}'
    found, _ = read(tmp_path, {"prompt": "Hi?", "completion": {"b": 1, "a": 2}, "schema": json.dumps(schema)})
    assert found[0].completion == '{"a":2,"b":1}'
    assert found[0].schema == schema


def test_one_array_and_marks_at_the_beginning_of_a_file(tmp_path: Path) -> None:
    found, report = read(tmp_path, {"user": "Hi?", "assistant": "Hello."}, {"no": 1}, array=True)
    assert [each.lineage.origin for each in found] == ["data.jsonl:1"]
    assert [fate.subject for fate in report.fates] == ["data.jsonl:2"]
    assert report.figures["imports"] == {"data.jsonl": {"rows": 2, "read": 1, "as": "import"}}
    path = tmp_path / "marked.jsonl"
    path.write_text('{"user": "Hi?\u2028", "assistant": "Hello."}\r\n\n', encoding="utf-8-sig")
    assert len(read_examples(path, "anchor", Report())) == 1


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_examples(tmp_path / "none.jsonl", "import", Report())
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput):
        read_examples(tmp_path / "binary", "import", Report())
    (tmp_path / "array").write_text("[{]")
    with pytest.raises(InvalidInput):
        read_examples(tmp_path / "array", "import", Report())
    with pytest.raises(InvalidInput):
        read_examples(tmp_path, "import", Report())


def test_whatever_a_row_holds_it_is_read_or_refused(tmp_path: Path) -> None:
    """Shapes that nobody thought of, put together by chance, are refused and never break the reading."""
    chance = random.Random(11)
    names = ("system", "user", "assistant", "messages", "prompt", "chosen", "rejected", "completion", "label", "schema")
    values: list[Any] = [None, "", "Hi?", 3, True, [], {}, [HI], [HI, HELLO], [HELLO], {"role": "user"}, [[HI]], "{"]
    values += [{"type": "object"}, [{"role": "user", "content": [{"type": "text", "text": "Hi?"}]}], "\ud800"]
    rows = [{name: chance.choice(values) for name in chance.sample(names, chance.randint(1, 5))} for _ in range(2_000)]
    path, report = tmp_path / "any.jsonl", Report()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_examples(path, "import", report)
    assert found
    assert len(found) + len(report.fates) == 2_000
