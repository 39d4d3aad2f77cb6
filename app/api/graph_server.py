"""What LangGraph's clients ask of a server before they use it: whether it answers, and what it can."""

from __future__ import annotations

from importlib import metadata

from fastapi import APIRouter, Request
from pydantic import Field

from app.api.shapes import Response, problems, shown
from app.auth import Caller

router = APIRouter(prefix="/v1", tags=["agents"])


class Answers(Response):
    """The server answers."""

    ok: bool


class ServerInfo(Response):
    """Versions, and what of LangGraph's server there is."""

    version: str = Field(description="Footnote's.")
    langgraph_py_version: str
    flags: dict[str, bool]


_FLAGS = {"assistants": True, "crons": False, "langsmith": False, "store": False, "strict_resume": True}


@router.get(
    "/ok", summary="Does the server answer?", operation_id="get_ok", responses={**shown({"ok": True}), **problems()}
)
async def get_ok(caller: Caller) -> Answers:
    """To whoever has a key; `/healthz` needs none."""
    return Answers(ok=True)


@router.get(
    "/info",
    summary="What the server is, to LangGraph's clients",
    operation_id="get_info",
    responses={**shown({"version": "1.0.0", "langgraph_py_version": "1.2.22", "flags": _FLAGS}), **problems()},
)
async def get_info(request: Request, caller: Caller) -> ServerInfo:
    """`flags` say what is offered of LangGraph's server."""
    return ServerInfo(version=request.app.version, langgraph_py_version=metadata.version("langgraph"), flags=_FLAGS)
