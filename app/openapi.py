"""The OpenAPI document: what FastAPI writes of the routes, completed by the problems every route may answer with."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.shapes import OpenAIError, Problem
from app.errors import is_openai

DESCRIPTION = """
Answers questions over an organisation's documents, with a footnote for every statement.

**Keys.** `Authorization: Bearer …` where keys are configured; a caller sees the documents of its groups, no others.

**Errors** are `application/problem+json` (RFC 9457) with a stable `code` and the `request_id`; the OpenAI routes use
OpenAI's shape.

**Lists** are read with `limit` and `cursor`. **Creating** takes an `Idempotency-Key`: the same key and body again get
the same response.

**Streams** are server-sent events with ids: come back with `Last-Event-ID` and nothing is missed. Leaving does not
cancel.
"""

TAGS = [
    {"name": "documents", "description": "Files in, passages and pages out."},
    {"name": "uploads", "description": "The same files in parts, resumed where they broke off."},
    {"name": "jobs", "description": "What becomes of an upload or a deletion."},
    {"name": "collections", "description": "Named sets of documents."},
    {"name": "search", "description": "Passages for a question."},
    {"name": "answers", "description": "Statements with their sources."},
    {
        "name": "agents",
        "description": "Tasks for agents, in LangGraph's shape: assistants, threads, runs.",
    },
    {"name": "conversations", "description": "Threads of questions."},
    {"name": "feedback", "description": "What people think of answers."},
    {"name": "openai", "description": "The same answers for OpenAI's clients."},
    {"name": "adapters", "description": "Fine-tuned variants of the model, on its engines."},
    {"name": "deployments", "description": "Which version answers whom: shadow, canary, champion, and the way back."},
    {"name": "finetune", "description": "Learning from feedback: datasets, runs of training, what came of them."},
    {"name": "session", "description": "Who calls, and signing in from a browser."},
    {"name": "health", "description": "For orchestrators and monitors."},
]


def install(app: FastAPI) -> None:
    """Makes `app.openapi()` return the complete document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for shape in (Problem, OpenAIError):
        schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[shape.__name__] = schema
    # FastAPI adds its 422 to every route with parameters, beside the 400 that OpenAI's routes answer with.
    for path, item in document["paths"].items():
        if is_openai(path):
            for operation in item.values():
                operation["responses"].pop("422", None)
    # FastAPI documents its own 422; ours has another shape.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return document
