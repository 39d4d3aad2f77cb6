"""The loop as a drawing: which node hands on to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.scene import ACT, ASK, CONCLUDE, GUARD, OBSERVE, REASON

BEGIN, END = "__start__", "__end__"
"""LangGraph's names for where a run begins and where it is over."""
EDGES: Mapping[str, tuple[str, ...]] = {
    BEGIN: (REASON,),
    REASON: (GUARD, CONCLUDE),
    GUARD: (ACT, ASK, OBSERVE, CONCLUDE, REASON),
    ASK: (ACT, OBSERVE),
    ACT: (REASON, OBSERVE, ASK),
    OBSERVE: (REASON,),
    CONCLUDE: (REASON, END),
}
"""Each node with those that may come after it. A guard that lets a call pass that only reads makes it as well."""


def drawing() -> dict[str, list[dict[str, Any]]]:
    """Nodes and edges as LangGraph draws a graph. Sub-agents go through the same nodes."""
    nodes = [{"id": name, "type": "runnable", "data": {"name": name}} for name in (*EDGES, END)]
    edges = [
        {"source": source, "target": target, **({"conditional": True} if len(targets) > 1 else {})}
        for source, targets in EDGES.items()
        for target in targets
    ]
    return {"nodes": nodes, "edges": edges}


__all__ = ["BEGIN", "EDGES", "END", "drawing"]
