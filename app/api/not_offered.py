"""Routes of LangGraph's that there are not: whoever calls one is told why, and what to do instead."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.agents_left_out import ROUTES
from app.auth import Caller
from app.errors import NotOffered

router = APIRouter(include_in_schema=False)


def _refuse(method: str, path: str, reason: str) -> None:
    async def refused(caller: Caller) -> None:
        raise NotOffered(reason)

    router.add_api_route(path, refused, methods=[method], name=f"not offered: {method} {path}")


for _method, _path, _reason in ROUTES:
    _refuse(_method, _path, _reason)
