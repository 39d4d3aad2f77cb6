"""Changing what is said of a document."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field, WithJsonSchema

from app.api.deps import Wired
from app.api.documents import DOCUMENT, Document, DocumentId
from app.api.shapes import Request, problems, shown
from app.auth import Caller
from app.uploads import checked_groups, checked_metadata
from core.errors import InvalidInput

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_SCALARS = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
_Metadata = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "additionalProperties": _SCALARS})]


class DocumentChange(Request):
    """What shall be said of the document from now on; what is left away stays as it is."""

    title: str | None = Field(
        default=None, min_length=1, max_length=1024, description="Null leaves it to the file.", examples=["Leave rules"]
    )
    groups: list[str] = Field(
        default_factory=list, min_length=1, description="Who may read it: all of them.", examples=[["hr", "everyone"]]
    )
    metadata: _Metadata = Field(
        default_factory=dict, description="All of it; an empty object leaves none.", examples=[{"department": "hr"}]
    )


class Changed(Document):
    """The document as it is now, and the jobs that bring the change to the index."""

    job_ids: list[str]


@router.patch(
    "/{id}",
    summary="Change title, groups or metadata",
    operation_id="change_document",
    responses={
        **shown({**DOCUMENT, "title": "Leave rules", "job_ids": ["0d9f1f0e-2f8b-4c6c-9a5e-0b1f6f1f7a11"]}),
        **problems(403, 404),
    },
)
async def change_document(id: DocumentId, body: DocumentChange, services: Wired, caller: Caller) -> Changed:
    """Groups and metadata hold at once, for versions on their way too. A title is shown at once, and makes a new
    version of the same file, since passages are embedded under it; until that is live the old passages answer."""
    from app.store.records import Change

    sent = body.model_fields_set
    groups = checked_groups(body.groups) if "groups" in sent else None
    if groups == ():
        raise InvalidInput("`groups` must name at least one group; leave it away to keep those that are.")
    wanted = Change(
        principal=caller,
        pipeline=services.pipeline,
        retitle="title" in sent,
        title=body.title,
        groups=groups,
        metadata=checked_metadata(body.metadata) if "metadata" in sent else None,
    )
    jobs = await services.store.documents.change(id, wanted)
    document = Document.model_validate(await services.store.documents.get(id, caller))
    return Changed(**document.model_dump(), job_ids=list(jobs))
