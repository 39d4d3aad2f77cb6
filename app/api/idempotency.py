"""`Idempotency-Key`: the same request with the same key is done once and answered alike for a day."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import Header
from pydantic import BaseModel
from starlette.responses import Response

from core.types import Principal

if TYPE_CHECKING:
    from app.store.records import StoredResponse
    from app.store.store import Store

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Made up by the caller, one for each thing to create; a repetition gets the first response again.",
        examples=["9f0c9f4e-upload-handbook"],
    ),
]

Made = tuple[int, BaseModel, dict[str, str]]
"""Status, body and headers of a response."""


async def once(
    store: Store, route: str, key: str | None, caller: Principal, request: str, make: Callable[[], Awaitable[Made]]
) -> Response:
    """The response of `make`, which is called only where this key did not bring it about before.

    `request` stands for everything that was sent. Raises `Conflict` for a key that was used with something else, and
    what `make` raises: then nothing is kept and the key may be used again.
    """
    if key is None:
        status, body, headers = await make()
        return _response(status, body.model_dump_json(), headers)
    kept = await begin(store, route, key, caller, request)
    if kept is not None:
        return _response(kept.status, kept.body, {**kept.headers, "Idempotency-Replayed": "true"})
    try:
        status, body, headers = await make()
    except BaseException:
        await store.idempotency.release(key, caller.id, route)
        raise
    text = body.model_dump_json()
    await complete(store, route, key, caller, status, text, headers)
    return _response(status, text, headers)


async def begin(store: Store, route: str, key: str, caller: Principal, request: str) -> StoredResponse | None:
    """What this key brought about before, None the first time. Raises `Conflict`."""
    return await store.idempotency.begin(key, caller.id, route, hashlib.sha256(request.encode()).hexdigest())


async def complete(
    store: Store, route: str, key: str, caller: Principal, status: int, body: str, headers: dict[str, str]
) -> None:
    """Keeps a response for whoever repeats the request."""
    from app.store.records import StoredResponse

    await store.idempotency.complete(key, caller.id, route, StoredResponse(status=status, body=body, headers=headers))


def _response(status: int, body: str, headers: dict[str, str]) -> Response:
    return Response(body, status_code=status, headers=headers, media_type="application/json")
