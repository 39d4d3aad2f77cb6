"""What assistants, threads and runs look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

THREAD_ID = "6c1f0a8e-3c58-4b0c-9d3a-5f2f7a1b8e90"
RUN_ID = "1ef5a2b4-7c1d-4e6a-8f0b-2d9c3b4a5e61"
_ASSISTANT_ID = "4b9c9c5e-7b7e-5d0b-8f5d-2f1c3f4e5a6b"
_AT = "2026-11-20T09:32:00Z"

ASSISTANT: dict[str, Any] = {
    "assistant_id": _ASSISTANT_ID,
    "graph_id": "researcher",
    "name": "researcher",
    "description": "Finds what the documents say about a question and answers with citations.",
    "config": {},
    "context": {},
    "metadata": {
        "tools": {"search_documents": "always", "read_document": "always"},
        "agents": [],
        "critic": None,
        "default": False,
    },
    "version": 1,
    "created_at": _AT,
    "updated_at": _AT,
}
GRAPH: dict[str, Any] = {
    "nodes": [{"id": "reason", "type": "runnable", "data": {"name": "reason"}}],
    "edges": [{"source": "__start__", "target": "reason"}],
}
SCHEMAS: dict[str, Any] = {
    "graph_id": "researcher",
    "input_schema": {"type": "object", "properties": {"task": {"type": "string"}}},
    "output_schema": {"type": "object", "properties": {"answer": {"type": ["object", "null"]}}},
    "state_schema": {"type": "object", "properties": {"answer": {"type": ["object", "null"]}}},
    "config_schema": {"type": "object", "properties": {"collections": {"type": "array"}}},
    "context_schema": {"type": "object", "properties": {"collections": {"type": "array"}}},
}
STEP: dict[str, Any] = {
    "number": 1,
    "agent": "researcher",
    "tool": "search_documents",
    "arguments": {"query": "days of leave"},
    "thought": "The handbook should say how many days there are.",
    "status": "done",
    "parent": None,
    "permission": "always",
    "reasons": [],
    "decision": None,
    "observation": "[1] Leave policy, page 2: Every employee has 28 days of paid leave a year.",
    "rest": None,
    "data": {},
    "failure": None,
    "untrusted": True,
    "sources": ["1"],
    "generator": {"name": "extractive", "fingerprint": "extractive-1", "adapter": None},
    "usage": {"prompt_tokens": 0, "completion_tokens": 0},
    "cost": 0.0,
    "timings_ms": {"reason": 1.2, "act": 6.0},
    "rating": None,
    "comment": None,
    "created_at": _AT,
    "updated_at": _AT,
}
_VALUES: dict[str, Any] = {
    "run_id": RUN_ID,
    "agent": "researcher",
    "messages": [
        {"type": "human", "content": "How many days of leave do I have?", "id": RUN_ID},
        {"type": "ai", "content": "Every employee has 28 days of paid leave a year. [1]", "id": "a1"},
    ],
    "steps": [],
    "sources": [],
    "budget": {"agent": "researcher", "steps": 2, "tokens": 0},
    "answer": {"statements": [{"text": "Every employee has 28 days …", "sources": ["1"]}], "answerable": True},
    "incomplete": None,
}
INTERRUPT: dict[str, Any] = {
    "id": "9f86d081884c7d65",
    "value": {
        "kind": "approval",
        "action_requests": [{"name": "http_request", "args": {"url": "https://…"}, "description": "…"}],
        "review_configs": [
            {"action_name": "http_request", "allowed_decisions": ["approve", "edit", "reject", "respond"]}
        ],
        "step": 3,
        "agent": "assistant",
        "effect": "sends",
        "reasons": ["It sends data outside."],
        "expires_at": "2026-11-23T09:32:00Z",
    },
}
THREAD: dict[str, Any] = {
    "thread_id": THREAD_ID,
    "created_at": _AT,
    "updated_at": _AT,
    "metadata": {"graph_id": "researcher", "assistant_id": _ASSISTANT_ID, "title": "How many days of leave do I have?"},
    "status": "idle",
    "values": _VALUES,
    "interrupts": {},
    "ttl": None,
}
_CHECKPOINT: dict[str, Any] = {
    "thread_id": THREAD_ID,
    "checkpoint_ns": "",
    "checkpoint_id": "1f0c9d3a-5f2f-6a1b-8007-3c584b0c9d3a",
    "checkpoint_map": None,
}
STATE: dict[str, Any] = {
    "values": _VALUES,
    "next": [],
    "checkpoint": _CHECKPOINT,
    "metadata": {},
    "created_at": _AT,
    "parent_checkpoint": None,
    "tasks": [],
    "interrupts": [],
}
RUN: dict[str, Any] = {
    "run_id": RUN_ID,
    "thread_id": THREAD_ID,
    "assistant_id": _ASSISTANT_ID,
    "created_at": _AT,
    "updated_at": _AT,
    "status": "pending",
    "metadata": {},
    "multitask_strategy": "enqueue",
    "cancel_reason": None,
    "agent": "researcher",
    "task": "How many days of leave do I have?",
    "task_id": RUN_ID,
    "output": None,
    "error": None,
    "started_at": None,
    "finished_at": None,
}
VALUES = _VALUES
ENTRY: dict[str, Any] = {
    "id": 12,
    "at": _AT,
    "decided_by": "ana",
    "principal_id": "ana",
    "decision": "approve",
    "approval_id": "9f86d081884c7d65",
    "thread_id": THREAD_ID,
    "run_id": RUN_ID,
    "step": 3,
    "agent": "assistant",
    "tool": "http_request",
    "arguments": {"url": "https://example.com/"},
    "detail": "",
    "asked": None,
}
STREAM = (
    'retry: 2000\n\nid: 1000001\nevent: metadata\ndata: {"run_id": "1ef5…", "thread_id": "6c1f…", "attempt": 1}\n\n'
    'id: 1000002\nevent: custom\ndata: {"type": "step", "step": {"number": 1, "tool": "search_documents", …}}\n\n'
    'id: 1000003\nevent: updates\ndata: {"observe": {"steps": [{"number": 1, …}]}}\n\n'
    'id: 1000007\nevent: values\ndata: {"messages": […], "steps": […], "sources": […], "answer": {…}}\n\n'
    "id: 1000008\nevent: end\ndata: null\n\n"
)
