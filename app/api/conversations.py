"""Conversations: a caller's own threads of questions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from app.api.answers_shapes import ANSWER, Answer, shown_answer
from app.api.deps import Wired
from app.api.shapes import Cursor, Limit, Listing, Request, Response, problems, shown
from app.auth import Caller

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])

Id = Annotated[str, Path(max_length=64, description="A conversation's id.")]


class Conversation(Response):
    """A thread of questions."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime


class ConversationDetail(Conversation):
    """A thread with its answers, oldest first."""

    answers: list[Answer]


class Rename(Request):
    """A new title."""

    title: str = Field(min_length=1, max_length=200, examples=["Parental leave"])


_CONVERSATION: dict[str, Any] = {
    "id": "7a4f4a53-5b6e-4b0c-8a58-0d6c8a9b1c22",
    "title": "How many days of leave do I have?",
    "created_at": "2026-11-20T09:31:00Z",
    "updated_at": "2026-11-20T09:32:10Z",
}


@router.get(
    "",
    summary="List your conversations, the last used first",
    operation_id="list_conversations",
    responses={**shown({"items": [_CONVERSATION], "next_cursor": None}), **problems()},
)
async def list_conversations(
    services: Wired, caller: Caller, limit: Limit = 20, cursor: Cursor = None
) -> Listing[Conversation]:
    """Nobody sees another's conversations, administrators included."""
    page = await services.store.conversations.list(caller, cursor=cursor, limit=limit)
    return Listing(items=[Conversation.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get(
    "/{id}",
    summary="A conversation with its answers",
    operation_id="get_conversation",
    responses={**shown({**_CONVERSATION, "answers": [ANSWER]}), **problems(404)},
)
async def get_conversation(id: Id, services: Wired, caller: Caller) -> ConversationDetail:
    """Passages of documents that were deleted or are no longer the caller's to read are withheld."""
    detail = await services.store.conversations.get(id, caller)
    head = Conversation.model_validate(detail.conversation)
    return ConversationDetail(**head.model_dump(), answers=[shown_answer(record) for record in detail.answers])


@router.patch(
    "/{id}",
    summary="Rename a conversation",
    operation_id="rename_conversation",
    responses={**shown({**_CONVERSATION, "title": "Parental leave"}), **problems(404)},
)
async def rename_conversation(id: Id, body: Rename, services: Wired, caller: Caller) -> Conversation:
    """Gives it another title."""
    return Conversation.model_validate(await services.store.conversations.rename(id, caller, body.title))


@router.delete(
    "/{id}",
    status_code=204,
    summary="Delete a conversation",
    operation_id="delete_conversation",
    responses={204: {"description": "It is gone, with its answers."}, **problems(404)},
)
async def delete_conversation(id: Id, services: Wired, caller: Caller) -> None:
    """Feedback on its answers keeps what it refers to."""
    await services.store.conversations.delete(id, caller)
