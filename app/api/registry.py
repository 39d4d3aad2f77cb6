"""What training made, for administrators: versions with their cards, verified and put onto the engines."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field

from app.api.adapters import Loaded
from app.api.deps import LISTING, Administrator, Parts, Wired
from app.api.shapes import Response, problems, shown
from core.errors import NotFound
from core.types import Principal
from finetune.ports import Versions
from finetune.registry import Version, VersionKind

router = APIRouter(tags=["finetune"])

Title = Annotated[str, Path(max_length=64, description="What all versions of it share.", examples=["handbook"])]
Digest = Annotated[str, Path(max_length=64, description="The digest of its files.", examples=["4f5c0f7f0a3b9c21"])]
_BASE = "/v1/adapters/{title}/versions"


class RegistryVersion(Response):
    """One version: its files never change, and its name is made from them."""

    name: str
    title: str
    version: str = Field(description="The digest of its files.")
    kind: VersionKind
    created_at: datetime
    size: int = Field(description="Bytes of its files.")
    method: str | None
    dataset: str | None = Field(description="What it was trained on; null where that was no dataset.")
    base: str | None = Field(description="The model it was made from.")
    licence: str | None = Field(description="The licence of that model.")
    sound: bool | None = Field(description="False where its card cannot be read; null as long as nobody looked.")
    serving: bool = Field(description="Every engine serves it.")
    pinned_by: str | None = Field(description="Who has it stay whatever the rule says; null where nobody does.")


class RegistryCard(RegistryVersion):
    """A version with its whole card: lineage, settings, curves, metrics, cost, warnings."""

    card: dict[str, Any]


class RegistryList(Response):
    """Versions, the newest first."""

    items: list[RegistryVersion]


class Verified(Response):
    """Whether a version's files are those that were published."""

    sound: bool
    problems: list[str]


class Retired(Response):
    """A version, and whether it goes by the rule."""

    name: str
    kind: VersionKind
    created_at: datetime
    size: int
    goes: bool
    why: str = Field(examples=["20 newer ones of its title, and it is older than 90 days"])


class RetirementList(Response):
    """Versions, the newest first. Where it was no dry run, those that go have gone."""

    dry_run: bool
    items: list[Retired]


_VERSION: dict[str, Any] = {
    "name": "handbook@4f5c0f7f0a3b9c21", "title": "handbook", "version": "4f5c0f7f0a3b9c21", "kind": "adapter",
    "created_at": "2026-11-20T09:30:00Z", "size": 13640208, "method": "sft", "dataset": "handbook@0b9c21aa4f5c0f7f",
    "base": "/models/llama", "licence": "apache-2.0", "sound": None, "serving": False,
    "pinned_by": None,
}  # fmt: skip
_RETIRED = {
    "name": _VERSION["name"], "kind": "adapter", "created_at": _VERSION["created_at"], "size": _VERSION["size"],
    "goes": True, "why": "20 newer ones of its title, and it is older than 90 days",
}  # fmt: skip
_CARD = {**_VERSION, "card": {"metrics": {"before": {"eval_loss": 2.31}, "after": {"eval_loss": 1.12}}, "…": "…"}}


@router.get(
    "/v1/finetune/registry",
    summary="List what training made",
    operation_id="list_registry",
    dependencies=LISTING,
    responses={**shown({"items": [_VERSION]}), **problems(403)},
)
async def list_registry(
    services: Wired, caller: Administrator, kind: Annotated[VersionKind | None, Query(description="Only these.")] = None
) -> RegistryList:
    """Adapters, reward models, rerankers, embedders and models, the newest first."""
    found = await asyncio.to_thread(_registry(services).versions)
    return await _list(services, [each for each in found if kind in (None, each.kind)])


@router.get(
    _BASE,
    summary="List versions of a title",
    operation_id="list_versions_of_adapter",
    dependencies=LISTING,
    responses={**shown({"items": [_VERSION]}), **problems(403, 404)},
)
async def list_of_title(title: Title, services: Wired, caller: Administrator) -> RegistryList:
    """Of every kind, the newest first."""
    found = await asyncio.to_thread(_registry(services).versions, title)
    if not found:
        raise NotFound(f"There is no version of {title}; GET /v1/finetune/registry lists what there is.")
    return await _list(services, found)


