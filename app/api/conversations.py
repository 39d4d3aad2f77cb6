"""Conversations: a caller's own threads of questions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from fastapi import Response as HttpResponse
from pydantic import Field

from app.api.answers_shapes import ANSWER, Answer, shown_answer
from app.api.conversation_markdown import written
from app.api.deps import LISTING, Wired
from app.api.feedback import FEEDBACK, Feedback
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


class ConversationAnswer(Answer):
    """An answer and what the caller said of it."""

    feedback: Feedback | None = Field(default=None, description="The caller's own word on it, if there is one.")


class ConversationDetail(Conversation):
    """A thread with its answers, oldest first."""

    answers: list[ConversationAnswer]


class Rename(Request):
    """A new title."""

    title: str = Field(min_length=1, max_length=200, examples=["Parental leave"])


_CONVERSATION: dict[str, Any] = {
    "id": "7a4f4a53-5b6e-4b0c-8a58-0d6c8a9b1c22",
    "title": "How many days of leave do I have?",
    "created_at": "2026-11-20T09:31:00Z",
    "updated_at": "2026-11-20T09:32:10Z",
}

_EXPORT = (
    "# How many days of leave do I have?\n\n## How many days of leave do I have?\n\n"
    "Every employee has 28 days of paid leave a year.[^1]\n\n[^1]: Leave policy, page 2, Leave › Annual leave\n"
)


@router.get(
    "",
    summary="List your conversations, the last used first",
    operation_id="list_conversations",
    dependencies=LISTING,
    responses={**shown({"items": [_CONVERSATION], "next_cursor": None}), **problems()},
)
async def list_conversations(
    services: Wired,
    caller: Caller,
    q: Annotated[str | None, Query(max_length=200, description="Words in the title or in a question.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[Conversation]:
    """Nobody sees another's conversations, administrators included."""
    page = await services.store.conversations.list(
        caller, query=" ".join((q or "").split()) or None, cursor=cursor, limit=limit
    )
    return Listing(items=[Conversation.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get(
    "/{id}",
    summary="A conversation with its answers",
    operation_id="get_conversation",
    responses={**shown({**_CONVERSATION, "answers": [{**ANSWER, "feedback": FEEDBACK}]}), **problems(404)},
)
async def get_conversation(id: Id, services: Wired, caller: Caller) -> ConversationDetail:
    """Passages of documents that were deleted or are no longer the caller's to read are withheld."""
    detail = await services.store.conversations.get(id, caller)
    said = await services.store.feedback.own(caller, [record.id for record in detail.answers])
    answers = [
        ConversationAnswer(
            **dict(shown_answer(record)),
            feedback=Feedback.model_validate(said[record.id]) if record.id in said else None,
        )
        for record in detail.answers
    ]
    return ConversationDetail(**Conversation.model_validate(detail.conversation).model_dump(), answers=answers)


@router.get(
    "/{id}/export.md",
    summary="A conversation as Markdown",
    operation_id="export_conversation",
    response_class=HttpResponse,
    responses={
        200: {
            "description": "The questions and answers with their footnotes; as an attachment.",
            "content": {"text/markdown": {"schema": {"type": "string"}, "example": _EXPORT}},
        },
        **problems(404),
    },
)
async def export_conversation(id: Id, services: Wired, caller: Caller) -> HttpResponse:
    """Passages of documents that were deleted or are no longer the caller's to read are withheld."""
    detail = await services.store.conversations.get(id, caller)
    title = detail.conversation.title
    text = written(title, detail.conversation.created_at, [shown_answer(record) for record in detail.answers])
    name = quote(f"{_file_name(title)}.md", safe="")
    headers = {
        "Content-Disposition": f"attachment; filename=\"conversation.md\"; filename*=UTF-8''{name}",
        "Cache-Control": "private, no-cache",
    }
    return HttpResponse(text, media_type="text/markdown; charset=utf-8", headers=headers)


def _file_name(title: str) -> str:
    """A title without what file systems refuse."""
    kept = "".join(" " if sign in '/\\:*?"<>|' or not sign.isprintable() else sign for sign in title)
    return " ".join(kept.split())[:80].strip(" .") or "conversation"


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
