"""What was learnt from a document or a person, what is left out, and what to do next; for administrators."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Response as HttpResponse

from app.api.datasets_shapes import (
    ADVICE,
    EXCLUSION,
    LINEAGE,
    PURGED,
    Advice,
    Exclusion,
    ExclusionList,
    Kind,
    LearntRow,
    LineageShown,
    NewExclusion,
    Purged,
    PurgeList,
)
from app.api.deps import LISTING, Administrator, Wired
from app.api.idempotency import Key, once
from app.api.shapes import problems, shown
from app.drift.proposing import counts_of
from app.finetune.purge import purge
from app.store import learning_records
from core.errors import InvalidInput
from finetune.advise import advise
from finetune.join import Exclusions
from finetune.lineage import Row

router = APIRouter(prefix="/v1/finetune", tags=["finetune"])

Subject = Annotated[str | None, Query(min_length=1, max_length=255)]
MOST = 1_000
"""Rows that are listed."""


@router.get(
    "/lineage",
    summary="What was learnt from a document, a person or an answer",
    operation_id="trace_lineage",
    dependencies=LISTING,
    responses={**shown(LINEAGE), **problems(403)},
)
async def trace_lineage(
    services: Wired, caller: Administrator, document: Subject = None, person: Subject = None, answer: Subject = None
) -> LineageShown:
    """For administrators. Rows, datasets, and what was trained on those."""
    if document is None and person is None and answer is None:
        raise InvalidInput("Name a document, a person or an answer.")
    of = Exclusions(documents=_one(document), people=_one(person), answers=_one(answer))
    traced, damaged = await asyncio.to_thread(services.finetune.datasets.traced, of)
    return LineageShown(
        rows=[_row(each) for each in traced.rows[:MOST]],
        more=max(0, len(traced.rows) - MOST),
        datasets=list(traced.datasets),
        adapters=list(traced.adapters),
        damaged=damaged,
    )


@router.get(
    "/exclusions",
    summary="What is left out",
    operation_id="list_exclusions",
    dependencies=LISTING,
    responses={**shown({"items": [EXCLUSION]}), **problems(403)},
)
async def list_exclusions(services: Wired, caller: Administrator) -> ExclusionList:
    """For administrators. What rests on deleted documents and conversations is left out without being named here."""
    return ExclusionList(items=[_exclusion(each) for each in await services.store.learning.exclusions()])


@router.post(
    "/exclusions",
    status_code=201,
    summary="Leave something out",
    operation_id="exclude",
    response_model=Exclusion,
    responses={**shown(EXCLUSION, 201), **problems(403)},
)
async def exclude(body: NewExclusion, services: Wired, caller: Administrator, key: Key = None) -> HttpResponse:
    """For administrators. The next dataset has nothing of it, and rows of those that there are are withheld."""

    async def keep() -> tuple[int, Any, dict[str, str]]:
        kept = await services.store.learning.exclude(body.kind, body.id, body.reason, caller)
        return 201, _exclusion(kept), {}

    return await once(services.store, "exclusions", key, caller, body.model_dump_json(), keep)


@router.delete(
    "/exclusions",
    status_code=204,
    summary="Take an exclusion back",
    operation_id="include",
    dependencies=LISTING,
    responses={204: {"description": "It may be learnt from again."}, **problems(403, 404)},
)
async def include(
    services: Wired,
    caller: Administrator,
    kind: Annotated[Kind, Query(description="What it is.")],
    id: Annotated[str, Query(min_length=1, max_length=255, description="Its id.")],
) -> None:
    """For administrators."""
    await services.store.learning.include(kind, id)


@router.post(
    "/purge",
    summary="Remove datasets that hold what was deleted",
    operation_id="purge_datasets",
    dependencies=LISTING,
    responses={**shown({"dry_run": True, "items": [PURGED]}), **problems(403)},
)
async def purge_datasets(
    services: Wired,
    caller: Administrator,
    dry_run: Annotated[bool, Query(description="Only say what would go.")] = False,
) -> PurgeList:
    """For administrators. Removes each dataset with rows from documents or conversations that were deleted, or from
    what is left out, since; what a run learns from now stays. What was trained on them is named, and stays."""
    found = await purge(services, caller.id, dry_run=dry_run)
    return PurgeList(dry_run=dry_run, items=[Purged.model_validate(each) for each in found])


@router.get(
    "/advice",
    summary="What to do next",
    operation_id="advise",
    dependencies=LISTING,
    responses={**shown(ADVICE), **problems(403)},
)
async def advice(
    services: Wired,
    caller: Administrator,
    prompts: Annotated[int, Query(ge=0, le=1000, description="Changes of the prompt that were measured.")] = 0,
    gain: Annotated[float | None, Query(ge=-1, le=1, description="What the last adapter gained, as a share.")] = None,
) -> Advice:
    """For administrators. From the words there are and the newest whole dataset: the cheapest rung that can help."""
    counts = await counts_of(services, prompts, gain)
    told = advise(counts)
    return Advice(
        rung=told.rung, why=told.why, methods=list(told.methods), missing=dict(told.missing), counts=asdict(counts)
    )


def _one(value: str | None) -> frozenset[str]:
    return frozenset() if value is None else frozenset({value})


def _row(row: Row) -> LearntRow:
    lineage = row.example.lineage
    return LearntRow(
        dataset=row.dataset,
        kind=row.example.kind,
        split=row.split,
        id=row.example.id,
        maker=lineage.maker,
        answer=lineage.answer_id,
        person=lineage.person,
        documents=sorted({each.document_id for each in lineage.documents}),
    )


def _exclusion(kept: learning_records.Exclusion) -> Exclusion:
    return Exclusion(
        kind=kept.kind, id=kept.subject, reason=kept.reason, by=kept.principal_id, created_at=kept.created_at
    )
