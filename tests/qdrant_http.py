"""Qdrant's REST interface over `qdrant-client`'s local mode: enough of it for several processes to share one index.

    python tests/qdrant_http.py FD [API_KEY]     serves on the listening socket FD

No Qdrant server is installed where these tests run. The engine here is the vendor's own in Python (exact search, the
same filters, fusions and IDF, payload indexes and quantization accepted and without effect); what passes over the wire
is what a server gets. Points are kept in memory: after a kill they are gone, as with a lost volume.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from qdrant_client import AsyncQdrantClient, models


@contextlib.contextmanager
def serve(key: str | None = None, port: int = 0) -> Iterator[str]:
    """A process of it, from its first answer until it is killed; its address."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        command = [sys.executable, __file__, str(listener.fileno()), *([key] if key else [])]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()])
        port = listener.getsockname()[1]
    try:
        # The socket listens already: the first request waits until the process has come so far.
        httpx.get(f"http://127.0.0.1:{port}/", headers={"api-key": key or ""}, timeout=60).raise_for_status()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def application(key: str | None) -> FastAPI:
    """The routes that the index uses."""
    app = FastAPI()
    engine = AsyncQdrantClient(":memory:")

    @app.middleware("http")
    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        if key is not None and request.headers.get("api-key") != key:
            return Response("Must provide an API key or an Authorization bearer token", 401)
        return await go_on(request)

    @app.exception_handler(ValueError)
    async def refused(_: Request, error: ValueError) -> Response:
        text = str(error)
        status = 404 if "not found" in text else 409 if "already exists" in text else 400
        return JSONResponse({"status": {"error": text}, "time": 0.0}, status)

    async def read(request: Request, shape: type[Any]) -> Any:
        return shape.model_validate_json(await request.body())

    @app.get("/")
    async def info() -> Any:
        return (await engine.info()).model_dump()

    @app.get("/collections/{name}")
    async def find(name: str) -> Any:
        return _ok(await engine.get_collection(name))

    @app.put("/collections/{name}")
    async def create(name: str, request: Request) -> Any:
        body = await read(request, models.CreateCollection)
        return _ok(await engine.create_collection(name, body.vectors, body.sparse_vectors))

    @app.delete("/collections/{name}")
    async def drop(name: str) -> Any:
        return _ok(await engine.delete_collection(name))

    @app.put("/collections/{name}/index")
    async def index(name: str, request: Request) -> Any:
        body = await read(request, models.CreateFieldIndex)
        return _ok(await engine.create_payload_index(name, body.field_name, body.field_schema))

    @app.put("/collections/{name}/points")
    async def upsert(name: str, request: Request) -> Any:
        return _ok(await engine.upsert(name, (await read(request, models.PointsList)).points))

    @app.post("/collections/{name}/points/delete")
    async def delete(name: str, request: Request) -> Any:
        return _ok(await engine.delete(name, (await read(request, models.FilterSelector)).filter))

    @app.post("/collections/{name}/points/payload")
    async def payload(name: str, request: Request) -> Any:
        body = await read(request, models.SetPayload)
        return _ok(await engine.set_payload(name, body.payload, body.filter))

    @app.post("/collections/{name}/points/count")
    async def count(name: str, request: Request) -> Any:
        return _ok(await engine.count(name, (await read(request, models.CountRequest)).filter))

    @app.post("/collections/{name}/facet")
    async def facet(name: str, request: Request) -> Any:
        body = await read(request, models.FacetRequest)
        return _ok(await engine.facet(name, body.key, body.filter, body.limit or 10))

    @app.post("/collections/{name}/points/query")
    async def query(name: str, request: Request) -> Any:
        found = await engine.query_batch_points(name, [await read(request, models.QueryRequest)])
        return _ok(found[0])

    @app.post("/collections/{name}/points/query/batch")
    async def query_batch(name: str, request: Request) -> Any:
        found = await engine.query_batch_points(name, (await read(request, models.QueryRequestBatch)).searches)
        return _ok([each.model_dump() for each in found])

    @app.get("/aliases")
    async def aliases() -> Any:
        return _ok(await engine.get_aliases())

    @app.post("/collections/aliases")
    async def change_aliases(request: Request) -> Any:
        body = await read(request, models.ChangeAliasesOperation)
        return _ok(await engine.update_collection_aliases(body.actions))

    return app


def _ok(result: Any) -> Any:
    shown = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
    return {"result": shown, "status": "ok", "time": 0.0}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # local mode says of each payload index that it has no effect
    descriptor, *key = sys.argv[1:]
    uvicorn.run(application(key[0] if key else None), fd=int(descriptor), log_level="warning")
