"""The OpenAPI document: complete, and true of what the server does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from app.api.deps import administrator
from app.api.routes import routers
from app.main import create_app
from app.settings import Settings

ISSUED = {
    "get /v1/finetune/registry",
    "get /v1/adapters/{title}/versions",
    "get /v1/adapters/{title}/versions/{version}",
    "post /v1/adapters/{title}/versions/{version}/verify",
    "post /v1/adapters/{title}/versions/{version}/load",
    "put /v1/adapters/{title}/versions/{version}/pin",
    "delete /v1/adapters/{title}/versions/{version}/pin",
    "post /v1/finetune/registry/retire",
    "post /v1/documents",
    "get /v1/documents",
    "get /v1/documents/{id}",
    "patch /v1/documents/{id}",
    "delete /v1/documents/{id}",
    "post /v1/documents/{id}/restore",
    "get /v1/documents/{id}/versions",
    "get /v1/documents/{id}/content",
    "get /v1/documents/{id}/chunks",
    "get /v1/documents/{id}/pages/{n}.png",
    "options /v1/uploads",
    "post /v1/uploads",
    "head /v1/uploads/{id}",
    "get /v1/uploads/{id}",
    "patch /v1/uploads/{id}",
    "delete /v1/uploads/{id}",
    "get /v1/jobs",
    "get /v1/jobs/{id}",
    "get /v1/jobs/{id}/events",
    "post /v1/jobs/{id}/cancel",
    "post /v1/jobs/{id}/retry",
    "get /v1/collections",
    "post /v1/collections",
    "get /v1/collections/{name}",
    "patch /v1/collections/{name}",
    "delete /v1/collections/{name}",
    "post /v1/search",
    "post /v1/answers",
    "get /v1/answers/{id}",
    "get /v1/answers/{id}/events",
    "post /v1/answers/{id}/cancel",
    "get /v1/answers/{id}/trace",
    "post /v1/assistants/search",
    "post /v1/assistants/count",
    "get /v1/assistants/{id}",
    "get /v1/assistants/{id}/graph",
    "get /v1/assistants/{id}/schemas",
    "get /v1/assistants/{id}/subgraphs",
    "post /v1/assistants/{id}/versions",
    "post /v1/threads",
    "post /v1/threads/search",
    "post /v1/threads/count",
    "get /v1/threads/{id}",
    "patch /v1/threads/{id}",
    "delete /v1/threads/{id}",
    "post /v1/threads/prune",
    "post /v1/threads/{id}/copy",
    "get /v1/threads/{id}/state",
    "get /v1/threads/{id}/state/{checkpoint_id}",
    "post /v1/threads/{id}/state/checkpoint",
    "post /v1/threads/{id}/history",
    "post /v1/threads/{id}/runs",
    "get /v1/threads/{id}/runs",
    "post /v1/threads/{id}/runs/stream",
    "post /v1/threads/{id}/runs/wait",
    "get /v1/threads/{id}/runs/{run_id}",
    "delete /v1/threads/{id}/runs/{run_id}",
    "get /v1/threads/{id}/runs/{run_id}/stream",
    "get /v1/threads/{id}/runs/{run_id}/join",
    "post /v1/threads/{id}/runs/{run_id}/cancel",
    "get /v1/threads/{id}/runs/{run_id}/steps",
    "put /v1/threads/{id}/runs/{run_id}/steps/{n}/feedback",
    "get /v1/ok",
    "get /v1/info",
    "post /v1/runs",
    "post /v1/runs/batch",
    "post /v1/runs/cancel",
    "post /v1/runs/stream",
    "post /v1/runs/wait",
    "get /v1/audit",
    "get /v1/conversations",
    "get /v1/conversations/{id}",
    "patch /v1/conversations/{id}",
    "delete /v1/conversations/{id}",
    "get /v1/conversations/{id}/export.md",
    "get /v1/session",
    "post /v1/session",
    "delete /v1/session",
    "post /v1/feedback",
    "get /v1/feedback",
    "delete /v1/feedback/{id}",
    "post /v1/chat/completions",
    "get /v1/models",
    "get /v1/models/{model}",
    "get /v1/adapters",
    "post /v1/adapters",
    "delete /v1/adapters/{name}",
    "get /v1/gates",
    "post /v1/gates",
    "get /v1/gates/{gate_id}",
    "delete /v1/gates/{gate_id}",
    "get /v1/gates/{gate_id}/page",
    "post /v1/gates/{gate_id}/cancel",
    "post /v1/gates/{gate_id}/resume",
    "get /v1/drift",
    "get /v1/drift/examples",
    "get /v1/drift/history",
    "post /v1/drift/look",
    "get /v1/deployments",
    "post /v1/deployments",
    "get /v1/deployments/history",
    "post /v1/deployments/rollback",
    "get /v1/deployments/{deployment_id}",
    "post /v1/deployments/{deployment_id}/shadow",
    "post /v1/deployments/{deployment_id}/canary",
    "post /v1/deployments/{deployment_id}/promote",
    "post /v1/deployments/{deployment_id}/rollback",
    "get /v1/finetune/audit",
    "get /v1/finetune/datasets",
    "post /v1/finetune/datasets",
    "get /v1/finetune/datasets/{version}",
    "delete /v1/finetune/datasets/{version}",
    "get /v1/finetune/datasets/{version}/report",
    "get /v1/finetune/datasets/{version}/rows",
    "get /v1/finetune/builds/{id}",
    "post /v1/finetune/builds/{id}/cancel",
    "get /v1/finetune/files",
    "put /v1/finetune/files/{name}",
    "delete /v1/finetune/files/{name}",
    "get /v1/finetune/lineage",
    "get /v1/finetune/exclusions",
    "post /v1/finetune/exclusions",
    "delete /v1/finetune/exclusions",
    "post /v1/finetune/purge",
    "get /v1/finetune/advice",
    "post /v1/finetune/lint",
    "get /v1/finetune/runs",
    "post /v1/finetune/runs",
    "get /v1/finetune/runs/{name}",
    "delete /v1/finetune/runs/{name}",
    "get /v1/finetune/runs/{name}/curves",
    "get /v1/finetune/runs/{name}/events",
    "post /v1/finetune/runs/{name}/cancel",
    "post /v1/finetune/runs/{name}/resume",
    "get /v1/finetune/runs/{name}/log",
    "get /v1/stats",
    "get /healthz",
    "get /readyz",
    "get /metrics",
}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("data")), _never)
    found: dict[str, Any] = app.openapi()
    return found


def _never(settings: Settings) -> Any:
    raise AssertionError("the document is written without opening anything")


def _shape(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a body is, or each of a list."""
    found: dict[str, Any] = document["components"]["schemas"][schema.get("items", schema)["$ref"].rpartition("/")[2]]
    return found


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def test_every_route_is_there(document: dict[str, Any]) -> None:
    assert {name for name, _ in _operations(document)} == ISSUED


