"""What searches and listings can be narrowed to, and the one sentence that everything else gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.api.filters import Filters
from retrieval import rpc


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**63, 10**30, -(10**30)])
def test_every_number_that_is_taken_can_be_sent_to_the_index(number: int) -> None:
    taken = Filters.model_validate({"metadata": {"a": number, "b": [number]}}).narrowed().metadata

    assert taken == {"a": pytest.approx(number), "b": (pytest.approx(number),)}
    assert rpc.unpack(rpc.pack(dict(taken)))["a"] == taken["a"]


def test_whole_numbers_that_metadata_can_hold_stay_exact() -> None:
    assert Filters.model_validate({"metadata": {"a": 2**63 - 1}}).narrowed().metadata == {"a": 2**63 - 1}


MALFORMED: list[tuple[Any, str, str]] = [
    ([], "filters", "dictionary"),
    (None, "filters", "dictionary"),
    ("department=hr", "filters", "dictionary"),
    ({"colour": 1}, "filters.colour", "not known"),
    ({"metadata": []}, "filters.metadata", "dictionary"),
    ({"metadata": {"": 1}}, "filters.metadata", "at least 1 character"),
    ({"metadata": {"k" * 9000: 1}}, f"filters.metadata.{'k' * 63}…", "at most 128 characters"),
    ({"metadata": {str(n): n for n in range(65)}}, "filters.metadata", "at most 64"),
    ({"metadata": {"a": None}}, "filters.metadata.a", "a list of 1 to 100"),
    ({"metadata": {"a": {"b": 1}}}, "filters.metadata.a", "a list of 1 to 100"),
    ({"metadata": {"a": [[1]]}}, "filters.metadata.a", "a list of 1 to 100"),
    ({"metadata": {"a": []}}, "filters.metadata.a", "a list of 1 to 100"),
    ({"metadata": {"a": list(range(101))}}, "filters.metadata.a", "a list of 1 to 100"),
    ({"metadata": {"a": "x" * 4097}}, "filters.metadata.a", "at most 4,096 characters"),
    ({"metadata": {"a": float("nan")}}, "filters.metadata.a", "a finite number"),
    ({"metadata": {"a": [1, float("inf")]}}, "filters.metadata.a", "a finite number"),
    ({"document_ids": "5f3c"}, "filters.document_ids", "list"),
    ({"document_ids": [""]}, "filters.document_ids.0", "at least 1 character"),
    ({"document_ids": [7]}, "filters.document_ids.0", "string"),
    ({"document_ids": ["x"] * 1001}, "filters.document_ids", "at most 1000"),
    ({"created_after": "soon"}, "filters.created_after", "datetime"),
    ({"created_before": {}}, "filters.created_before", "datetime"),
    ({"created_after": "0001-01-01T00:00:00+14:00"}, "filters.created_after", "calendar"),
    ({"created_after": "2026-02-01", "created_before": "2026-01-01"}, "filters.created_after", "earlier"),
    ({"colour": 1, "metadata": {"a": None}, "created_after": "soon"}, "filters.", "cannot be used"),
]


@pytest.mark.parametrize(("path", "question"), [("/v1/search", "query"), ("/v1/answers", "question")])
async def test_a_malformed_filter_is_named_in_one_sentence(
    world: Any, subtests: pytest.Subtests, path: str, question: str
) -> None:
    for filters, field, words in MALFORMED:
        with subtests.test(f"{field} {words}"):
            body = json.dumps({question: "leave", "filters": filters})
            response = await world.http.post(path, content=body, headers={"Content-Type": "application/json"})
            _is_one_sentence(response, field, words)
    assert world.searcher.requests == []
    assert (await world.http.get("/v1/conversations")).json()["items"] == []


async def test_what_is_wrong_beside_a_filter_is_told_with_it(world: Any) -> None:
    response = await world.http.post("/v1/search", json={"query": "", "filters": {"colour": 1}})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
    assert [each["field"] for each in response.json()["errors"]] == ["query", "filters.colour"]


LISTINGS = [
    ("/v1/jobs?status=lost", "status", "'queued'"),
    ("/v1/jobs?kind=any", "kind", "'ingest'"),
    (f"/v1/documents?collection={'x' * 65}", "collection", "at most 64"),
    (f"/v1/documents?query={'x' * 201}", "query", "at most 200"),
    (f"/v1/feedback?answer_id={'x' * 65}", "answer_id", "at most 64"),
    ("/v1/jobs?state=failed", "state", "there are status, kind, "),
    ("/v1/documents?collecton=legal", "collecton", "collection"),
    ("/v1/collections?name=legal", "name", "not known"),
    (f"/v1/feedback?{'y' * 900}=1", "y" * 63 + "…", "not known"),
]


async def test_a_malformed_filter_of_a_listing_is_named_too(world: Any, subtests: pytest.Subtests) -> None:
    for path, field, words in LISTINGS:
        with subtests.test(path[:60]):
            _is_one_sentence(await world.http.get(path), field, words)
    for path in ("/v1/jobs?limit=0", "/v1/documents?limit=ten"):
        assert (await world.http.get(path)).json()["code"] == "invalid_input"


async def test_no_listing_passes_over_what_it_does_not_know(world: Any, subtests: pytest.Subtests) -> None:
    reads = {path: item["get"] for path, item in world.app.openapi()["paths"].items() if "get" in item}
    listings = [
        path for path, read in reads.items() if read["operationId"].startswith("list_") and read["tags"] != ["openai"]
    ]
    assert len(listings) >= 6
    for path in listings:
        with subtests.test(path):
            _is_one_sentence(
                await world.http.get(path.replace("{id}", "x"), params={"colour": "red"}), "colour", "known"
            )


def _is_one_sentence(response: Any, field: str, words: str) -> None:
    body = response.json()
    assert (response.status_code, body["code"]) == (422, "invalid_filter"), body
    detail = body["detail"]
    assert detail.startswith(f"The filter `{field}")
    assert words in detail
    assert detail.endswith(".")
    assert "; filters" not in detail
    assert len(detail) < 400
