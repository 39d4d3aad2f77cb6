"""Collections: named sets of documents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi import Response as HttpResponse
from pydantic import Field

from app.api.deps import LISTING, Wired
from app.api.idempotency import Key, once
from app.api.shapes import COLLECTION_PATTERN, Request, Response, problems, shown
from app.auth import Caller
from core.errors import Forbidden
from core.types import PersonalPolicy

router = APIRouter(prefix="/v1/collections", tags=["collections"])

Name = Annotated[str, Path(max_length=64, description="A collection's name.", examples=["handbook"])]


_PERSONAL = (
    "What becomes of personal data: it may go on; it is masked before a model, a trace or a training set sees it; "
    "or no text that holds any goes on."
)


class NewCollection(Request):
    """A collection to create."""

    name: str = Field(
        pattern=COLLECTION_PATTERN, description="Lower-case letters, digits, - and _.", examples=["handbook"]
    )
    description: str = Field(default="", max_length=2000, examples=["What every employee should know."])
    personal: PersonalPolicy = Field(default="allow", description=_PERSONAL)


class CollectionChange(Request):
    """What is to be changed of a collection; what is left out stays."""

    description: str | None = Field(default=None, max_length=2000)
    personal: PersonalPolicy | None = Field(default=None, description=_PERSONAL, examples=["mask"])


class Collection(Response):
    """A collection and what it holds."""

    name: str
    description: str
    created_at: datetime
    documents: int
    chunks: int
    personal: PersonalPolicy = Field(description=_PERSONAL)


class Collections(Response):
    """All collections by name."""

    items: list[Collection]


class Deleted(Response):
    """The jobs that tidy up after the deletion; the documents are gone already."""

    job_ids: list[str]


_ADMINISTRATORS = "Only administrators change collections, and what they say of personal data."

_COLLECTION: dict[str, Any] = {
    "name": "handbook",
    "description": "What every employee should know.",
    "created_at": "2026-11-20T09:00:00Z",
    "documents": 14,
    "chunks": 212,
    "personal": "allow",
}


@router.get(
    "",
    summary="List collections",
    operation_id="list_collections",
    dependencies=LISTING,
    responses={**shown({"items": [_COLLECTION]}), **problems()},
)
async def list_collections(services: Wired, caller: Caller) -> Collections:
    """Every collection with its counts."""
    found = await services.store.collections.list()
    return Collections(items=[Collection.model_validate(item) for item in found])


@router.get(
    "/{name}",
    summary="One collection",
    operation_id="get_collection",
    responses={**shown(_COLLECTION), **problems(404)},
)
async def get_collection(name: Name, services: Wired, caller: Caller) -> Collection:
    """A collection with its counts."""
    return Collection.model_validate(await services.store.collections.get(name))


@router.post(
    "",
    status_code=201,
    summary="Create a collection",
    operation_id="create_collection",
    response_model=Collection,
    responses={**shown(_COLLECTION, 201), **problems(403, 409)},
)
async def create_collection(body: NewCollection, services: Wired, caller: Caller, key: Key = None) -> HttpResponse:
    """A new, empty collection. Uploads name an existing one; `default` is always there.

    A policy for personal data other than `allow` is for administrators to set.
    """
    if body.personal != "allow" and not caller.admin:
        raise Forbidden(_ADMINISTRATORS)

    async def create() -> tuple[int, Response, dict[str, str]]:
        made = await services.store.collections.create(body.name, body.description, body.personal)
        return 201, Collection.model_validate(made), {}

    return await once(services.store, "collections", key, caller, body.model_dump_json(), create)


@router.patch(
    "/{name}",
    summary="Change a collection",
    operation_id="change_collection",
    responses={**shown(_COLLECTION), **problems(403, 404)},
)
async def change_collection(name: Name, body: CollectionChange, services: Wired, caller: Caller) -> Collection:
    """For administrators: its description, and what becomes of personal data in it. Holds within a second."""
    if not caller.admin:
        raise Forbidden(_ADMINISTRATORS)
    changed = await services.store.collections.change(name, description=body.description, personal=body.personal)
    return Collection.model_validate(changed)


@router.delete(
    "/{name}",
    summary="Delete a collection",
    operation_id="delete_collection",
    responses={**shown({"job_ids": []}), **problems(403, 404, 409)},
)
async def delete_collection(
    name: Name,
    services: Wired,
    caller: Caller,
    force: Annotated[bool, Query(description="Delete its documents too.")] = False,
) -> Deleted:
    """For administrators: a collection can hold documents that its deleter may not read."""
    if not caller.admin:
        raise Forbidden("Only administrators delete collections.")
    jobs = await services.store.collections.delete(name, caller, force=force)
    return Deleted(job_ids=list(jobs))
