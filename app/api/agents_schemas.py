"""What agents take and give, as JSON schemas, and the graph that they go through."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.api.shapes import Response

_OBJECTS = {"type": "array", "items": {"type": "object"}}
_MESSAGE = {
    "type": "object",
    "properties": {
        "role": {"enum": ["user", "assistant"]},
        "type": {"enum": ["human", "ai"]},
        "content": {"type": "string"},
    },
    "required": ["content"],
}
INPUT: dict[str, Any] = {
    "title": "Input",
    "description": "Either `messages`, the task last, or `task`.",
    "type": "object",
    "properties": {"messages": {"type": "array", "items": _MESSAGE}, "task": {"type": "string"}},
    "additionalProperties": False,
    "oneOf": [{"required": ["messages"]}, {"required": ["task"]}],
}
"""What a run is given."""
OUTPUT: dict[str, Any] = {
    "title": "Values",
    "type": "object",
    "properties": {
        "run_id": {"type": "string", "description": "The run that began the task."},
        "agent": {"type": "string"},
        "messages": {"type": "array", "items": _MESSAGE},
        "steps": {**_OBJECTS, "description": "Thought, tool, arguments, what it brought."},
        "sources": {**_OBJECTS, "description": "The passages that were read, by the ids that statements cite."},
        "budget": {"type": "object"},
        "answer": {"type": ["object", "null"], "description": "Statements, each with the ids of its sources."},
        "incomplete": {"type": ["object", "null"], "description": "Why the answer came before the work was done."},
    },
}
"""What a thread holds."""


class Graph(Response):
    """Nodes and edges, as LangGraph draws them."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]


class Schemas(Response):
    """JSON schemas of what goes in and comes out."""

    graph_id: str
    input_schema: dict[str, Any] = Field(description="A run's `input`.")
    output_schema: dict[str, Any] = Field(description="What waiting for a run brings.")
    state_schema: dict[str, Any] = Field(description="A thread's `values`.")
    config_schema: dict[str, Any] = Field(description="A run's `config.configurable`.")
    context_schema: dict[str, Any] = Field(description="A run's `context`.")


__all__ = ["INPUT", "OUTPUT", "Graph", "Schemas"]
