"""The whole street on real files: seven annual and quarterly reports, a question about each, the right page cited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# File, question, what the answer must hold, and the pages that say so.
QUESTIONS = [
    ("GENERALMILLS_2017_10K.pdf", "How many full- and part-time employees did General Mills have?", "38,000", {6}),
    ("MICROSOFT_2017_10K.pdf", "How many people did Microsoft employ as of June 30, 2017?", "124,000", {16}),
    ("NETFLIX_2021_10K.pdf", "Where is Netflix's corporate headquarters?", "Los Gatos", {19}),
    (
        "JOHNSON_JOHNSON_2023Q1_EARNINGS.pdf",
        "What was the reported sales growth of Johnson & Johnson in the first quarter of 2023?",
        "5.6%",
        {1},
    ),
    (
        "ACTIVSIONBLIZZARD_2023Q2_10Q.pdf",
        "What cash dividend did the Board of Directors of Activision Blizzard declare on July 18, 2023?",
        "$0.99",
        {30, 60},
    ),
    ("MGMRESORTS_2021_10K.pdf", "How many full-time employees does MGM Resorts have domestically?", "42,000", {13}),
    ("ORACLE_2017_10K.pdf", "How many employees did Oracle have as of May 31, 2017?", "138,000", {22}),
]


@pytest.fixture(scope="module")
def reports(server: Server, datasets: Path | None) -> dict[str, str]:
    """Document ids by file name; empty where the reports are not at hand."""
    if datasets is None:
        return {}
    begun = {
        path.name: server.upload(path.name, path.read_bytes(), title="")
        for path in sorted((datasets / "pdfs" / "reports").glob("*.pdf"))
    }
    assert len(begun) == len(QUESTIONS)
    for name, upload in begun.items():
        job = server.job(upload["job_id"])
        assert job["status"] == "succeeded", (name, job)
    return {name: upload["document_id"] for name, upload in begun.items()}


def cited(answer: dict[str, Any]) -> list[dict[str, Any]]:
    sources = {source["id"]: source for source in answer["sources"]}
    return [sources[mark] for statement in answer["statements"] for mark in statement["sources"]]


def pages_of(source: dict[str, Any]) -> set[int]:
    return {source["page"], *(box["page"] for box in source.get("boxes") or [])}


def test_each_report_answers_with_its_page(server: Server, reports: dict[str, str]) -> None:
    for name, question, expected, pages in QUESTIONS if reports else []:
        answer = server.ask(question)
        assert answer["answerable"], question
        right = [
            source
            for statement in answer["statements"]
            if expected in statement["text"]
            for source in cited({**answer, "statements": [statement]})
            if source["document_id"] == reports[name] and pages & pages_of(source)
        ]
        assert right, (question, [(s["text"], s["sources"]) for s in answer["statements"]])


def test_a_cited_passage_is_lit_on_its_page(server: Server, reports: dict[str, str]) -> None:
    if not reports:
        return
    source = cited(server.ask(QUESTIONS[0][1]))[0]
    path = f"/v1/documents/{source['document_id']}/pages/{source['page']}.png"
    lit = server.request("GET", path, params={"chunk": source["chunk_id"]})
    plain = server.request("GET", path)
    assert lit.headers["content-type"] == "image/png"
    assert lit.content.startswith(b"\x89PNG")
    assert lit.content != plain.content


def test_the_same_bytes_are_not_embedded_again(server: Server, reports: dict[str, str], datasets: Path | None) -> None:
    if not reports or datasets is None:
        return
    name = "JOHNSON_JOHNSON_2023Q1_EARNINGS.pdf"
    content = (datasets / "pdfs" / "reports" / name).read_bytes()
    again = server.upload(name, content, title="")
    assert again["document_id"] == reports[name]
    assert server.job(again["job_id"])["stage"] == "unchanged"

    vectors = {path: path.stat().st_mtime_ns for path in server.data.glob("artefacts/*/*/vectors-*")}
    copy = server.ingest(name, content, external_id="a copy", title="")
    assert copy["document_id"] != reports[name]
    assert {path: path.stat().st_mtime_ns for path in server.data.glob("artefacts/*/*/vectors-*")} == vectors
