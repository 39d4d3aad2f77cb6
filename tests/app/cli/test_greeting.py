"""What a start with examples shows: the first question, where it can be answered, and without filling up the list."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from app.cli.client import Api
from app.cli.greeting import show

ANSWER = {
    "conversation_id": "c-1",
    "answerable": True,
    "statements": [{"text": "190 euros.", "sources": ["1"], "supported": True}],
    "sources": [{"id": "1", "title": "Travel", "heading_path": [], "page": 2}],
    "generator": {"name": "extractive"},
    "degraded": [],
}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    folder.mkdir()
    (tmp_path / "questions.jsonl").write_text(json.dumps({"question": "The limit?", "document": "travel.pdf"}) + "\n")
    return folder


def asked(examples: Path, filenames: list[str]) -> list[str]:
    """What a server that holds these files is asked."""
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path}")
        if request.method == "DELETE":
            return httpx.Response(204)
        if request.url.path == "/v1/answers":
            return httpx.Response(200, json=ANSWER)
        wanted = request.url.params.get("query", "")
        return httpx.Response(200, json={"items": [{"filename": each} for each in filenames if wanted in each]})

    with httpx.Client(base_url="http://footnote", transport=httpx.MockTransport(handle)) as client:
        show(Api(client), examples)
    return seen


def test_a_later_start_leaves_no_conversation(examples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(examples, ["travel.pdf"])[-2:] == ["POST /v1/answers", "DELETE /v1/conversations/c-1"]
    said = capsys.readouterr().out
    assert "190 euros." in said
    assert "c-1" not in said


def test_other_documents_are_not_asked_the_examples_question(examples: Path) -> None:
    assert "POST /v1/answers" not in asked(examples, ["contract.docx"])
