"""A fault is told by its class and place; words of documents stay out of the log."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from core.errors import BrokenFile
from ingestion import faults
from ingestion.pipeline import parse
from ingestion.settings import IngestionSettings

SECRET = "Ana earns 4,711 a month"


def fallen_over() -> BaseException:
    try:
        int(SECRET)
    except ValueError as error:
        return error
    raise AssertionError


def test_class_and_place_and_no_words() -> None:
    said = faults.described(fallen_over())
    assert said.startswith("ValueError at tests/ingestion/test_faults.py:")
    assert "Ana" not in said
    assert faults.believed(said) == said


def test_a_librarys_fault_is_placed_in_the_library() -> None:
    try:
        json.loads("{" + SECRET)
    except ValueError as error:
        said = faults.described(error)
    assert said.startswith("json.decoder.JSONDecodeError at json/decoder.py:")
    try:
        etree.fromstring(f"<a>{SECRET}")
    except etree.XMLSyntaxError as error:
        said = faults.described(error)
    assert said.startswith("lxml.etree.XMLSyntaxError at ")
    assert "Ana" not in said
    assert faults.believed(said) == said


def test_only_the_innermost_places_are_told() -> None:
    def deeper(levels: int) -> None:
        if levels:
            deeper(levels - 1)
        raise RuntimeError(SECRET)

    try:
        deeper(300)
    except RuntimeError as error:
        said = faults.described(error)
    assert said.count(" at ") == 8
    assert faults.believed(said) == said


@pytest.mark.parametrize(
    "said",
    ["", SECRET, f"ValueError: {SECRET}", "ValueError at a.py:1\nforged", "x" * 5_000, "V at a:1" + " at b:2" * 9],
)
def test_a_child_that_says_something_else_is_not_repeated(said: str) -> None:
    assert faults.believed(said) == "a fault of which nothing can be told"


def test_the_child_keeps_the_documents_words_to_itself(root: Path, tmp_path: Path) -> None:
    """A real child, and a reader that falls over its document and quotes it."""
    code = """
import sys
from ingestion import child
from ingestion.readers import registry
def quoting(path, context):
    raise ValueError(path.read_text())
registry.reader_for = lambda media_type: quoting
sys.exit(child.main())
"""
    path = tmp_path / "a.txt"
    path.write_text(SECRET)
    order = _order(path, tmp_path)
    done = subprocess.run([sys.executable, "-c", code], cwd=root, input=order, capture_output=True, check=True)
    last = json.loads(done.stdout.splitlines()[-1][1:])
    assert last["code"] == "internal"
    assert last["message"].startswith("ValueError at ")
    assert "ingestion/child.py:" in last["message"]
    assert b"Ana" not in done.stdout + done.stderr


def _order(path: Path, scratch: Path) -> bytes:
    from dataclasses import asdict

    from ingestion.sandbox import _order

    return json.dumps(asdict(_order(path, path.name, scratch, IngestionSettings()))).encode() + b"\n"


async def test_the_parent_does_not_log_what_a_child_taken_over_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, python = tmp_path / "a.txt", tmp_path / "python"
    path.write_text("text")
    python.write_text(f"""#!/bin/sh\necho 'E{{"code": "internal", "message": "{SECRET}"}}'\n""")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with caplog.at_level(logging.WARNING), pytest.raises(BrokenFile):
        await parse(path, "a.txt", IngestionSettings())
    assert "the reader failed on 'a.txt': a fault of which nothing can be told" in caplog.text
    assert "Ana" not in caplog.text
