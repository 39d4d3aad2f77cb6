"""The example handbook: many formats, small files, in step with its sources, and its questions have answers."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image

ARCHIVES = {".docx", ".pptx", ".xlsx", ".epub"}


@pytest.fixture(scope="module")
def handbook(root: Path) -> Path:
    return root / "examples" / "handbook"


@pytest.fixture(scope="module")
def questions(root: Path) -> list[dict[str, Any]]:
    lines = (root / "examples" / "questions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def made(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The binary documents made anew."""
    folder = tmp_path_factory.mktemp("made")
    subprocess.run([sys.executable, root / "examples" / "make" / "make.py", folder], check=True, capture_output=True)
    return folder


def test_enough_documents_in_enough_formats_and_none_too_large(handbook: Path) -> None:
    files = [path for path in handbook.iterdir() if not path.name.startswith(".")]
    assert len(files) >= 14
    assert len({path.suffix for path in files}) >= 8
    assert all(0 < path.stat().st_size < 500_000 for path in files)


def test_readme_names_every_document(root: Path, handbook: Path) -> None:
    named = re.findall(r"^\| `([^`]+)`", (root / "examples" / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in handbook.iterdir())


def essence(path: Path) -> object:
    """What a document consists of, whichever version of a library compressed it."""
    if path.suffix in ARCHIVES:
        with zipfile.ZipFile(path) as archive:
            return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    if path.suffix == ".pdf":
        with pymupdf.open(path) as document:
            return [(document.metadata["title"], page.get_text("words"), len(page.get_drawings())) for page in document]
    if path.suffix == ".png":
        with Image.open(path) as picture:
            return picture.size, round(float(np.asarray(picture).mean()))
    return path.read_bytes()


def test_made_documents_are_in_step_with_their_texts(handbook: Path, made: Path) -> None:
    names = sorted(path.name for path in made.iterdir())
    assert len(names) == 9
    for name in names:
        assert essence(handbook / name) == essence(made / name), f"{name}: run examples/make/make.py and commit"


def source_of(root: Path, document: str) -> str:
    """The text a document was made from, or its own."""
    content = root / "examples" / "make" / "content"
    name, _, suffix = document.rpartition(".")
    if suffix == "xlsx":
        return "\n".join(path.read_text("utf-8") for path in (content / name).glob("*.csv"))
    if suffix == "eml":
        return "\n".join(path.read_text("utf-8") for path in content.glob("supplier-mail*"))
    if (content / f"{name}.md").exists():
        return (content / f"{name}.md").read_text("utf-8")
    return unescape((root / "examples" / "handbook" / document).read_text("utf-8"))


def test_every_answer_stands_in_its_document(root: Path, handbook: Path, questions: list[dict[str, Any]]) -> None:
    answerable = [each for each in questions if each["answerable"]]
    assert len(answerable) >= 40
    assert {each["document"] for each in answerable} == {path.name for path in handbook.iterdir()}
    for each in answerable:
        text = " ".join(source_of(root, each["document"]).split())
        assert each["answer_contains"]
        assert all(words in text for words in each["answer_contains"]), each["question"]


def test_pages_are_those_of_the_pdf(handbook: Path, questions: list[dict[str, Any]]) -> None:
    for each in questions:
        if (each["document"] or "").endswith(".pdf"):
            with pymupdf.open(handbook / each["document"]) as document:
                text = " ".join(document[each["page"] - 1].get_text().split())
            assert all(words in text for words in each["answer_contains"]), each["question"]
        else:
            assert each["page"] is None


def test_some_questions_have_no_answer(questions: list[dict[str, Any]]) -> None:
    without = [each for each in questions if not each["answerable"]]
    assert len(without) >= 10
    assert all(each["document"] is None and each["answer_contains"] == [] for each in without)
    assert len({each["question"] for each in questions}) == len(questions)
