"""Who the caller is, and signing in from a browser: a key once, a cookie from then on."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from fastapi import Response as HttpResponse
from pydantic import Field, SecretStr

from app.api.shapes import MAX_QUESTION, Request, Response, problems, shown
from app.auth import SESSION_COOKIE, SESSION_SECONDS, Caller, Keys
from app.settings import Settings

router = APIRouter(prefix="/v1/session", tags=["session"])


class Who(Response):
    """A caller."""

    id: str
    admin: bool
    groups: list[str]


class Limits(Response):
    """What the server takes at most."""

    question_chars: int
    upload_bytes: int


class Session(Response):
    """Who the server takes the caller for, and what a page has to know before it begins."""

    principal: Who
    keys_required: bool = Field(description="Without keys everyone who reaches the server is its owner.")
    version: str
    limits: Limits


class SignIn(Request):
    """One of the server's keys."""

    key: SecretStr = Field(min_length=1, max_length=4096, examples=["a-long-random-key"])


_SESSION: dict[str, Any] = {
    "principal": {"id": "ana", "admin": False, "groups": ["everyone", "hr"]},
    "keys_required": True,
    "version": "0.1.0",
    "limits": {"question_chars": 4000, "upload_bytes": 209715200},
}


@router.get("", summary="Who you are", operation_id="get_session", responses={**shown(_SESSION), **problems()})
async def get_session(request: HttpRequest, caller: Caller) -> Session:
    """By key or by cookie."""
    settings: Settings = request.app.state.settings
    keys: Keys = request.app.state.keys
    most = min(MAX_QUESTION, settings.agents.max_question_chars)
    return Session(
        principal=Who(id=caller.id, admin=caller.admin, groups=sorted(caller.groups)),
        keys_required=keys.required,
        version=metadata.version("footnote"),
        limits=Limits(question_chars=most, upload_bytes=settings.http.max_upload_bytes),
    )


@router.post(
    "",
    status_code=204,
    summary="Sign in from a browser",
    operation_id="sign_in",
    responses={204: {"description": "The cookie is set; scripts cannot read it."}, **problems()},
)
async def sign_in(body: SignIn, request: HttpRequest) -> HttpResponse:
    """The cookie names the key by a signature, holds for thirty days, and ends when the key is taken away."""
    keys: Keys = request.app.state.keys
    response = HttpResponse(status_code=204)
    response.set_cookie(
        SESSION_COOKIE,
        keys.session(body.key.get_secret_value()),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.delete(
    "",
    status_code=204,
    summary="Sign out",
    operation_id="sign_out",
    responses={204: {"description": "The cookie is gone."}, **problems()},
)
async def sign_out() -> HttpResponse:
    """Takes the cookie from this browser."""
    response = HttpResponse(status_code=204)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return response
