"""Datasets from feedback, for administrators: built, looked at, removed; and files of outside data."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi import Request as HttpRequest
from fastapi import Response as HttpResponse

from app.api.datasets_shapes import (
    BUILD,
    DATASET,
    FATE,
    FILE,
    ROW,
    Dataset,
    DatasetList,
    Fate,
    Fates,
    FileList,
    ImportedFile,
    NewDataset,
    Rows,
)
from app.api.deps import LISTING, Administrator, Parts, Wired
from app.api.idempotency import Key, once
from app.api.shapes import problems, shown
from app.finetune.build_state import Build
from app.finetune.builds import Order
from app.finetune.purge import lost, readers
from app.store.learning_records import Wanted
from core.errors import Conflict
from core.types import ExampleKind, Split
from finetune.rows import from_row

router = APIRouter(prefix="/v1/finetune", tags=["finetune"])

Version = Annotated[str, Path(max_length=200, description="A dataset's version.", examples=[DATASET["version"]])]
BuildId = Annotated[str, Path(max_length=64, description="A build's id.")]
FileName = Annotated[str, Path(max_length=110, description="A file's name.", examples=["handbook.jsonl"])]
After = Annotated[int, Query(ge=0, le=2**53, description="`next` of the part before.")]
_JSONL: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/jsonl": {
                "schema": {"type": "string"},
                "example": '{"user": "How many days of leave?", "assistant": "28 days."}\n',
            }
        },
    }
}


@router.post(
    "/datasets",
    status_code=202,
    summary="Build a dataset",
    operation_id="build_dataset",
    response_model=Build,
    responses={**shown(BUILD, 202), **problems(403, 404, 409)},
)
async def build_dataset(body: NewDataset, services: Wired, caller: Administrator, key: Key = None) -> HttpResponse:
    """For administrators. It is built in the server, one at a time; `GET` tells how it fares."""
    order = Order(
        name=body.name,
        wanted=Wanted(since=body.since, until=body.until, collections=tuple(body.collections)),
        imports=tuple(body.imports),
        general=body.general,
        augment=body.augment,
    )

    async def begin() -> tuple[int, Any, dict[str, str]]:
        return 202, await services.finetune.builds.begin(services, order, caller), {}

    return await once(services.store, "datasets", key, caller, body.model_dump_json(), begin)


@router.get(
    "/datasets",
    summary="List datasets and builds",
    operation_id="list_datasets",
    dependencies=LISTING,
    responses={**shown({"items": [DATASET], "builds": [BUILD]}), **problems(403)},
)
async def list_datasets(services: Wired, caller: Administrator) -> DatasetList:
    """For administrators. The newest first."""
    found = await asyncio.to_thread(services.finetune.datasets.all)
    builds = await services.finetune.builds.list()
    return DatasetList(items=[Dataset.model_validate(each) for each in found], builds=builds)


@router.get(
    "/builds/{id}",
    summary="How a build fares",
    operation_id="get_build",
    responses={**shown(BUILD), **problems(403, 404)},
)
async def get_build(id: BuildId, services: Wired, caller: Administrator) -> Build:
    """For administrators. One whose server stopped is `interrupted`: begin it again."""
    return await services.finetune.builds.get(id)


@router.post(
    "/builds/{id}/cancel",
    status_code=202,
    summary="Cancel a build",
    operation_id="cancel_build",
    responses={**shown(BUILD, 202), **problems(403, 404, 409)},
)
async def cancel_build(id: BuildId, services: Wired, caller: Administrator) -> Build:
    """For administrators. It ends at its next step, and nothing of it stays."""
    return await services.finetune.builds.cancel(id)


@router.get(
    "/datasets/{version}",
    summary="One dataset",
    operation_id="get_dataset",
    responses={**shown(DATASET), **problems(403, 404)},
)
async def get_dataset(version: Version, services: Wired, caller: Administrator) -> Dataset:
    """For administrators. Every file of it is held against its digest."""
    return Dataset.model_validate(await asyncio.to_thread(services.finetune.datasets.get, version))


@router.get(
    "/datasets/{version}/report",
    summary="What was refused, and why",
    operation_id="read_dataset_report",
    dependencies=LISTING,
    responses={**shown({"items": [FATE], "next": None}), **problems(403, 404)},
)
async def read_report(
    version: Version,
    services: Wired,
    caller: Administrator,
    stage: Annotated[str | None, Query(max_length=32, description="Only of this stage.")] = None,
    reason: Annotated[str | None, Query(max_length=64, description="Only for this reason.")] = None,
    after: After = 0,
) -> Fates:
    """For administrators. It never holds a text of the data."""
    part = await asyncio.to_thread(services.finetune.datasets.report, version, stage, reason, after, 100)
    return Fates(items=[Fate.model_validate(each, from_attributes=False) for each in part.items], next=part.next)


@router.get(
    "/datasets/{version}/rows",
    summary="A look at what is learnt",
    operation_id="read_dataset_rows",
    dependencies=LISTING,
    responses={**shown({"items": [ROW], "next": None}), **problems(403, 404, 409)},
)
async def read_rows(
    version: Version,
    services: Wired,
    caller: Administrator,
    kind: Annotated[ExampleKind, Query(description="The kind of rows.")],
    split: Annotated[Split, Query(description="The split they are in.")] = "train",
    after: After = 0,
) -> Rows:
    """For administrators. Rows that come from what was deleted or is to be left out since are withheld."""
    part = await asyncio.to_thread(services.finetune.datasets.rows, version, kind, split, after, 20)
    return Rows(items=await _withheld(services, kind, part.items), next=part.next)


@router.delete(
    "/datasets/{version}",
    status_code=204,
    summary="Remove a dataset",
    operation_id="remove_dataset",
    responses={204: {"description": "It is gone."}, **problems(403, 404, 409)},
)
async def remove_dataset(
    version: Version,
    services: Wired,
    caller: Administrator,
    force: Annotated[bool, Query(description="Also where a run waits for it or learns from it now.")] = False,
) -> None:
    """For administrators. What was trained on it stays."""
    finetune = services.finetune
    if not force:
        folder = finetune.places.datasets / version
        if busy := await asyncio.to_thread(readers, finetune.training, folder, now=True):
            raise Conflict(f"The run {busy[0]} learns from it. Cancel that run first, or remove it with force.")
    await asyncio.to_thread(services.finetune.datasets.remove, version)


@router.put(
    "/files/{name}",
    summary="Import a file of outside data",
    operation_id="import_file",
    openapi_extra=_JSONL,
    responses={**shown(FILE), **problems(403, 404, 409, 413)},
)
async def import_file(
    name: FileName,
    request: HttpRequest,
    services: Wired,
    caller: Administrator,
    licence: Annotated[
        str | None,
        Query(pattern=r"^[\w.+ ()/:-]{1,100}$", description="Its licence, for the cards of what learns from it."),
    ] = None,
) -> ImportedFile:
    """For administrators. JSON Lines or one JSON array, 32 MiB at most, in the place of one of its name. Rows that are
    no examples are told with their line; where there is none at all, nothing is kept."""
    return ImportedFile.model_validate(await services.finetune.files.put(name, request.stream(), licence))


@router.get(
    "/files",
    summary="List imported files",
    operation_id="list_imported_files",
    dependencies=LISTING,
    responses={**shown({"items": [FILE]}), **problems(403)},
)
async def list_files(services: Wired, caller: Administrator) -> FileList:
    """For administrators. By name."""
    found = await asyncio.to_thread(services.finetune.files.all)
    return FileList(items=[ImportedFile.model_validate(each) for each in found])


@router.delete(
    "/files/{name}",
    status_code=204,
    summary="Remove an imported file",
    operation_id="remove_imported_file",
    responses={204: {"description": "It is gone; datasets that were built with it stay."}, **problems(403, 404)},
)
async def remove_file(name: FileName, services: Wired, caller: Administrator) -> None:
    """For administrators."""
    await asyncio.to_thread(services.finetune.files.remove, name)


async def _withheld(services: Parts, kind: ExampleKind, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lineages = [from_row(kind, row).lineage for row in rows]
    told = []
    gone = await lost(services.store.learning, lineages)
    for row, lineage, is_gone in zip(rows, lineages, gone, strict=True):
        if is_gone:
            told.append({"id": row["id"], "withheld": True, "lineage": {"maker": lineage.maker}})
        else:
            told.append({**row, "withheld": False})
    return told
