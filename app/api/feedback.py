"""Feedback: a caller's word on its own answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi import Response as HttpResponse
from pydantic import Field

from app.api.deps import LISTING, Measured, Wired
from app.api.idempotency import Key, once
from app.api.shapes import Cursor, Limit, Listing, Request, Response, problems, shown
from app.auth import Caller
from core import types

router = APIRouter(prefix="/v1/feedback", tags=["feedback"])


class Mark(Request):
    """Whether a source was rightly cited."""

    source: str = Field(min_length=1, max_length=16, examples=["1"])
    correct: bool


class NewFeedback(Request):
    """What the caller thinks of an answer; saying it again replaces it."""

    answer_id: str = Field(min_length=1, max_length=64, examples=["3c1f9e57-5b6e-4b0c-8a58-0d6c8a9b1c22"])
    rating: Literal["up", "down"] = Field(examples=["down"])
    reason: str | None = Field(default=None, max_length=200, examples=["incomplete"])
    comment: str | None = Field(default=None, max_length=5000, examples=["The carry-over rule is missing."])
    corrected: str | None = Field(default=None, max_length=20000, description="The answer as it should have been.")
    citations: list[Mark] = Field(default_factory=list, max_length=64, examples=[[{"source": "1", "correct": True}]])


class MarkShown(Response):
    """Whether a source was rightly cited."""

    source: str
    correct: bool


class Feedback(Response):
    """What somebody thinks of an answer."""

    id: str
    answer_id: str
    principal_id: str
    rating: Literal["up", "down"]
    reason: str | None
    comment: str | None
    corrected: str | None
    citations: list[MarkShown]
    created_at: datetime


FEEDBACK: dict[str, Any] = {
    "id": "e5c2c3f2-54b1-4d6b-a0a3-4a1d9d0c7b55",
    "answer_id": "3c1f9e57-5b6e-4b0c-8a58-0d6c8a9b1c22",
    "principal_id": "local",
    "rating": "down",
    "reason": "incomplete",
    "comment": "The carry-over rule is missing.",
    "corrected": None,
    "citations": [{"source": "1", "correct": True}],
    "created_at": "2026-11-20T09:33:00Z",
}


@router.post(
    "",
    status_code=201,
    summary="Say what you think of an answer",
    operation_id="give_feedback",
    response_model=Feedback,
    responses={**shown(FEEDBACK, 201), **problems(404, 409)},
)
async def give_feedback(
    body: NewFeedback, services: Wired, measured: Measured, caller: Caller, key: Key = None
) -> HttpResponse:
    """On your own finished answers. A second word on the same answer replaces the first."""

    async def give() -> tuple[int, Response, dict[str, str]]:
        kept = await services.store.feedback.put(
            caller,
            body.answer_id,
            rating=body.rating,
            reason=body.reason or None,
            comment=body.comment or None,
            corrected=body.corrected or None,
            citations=tuple(types.CitationMark(source=mark.source, correct=mark.correct) for mark in body.citations),
        )
        measured.feedback(kept.rating)
        return 201, Feedback.model_validate(kept), {}

    return await once(services.store, "feedback", key, caller, body.model_dump_json(), give)


@router.get(
    "",
    summary="List feedback, newest first",
    operation_id="list_feedback",
    dependencies=LISTING,
    responses={**shown({"items": [FEEDBACK], "next_cursor": None}), **problems()},
)
async def list_feedback(
    services: Wired,
    caller: Caller,
    answer_id: Annotated[str | None, Query(max_length=64, description="Only on this answer.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[Feedback]:
    """Your own; administrators see everyone's."""
    page = await services.store.feedback.list(caller, answer_id=answer_id, cursor=cursor, limit=limit)
    return Listing(items=[Feedback.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.delete(
    "/{id}",
    status_code=204,
    summary="Take back what you said of an answer",
    operation_id="take_back_feedback",
    responses={204: {"description": "It is gone, comment, correction and marks with it."}, **problems(404)},
)
async def take_back_feedback(
    id: Annotated[str, Path(max_length=64, description="A feedback's id.")], services: Wired, caller: Caller
) -> None:
    """Only your own, administrators included."""
    await services.store.feedback.take_back(caller, id)
