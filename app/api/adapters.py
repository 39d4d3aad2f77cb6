"""Adapters: what each engine serves, and for administrators how one is loaded and unloaded."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi import Response as HttpResponse
from pydantic import Field

from app.api.deps import LISTING, Administrator, Wired
from app.api.idempotency import Key, once
from app.api.shapes import Request, Response, problems, shown

router = APIRouter(prefix="/v1/adapters", tags=["adapters"])

Name = Annotated[str, Path(max_length=128, description="An adapter's name.", examples=["hr-style@4f5c0f7f0a3b9c21"])]


class NewAdapter(Request):
    """An adapter to load."""

    title: str = Field(
        min_length=1, max_length=64, description="Its name's beginning; the digest follows.", examples=["hr-style"]
    )
    path: str = Field(
        min_length=1,
        max_length=1024,
        description="The folder that PEFT saved, inside the configured folder of adapters.",
        examples=["hr-style/2026-11-20"],
    )


class Adapter(Response):
    """An adapter, and whether every engine serves it: only then it is asked."""

    name: str
    everywhere: bool
    default: bool = Field(description="It answers where no adapter is asked for.")


class Engine(Response):
    """One engine with its adapters and the folders they were loaded from. A local model has no address."""

    url: str
    adapters: dict[str, str]
    problem: str | None = Field(description="Why it does not say what it serves.")


class AdapterList(Response):
    """All adapters by name, and what each engine serves."""

    base: str = Field(description="The model without an adapter; it is asked for by this name.")
    default: str | None = Field(description="The adapter that answers where none is asked for; null is the base.")
    items: list[Adapter]
    engines: list[Engine]


class Loaded(Response):
    """The adapter that was loaded: its title with the digest of its files."""

    name: str


_NAME = "hr-style@4f5c0f7f0a3b9c21"
_LIST: dict[str, Any] = {
    "base": "footnote",
    "default": None,
    "items": [{"name": _NAME, "everywhere": True, "default": False}],
    "engines": [
        {"url": "http://127.0.0.1:8100/v1", "adapters": {_NAME: "/adapters/hr-style/2026-11-20"}, "problem": None}
    ],
}


@router.get(
    "",
    summary="List adapters",
    operation_id="list_adapters",
    dependencies=LISTING,
    responses={**shown(_LIST), **problems(403)},
)
async def list_adapters(services: Wired, caller: Administrator) -> AdapterList:
    """For administrators. Every engine is asked; one that does not answer is listed with the reason."""
    adapters = services.adapters
    engines = await adapters.listings()
    names = {name for each in engines for name in each.adapters} | ({adapters.default} if adapters.default else set())
    items = [
        Adapter(
            name=name,
            everywhere=all(name in each.adapters for each in engines),
            default=name == adapters.default,
        )
        for name in sorted(names)
    ]
    return AdapterList(
        base=adapters.base,
        default=adapters.default,
        items=items,
        engines=[Engine(url=each.url, adapters=dict(each.adapters), problem=each.problem) for each in engines],
    )


@router.post(
    "",
    status_code=201,
    summary="Load an adapter",
    operation_id="load_adapter",
    response_model=Loaded,
    responses={**shown({"name": _NAME}, 201), **problems(403, 409)},
)
async def load_adapter(body: NewAdapter, services: Wired, caller: Administrator, key: Key = None) -> HttpResponse:
    """For administrators. It is loaded onto every engine and has to write under a schema there; where one does not take
    it, none keeps it. Loading it again changes nothing; other files have another name."""

    async def load() -> tuple[int, Response, dict[str, str]]:
        return 201, Loaded(name=await services.adapters.load(body.title, body.path, caller.id)), {}

    return await once(services.store, "adapters", key, caller, body.model_dump_json(), load)


@router.delete(
    "/{name}",
    status_code=204,
    summary="Unload an adapter",
    operation_id="unload_adapter",
    responses={204: {"description": "No engine serves it any more."}, **problems(403, 404, 409)},
)
async def unload_adapter(name: Name, services: Wired, caller: Administrator) -> None:
    """For administrators. New questions for it are refused, and what is being written with it is waited for; where that
    takes too long it stays loaded."""
    await services.adapters.unload(name, caller.id)