@router.get(
    f"{_BASE}/{{version}}",
    summary="A version with its card",
    operation_id="get_version_of_adapter",
    responses={**shown(_CARD), **problems(403, 404)},
)
async def get_one(title: Title, version: Digest, services: Wired, caller: Administrator) -> RegistryCard:
    """Where it comes from, how it was made and what was measured."""
    from app.finetune.versions import served_everywhere, told

    found = await asyncio.to_thread(_registry(services).get, f"{title}@{version}")
    serving = await served_everywhere(services.adapters)
    pins = await asyncio.to_thread(_registry(services).pins)
    return RegistryCard.model_validate(await asyncio.to_thread(told, found, serving, pins, whole=True))


@router.post(
    f"{_BASE}/{{version}}/verify",
    summary="Verify a version's files",
    operation_id="verify_version_of_adapter",
    responses={**shown({"sound": True, "problems": []}), **problems(403, 404)},
)
async def verify_one(title: Title, version: Digest, services: Wired, caller: Administrator) -> Verified:
    """Every file is read: one that is gone, was changed or was added is named."""
    wrong = await asyncio.to_thread(_registry(services).verify, f"{title}@{version}")
    return Verified(sound=not wrong, problems=wrong)


@router.post(
    f"{_BASE}/{{version}}/load",
    summary="Load a version onto the engines",
    operation_id="load_version_of_adapter",
    responses={**shown({"name": _VERSION["name"]}), **problems(403, 404, 409)},
)
async def load_one(title: Title, version: Digest, services: Wired, caller: Administrator) -> Loaded:
    """An adapter whose files are whole, onto every engine or onto none; engines have to see the folder that versions
    are kept in, or fetched into from a bucket, under the same path. Loading it again changes nothing."""
    from app.finetune.versions import load_version

    name = await load_version(_registry(services), services.adapters, f"{title}@{version}", caller.id)
    return Loaded(name=name)


@router.put(
    f"{_BASE}/{{version}}/pin",
    summary="Pin a version",
    operation_id="pin_version_of_adapter",
    status_code=204,
    responses=problems(403, 404),
)
async def pin_one(title: Title, version: Digest, services: Wired, caller: Administrator) -> None:
    """It stays, whatever the rule says. Pinning it again changes nothing."""
    await _pin(services, caller, f"{title}@{version}", pinned=True)


@router.delete(
    f"{_BASE}/{{version}}/pin",
    summary="Unpin a version",
    operation_id="unpin_version_of_adapter",
    status_code=204,
    responses=problems(403, 404),
)
async def unpin_one(title: Title, version: Digest, services: Wired, caller: Administrator) -> None:
    """It is left to the rule again."""
    await _pin(services, caller, f"{title}@{version}", pinned=False)


@router.post(
    "/v1/finetune/registry/retire",
    summary="Retire old versions",
    operation_id="retire_versions",
    dependencies=LISTING,
    responses={**shown({"dry_run": True, "items": [_RETIRED]}), **problems(403)},
)
async def retire(
    services: Wired,
    caller: Administrator,
    dry_run: Annotated[bool, Query(description="Only say what would go.")] = False,
) -> RetirementList:
    """Removes what the rule does not keep (`FOOTNOTE_FINETUNE__REGISTRY__KEEP` and `…__DAYS`) and nothing uses, which
    also happens after each publication and once a day."""
    retention = services.finetune.retention
    found = await (retention.plan() if dry_run else retention.retire(caller.id))
    items = [
        Retired(
            name=each.name, kind=each.kind, created_at=datetime.fromtimestamp(each.made_at, UTC), size=each.size,
            goes=each.goes, why=each.why,
        )
        for each in found
    ]  # fmt: skip
    return RetirementList(dry_run=dry_run, items=items)


async def _pin(services: Parts, caller: Principal, name: str, *, pinned: bool) -> None:
    from app.finetune.audit import note

    registry = _registry(services)
    await (asyncio.to_thread(registry.pin, name, caller.id) if pinned else asyncio.to_thread(registry.unpin, name))
    did, root = "pinned" if pinned else "unpinned", services.finetune.places.root
    await asyncio.to_thread(note, root, caller.id, did, version=name)


async def _list(services: Parts, found: list[Version]) -> RegistryList:
    from app.finetune.versions import served_everywhere, told

    serving = await served_everywhere(services.adapters)
    pins = await asyncio.to_thread(_registry(services).pins)
    rows = await asyncio.to_thread(lambda: [told(each, serving, pins) for each in found])
    return RegistryList(items=[RegistryVersion.model_validate(each) for each in rows])


def _registry(services: Parts) -> Versions:
    return services.finetune.registry
