"""Judged questions from files: SciFact as published in CSV, a folder in BEIR's layout, or lines of JSON.

A line of JSON is {"question": …, "document": …, "page": …}: a question to the knowledge base as it stands, the document
that answers it by the name it is known by there, and its page if that is judged too. Lines with the same question add
further right answers.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from core.errors import InvalidInput
from retrieval.measure import CorpusDocument, Judged, page_key

_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_FIELD_LIMIT = 10_000_000


def scifact(archive: Path, part: Literal["train", "test"]) -> Judged:
    """SciFact (Wadden et al., 2020): claims, and the abstracts they cite. "test" is BEIR's test set of 300 claims.

    Raises `InvalidInput` when the archive is not as published.
    """
    claims = {"train": "claims_train.csv", "test": "claims_validation.csv"}[part]
    queries: dict[str, str] = {}
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    try:
        with zipfile.ZipFile(archive) as files:
            corpus = tuple(
                CorpusDocument(id=row["doc_id"], title=row["title"].strip(), text=_sentences(row["abstract"]))
                for row in _rows(files, "corpus_train.csv")
            )
            for row in _rows(files, claims):
                queries[row["id"]] = row["claim"]
                grades[row["id"]].update(dict.fromkeys(re.findall(r"\d+", row["cited_doc_ids"]), 1))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, SyntaxError, csv.Error) as error:
        raise InvalidInput(f"{archive} is not SciFact as published in CSV: {error}.") from error
    return Judged(name=f"scifact-{part}", queries=queries, documents=grades, corpus=corpus)


def beir(folder: Path, part: str = "test") -> Judged:
    """A folder with corpus.jsonl, queries.jsonl and qrels/<part>.tsv (Thakur et al., "BEIR", 2021).

    Raises `InvalidInput`, naming file and line, when one of them is missing or malformed.
    """
    corpus = tuple(
        CorpusDocument(
            id=_text(line, "_id", where), title=str(line.get("title") or ""), text=str(line.get("text") or "")
        )
        for line, where in _lines(folder / "corpus.jsonl")
    )
    texts = {_text(line, "_id", where): _text(line, "text", where) for line, where in _lines(folder / "queries.jsonl")}
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    path = folder / "qrels" / f"{part}.tsv"
    for number, line in enumerate(_read(path).split("\n"), start=1):
        fields = line.split("\t")
        if not line.strip() or (number == 1 and fields[-1].strip() == "score"):
            continue
        try:
            query, document, grade = fields
            if int(grade) > 0:
                grades[query][document] = int(grade)
        except ValueError:
            raise InvalidInput(f"{path}:{number}: expected query, document and grade between tabs.") from None
    return Judged(
        name=folder.name, queries={q: text for q, text in texts.items() if q in grades}, documents=grades, corpus=corpus
    )


def questions(path: Path) -> Judged:
    """Lines of JSON about the knowledge base as it stands. Raises `InvalidInput`, naming the line."""
    queries: dict[str, str] = {}
    documents: dict[str, dict[str, int]] = defaultdict(dict)
    pages: dict[str, dict[str, int]] = defaultdict(dict)
    numbers: dict[str, str] = {}
    for line, where in _lines(path):
        question, document, page = _text(line, "question", where), _text(line, "document", where), line.get("page")
        query = numbers.setdefault(question, str(len(numbers) + 1))
        queries[query] = question
        documents[query][document] = 1
        if page is not None:
            if not isinstance(page, int) or isinstance(page, bool) or page < 1:
                raise InvalidInput(f'{where}: "page" counts from 1; it is {page!r}.')
            pages[query][page_key(document, page)] = 1
    if not queries:
        raise InvalidInput(f'{path} holds no question; write lines like {{"question": "…", "document": "…"}}.')
    return Judged(name=path.stem, queries=queries, documents=documents, pages=pages)


def load(name: str, data_sets: Path | None, part: Literal["train", "test"] = "test") -> Judged:
    """What `--dataset` names: "scifact" below `data_sets`, a folder in BEIR's layout, or a file of questions."""
    if name == "scifact":
        if data_sets is None:
            raise InvalidInput("SciFact is in no known place; set FOOTNOTE_DATA_SETS to the folder of data sets.")
        return scifact(data_sets / "scifact" / "scifact.zip", part)
    path = Path(name).expanduser()
    if path.is_dir():
        return beir(path, part)
    if path.is_file():
        return questions(path)
    raise InvalidInput(f"{name} is no data set: name scifact, a folder in BEIR's layout, or a file of JSON lines.")


def _sentences(literal: str) -> str:
    """An abstract, which the CSV holds as the printed form of an array of its sentences."""
    found = (ast.literal_eval(match.group().replace("\n", "\\n")) for match in _STRING.finditer(literal))
    return " ".join(sentence.strip() for sentence in found)


def _rows(files: zipfile.ZipFile, name: str) -> Iterator[dict[str, str]]:
    csv.field_size_limit(_FIELD_LIMIT)
    with files.open(name) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
        yield from csv.DictReader(text)


def _lines(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if line.strip():
            where = f"{path}:{number}"
            try:
                value = json.loads(line)
            except ValueError as error:
                raise InvalidInput(f"{where}: not JSON: {error}.") from None
            if not isinstance(value, dict):
                raise InvalidInput(f"{where}: expected a JSON object.")
            yield value, where


def _text(line: dict[str, Any], key: str, where: str) -> str:
    value = line.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f'{where}: "{key}" is missing or is no text.')
    return value


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from None


__all__ = ["beir", "load", "questions", "scifact"]