def test_every_operation_says_what_it_is(document: dict[str, Any], subtests: pytest.Subtests) -> None:
    for name, operation in _operations(document):
        with subtests.test(name):
            assert operation["summary"]
            assert operation["description"]
            assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}
            assert operation["operationId"].replace("_", "").isalpha()
    ids = [operation["operationId"] for _, operation in _operations(document)]
    assert len(ids) == len(set(ids))


def test_every_operation_has_an_example_of_its_success(document: dict[str, Any], subtests: pytest.Subtests) -> None:
    for name, operation in _operations(document):
        with subtests.test(name):
            good = [r for status, r in operation["responses"].items() if status.startswith("2") and status != "204"]
            contents = [c for r in good for c in r.get("content", {}).values()]
            assert contents or "204" in operation["responses"]
            for content in contents:
                assert "example" in content or _exemplified(document, content["schema"])


def _exemplified(document: dict[str, Any], schema: dict[str, Any]) -> bool:
    found = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return all("examples" in field for field in found["properties"].values())


def test_every_body_has_an_example(document: dict[str, Any], subtests: pytest.Subtests) -> None:
    for name, operation in _operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            with subtests.test(name):
                assert "example" in content or "examples" in str(_shape(document, content["schema"]))


def test_every_operation_tells_its_problems(document: dict[str, Any], subtests: pytest.Subtests) -> None:
    for name, operation in _operations(document):
        if name in ("get /healthz", "get /readyz"):
            continue
        with subtests.test(name):
            bad = {status: r for status, r in operation["responses"].items() if status.startswith(("4", "5"))}
            openai = operation["tags"] == ["openai"]
            kind, shape = ("application/json", "OpenAIError") if openai else ("application/problem+json", "Problem")
            assert {"401", "503", "400" if openai else "422"} <= set(bad)
            if "{id}" in name or "{name}" in name:
                assert "404" in bad
            for status, response in bad.items():
                assert list(response["content"]) == [kind]
                content = response["content"][kind]
                assert openai or content["example"]["status"] == int(status)
                assert content["schema"] == {"$ref": f"#/components/schemas/{shape}"}


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    for reference in walk(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_request_model_refuses_what_it_does_not_know(document: dict[str, Any]) -> None:
    for name, operation in _operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            schema = content["schema"]
            if kind == "application/json" and "chat/completions" not in name:
                schema = _shape(document, schema)
                assert schema["additionalProperties"] is False, name


async def test_it_is_served(world: Any) -> None:
    served = (await world.http.get("/openapi.json")).json()
    assert served["info"]["title"] == "Footnote"
    assert served["openapi"].startswith("3.")


def test_what_is_learnt_from_and_made_of_it_is_for_administrators() -> None:
    """Rows hold other people's words: no route to them is open to others by an oversight."""
    every = [route for router in routers() for route in router.routes if isinstance(route, APIRoute)]
    found = [
        route
        for route in every
        if route.path.startswith(("/v1/finetune", "/v1/adapters", "/v1/deployments", "/v1/gates", "/v1/drift"))
    ]
    assert len(found) > 30
    for route in found:
        assert administrator in {each.call for each in route.dependant.dependencies}, f"{route.methods} {route.path}"
