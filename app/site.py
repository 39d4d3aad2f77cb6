"""The page: its files under `app/web`, and the one document that every address of it begins with.

Files are read when they are asked for, and named by a fingerprint of all of them, so that a browser keeps them until
any of them changes and never mixes two releases. A person at an address that there is not is shown the document too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header
from fastapi import Request as HttpRequest
from fastapi import Response as HttpResponse
from starlette.concurrency import run_in_threadpool

from app.errors import http_exception
from core.errors import NotFound

WEB = Path(__file__).parent / "web"

ADDRESSES = ("/", "/c/{id}", "/documents", "/documents/{id}", "/search", "/answers/{id}/why", "/status")
"""What the page itself makes of the address; the server sends the same document for each."""

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""What is served: nothing else that may lie in the folder."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads nothing from anywhere else and runs no script that is not a file of its own."""

_PLACEHOLDER = "/assets/@/"
_FOR_EVER = "public, max-age=31536000, immutable"
_READING = ["GET", "HEAD"]

router = APIRouter(include_in_schema=False)


def install(app: FastAPI) -> None:
    """Adds the page to an application whose errors `app.errors.install` has taught it to tell."""
    app.include_router(router)
    app.add_exception_handler(404, _nothing_here)


def files() -> dict[str, Path]:
    """Every file that belongs to the page, by its path in the folder."""
    found = (path for path in sorted(WEB.rglob("*")) if path.suffix in TYPES or path.suffix == ".html")
    return {path.relative_to(WEB).as_posix(): path for path in found}


def fingerprint() -> str:
    """Changes when any of the page's files does."""
    digest = hashlib.sha256()
    for name, path in files().items():
        found = path.stat()
        digest.update(f"{name} {found.st_mtime_ns} {found.st_size}\n".encode())
    return digest.hexdigest()[:16]


async def page() -> HttpResponse:
    """The document. It names its files by their fingerprint, so it is asked for anew each time itself."""
    text, mark = await run_in_threadpool(lambda: ((WEB / "index.html").read_text(), fingerprint()))
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-cache",
        "X-Frame-Options": "DENY",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return HttpResponse(text.replace(_PLACEHOLDER, f"/assets/{mark}/"), media_type="text/html", headers=headers)


async def _nothing_here(request: HttpRequest, error: Exception) -> HttpResponse:
    """A browser is sent the document, which says it in the reader's language; a program the problem."""
    own = request.url.path.startswith(("/v1/", "/assets/"))
    if own or request.method not in _READING or "text/html" not in request.headers.get("accept", ""):
        return await http_exception(request, error)
    document = await page()
    document.status_code = 404
    return document


for _address in ADDRESSES:
    router.add_api_route(_address, page, methods=_READING, name=f"page {_address}")


@router.api_route("/assets/{mark}/{path:path}", methods=_READING)
async def asset(mark: str, path: str, if_none_match: Annotated[str | None, Header()] = None) -> HttpResponse:
    """A file of the page. Under an older fingerprint it is sent as it is now, and not kept. Raises `NotFound`."""
    data, current = await run_in_threadpool(lambda: (_read(path), fingerprint()))
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": _FOR_EVER if mark == current else "no-cache"}
    if if_none_match == tag:
        return HttpResponse(status_code=304, headers=headers)
    return HttpResponse(data, media_type=TYPES[Path(path).suffix], headers=headers)


def _read(path: str) -> bytes:
    # Looked up, never joined to the folder: no way of writing a path leads out of it.
    found = files().get(path)
    if found is None or found.suffix not in TYPES:
        raise NotFound("The page has no such file.")
    return found.read_bytes()
