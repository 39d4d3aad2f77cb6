"""The page over HTTP: its files under `app/web`, and the one document that every address of it begins with.

Files are named by a fingerprint of all of them, so that a browser keeps them until any of them changes and never mixes
two releases. A person at an address that there is not is shown the document too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header
from fastapi import Request as HttpRequest
from fastapi import Response as HttpResponse
from starlette.concurrency import run_in_threadpool

from app.errors import http_exception
from app.site_files import Files

WEB = Path(__file__).parent / "web"

ADDRESSES = (
    *("/", "/c/{id}", "/agents", "/agents/{id}", "/documents", "/documents/{id}", "/search"),
    *("/answers/{id}/why", "/status", "/finetune", "/finetune/datasets/{version}", "/finetune/runs/{name}"),
    *("/finetune/versions/{title}/{version}", "/finetune/rollout", "/finetune/gates/{id}"),
    *("/finetune/deployments/{id}", "/finetune/drift"),
)
"""What the page itself makes of the address; the server sends the same document for each."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads nothing from anywhere else and runs no script that is not a file of its own."""

_FOR_EVER = "public, max-age=31536000, immutable"
_READING = ["GET", "HEAD"]

router = APIRouter(include_in_schema=False)


def install(app: FastAPI, folder: Path = WEB) -> None:
    """Adds the page to an application whose errors `app.errors.install` has taught it to tell."""
    app.state.site = Files(folder)
    app.include_router(router)
    app.add_exception_handler(404, _nothing_here)


async def page(request: HttpRequest) -> HttpResponse:
    """The document, which is asked for anew each time."""
    files: Files = request.app.state.site
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-cache",
        "X-Frame-Options": "DENY",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return HttpResponse(await run_in_threadpool(files.document), media_type="text/html", headers=headers)


async def _nothing_here(request: HttpRequest, error: Exception) -> HttpResponse:
    """A browser is sent the document, which says it in the reader's language; a program the problem."""
    own = request.url.path.startswith(("/v1/", "/assets/"))
    if own or request.method not in _READING or "text/html" not in request.headers.get("accept", ""):
        return await http_exception(request, error)
    document = await page(request)
    document.status_code = 404
    return document


for _address in ADDRESSES:
    router.add_api_route(_address, page, methods=_READING, name=f"page {_address}")


@router.api_route("/assets/{mark}/{path:path}", methods=_READING)
async def asset(
    request: HttpRequest, mark: str, path: str, if_none_match: Annotated[str | None, Header()] = None
) -> HttpResponse:
    """A file of the page. Under an older fingerprint it is sent as it is now, and not kept. Raises `NotFound`."""
    files: Files = request.app.state.site
    file = files.file(path)  # from memory: a thread would take longer to begin
    headers = {"ETag": file.tag, "Cache-Control": _FOR_EVER if mark == file.mark else "no-cache"}
    if if_none_match == file.tag:
        return HttpResponse(status_code=304, headers=headers)
    return HttpResponse(file.data, media_type=file.media_type, headers=headers)
