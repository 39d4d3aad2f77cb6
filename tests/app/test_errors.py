"""Every error of the tree has a status, and none tells more than it should."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app import errors
from core.errors import FootnoteError, InvalidInput


def _tree(cls: type[FootnoteError]) -> Iterator[type[FootnoteError]]:
    for child in cls.__subclasses__():
        yield child
        yield from _tree(child)


def test_every_class_has_a_status_and_a_code_of_its_own() -> None:
    classes = [cls for cls in _tree(FootnoteError) if cls.__module__ in ("core.errors", "app.errors")]
    for cls in classes:
        assert 400 <= errors.status_of(cls("x")) <= 507
    codes = [cls.code for cls in classes]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("error", [ValueError("secret"), FootnoteError("secret"), MemoryError("secret")])
def test_what_was_not_raised_on_purpose_keeps_its_details(error: Exception) -> None:
    body = errors.problem_of(error, "id-1")
    assert (body["status"], body["code"], body["request_id"]) == (500, "internal", "id-1")
    assert "secret" not in str(body)


def test_openai_paths_get_openais_shape() -> None:
    body = errors.problem_of(InvalidInput("Wrong."), "id-1")
    assert errors.problem_response("/v1/search", body).status_code == 422
    response = errors.problem_response("/v1/chat/completions", body)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
