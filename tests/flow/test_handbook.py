"""The example handbook through the whole street: seventeen documents in eleven formats, and questions about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

if TYPE_CHECKING:
    from tests.flow.conftest import Server

pytestmark = pytest.mark.timeout(600)

ANSWERED = 0.85
"""The least share of the answerable questions that must be answered rightly, from the right document."""
ABSTAINED = 0.6
"""The least share of the unanswerable ones that must be left unanswered; MiniLM sees topics more than facts."""


@pytest.fixture(scope="module")
def names(server: Server, root: Path) -> dict[str, str]:
    """File names by document id."""
    begun = [
        (path.name, server.upload(path.name, path.read_bytes()))
        for path in sorted((root / "examples" / "handbook").iterdir())
    ]
    for name, upload in begun:
        job = server.job(upload["job_id"])
        assert job["status"] == "succeeded", (name, job)
    return {upload["document_id"]: name for name, upload in begun}


def questions(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "examples" / "questions.jsonl").read_text().splitlines()]


def test_questions_are_answered_from_the_right_document(server: Server, names: dict[str, str], root: Path) -> None:
    asked = [question for question in questions(root) if question["answerable"]]
    wrong = []
    for question in asked:
        answer = server.ask(question["question"])
        text = " ".join(statement["text"] for statement in answer["statements"])
        sources = {source["id"]: source for source in answer["sources"]}
        documents = {names[sources[mark]["document_id"]] for s in answer["statements"] for mark in s["sources"]}
        if not all(part in text for part in question["answer_contains"]) or question["document"] not in documents:
            wrong.append((question["question"], text[:120], documents))
    assert len(wrong) <= (1 - ANSWERED) * len(asked), wrong


def test_what_is_not_in_the_documents_is_left_unanswered(server: Server, names: dict[str, str], root: Path) -> None:
    asked = [question["question"] for question in questions(root) if not question["answerable"]]
    invented = [question for question in asked if server.ask(question)["answerable"]]
    assert len(invented) <= (1 - ABSTAINED) * len(asked), invented


def test_every_statement_cites_and_is_supported(server: Server, names: dict[str, str], root: Path) -> None:
    answer = server.ask("What is the hotel limit in Norway?")
    ids = {source["id"] for source in answer["sources"]}
    assert answer["statements"]
    for statement in answer["statements"]:
        assert statement["sources"]
        assert set(statement["sources"]) <= ids
        assert statement["support"] >= 0.5
    assert answer["generator"]["name"] == "extractive"
    assert answer["retrieval"]["used"]


def test_a_follow_up_is_understood(server: Server, names: dict[str, str]) -> None:
    first = server.ask("What is the hotel limit in Norway?")
    second = server.ask("And in Singapore?", conversation_id=first["conversation_id"])
    assert any("220" in statement["text"] for statement in second["statements"]), second["statements"]
    conversation = server.call("GET", f"/v1/conversations/{first['conversation_id']}")
    assert len(conversation["answers"]) == 2


def test_the_openai_client_whole_and_streamed(server: Server, names: dict[str, str]) -> None:
    client = OpenAI(base_url=f"{server.url}/v1", api_key="none needed")
    messages: Any = [{"role": "user", "content": "What is the hotel limit in Norway?"}]
    assert "footnote" in [model.id for model in client.models.list()]

    whole = client.chat.completions.create(model="footnote", messages=messages)
    text = whole.choices[0].message.content or ""
    assert "190" in text
    assert "[1]" in text
    assert whole.usage is not None

    pieces = list(client.chat.completions.create(model="footnote", messages=messages, stream=True))
    assert len(pieces) > 2
    assert "190" in "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert [piece.choices[0].finish_reason for piece in pieces if piece.choices][-1] == "stop"


def test_metrics_count_what_happened(server: Server, names: dict[str, str]) -> None:
    server.ask("What is the hotel limit in Norway?")
    text = server.request("GET", "/metrics").text
    assert "footnote_documents" in text
    assert "footnote_stage_seconds" in text or "_seconds_bucket" in text
