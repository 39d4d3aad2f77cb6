"""What a thread waits for, as the terminal tells it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.cli.client import Api
from app.cli.output import plain


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """What the run `run_id` of a thread asks a person, worked on by `agent`."""

    run_id: str
    agent: str
    interrupts: list[dict[str, Any]]


def waiting(api: Api, thread_id: str) -> Waiting | None:
    """What a thread waits for; None where it waits for nothing. Ends the command where there is no such thread."""
    thread = api.call("GET", f"/v1/threads/{thread_id}")
    for run_id, interrupts in thread["interrupts"].items():
        if interrupts:
            return Waiting(run_id=run_id, agent=str(thread["metadata"]["graph_id"]), interrupts=interrupts)
    return None


def last_run(api: Api, thread_id: str) -> str | None:
    """The id of a thread's latest run."""
    runs = api.call("GET", f"/v1/threads/{thread_id}/runs", params={"limit": 1})
    return str(runs[0]["run_id"]) if runs else None


def told(value: dict[str, Any]) -> list[str]:
    """What an interrupt asks, a line each, marked up for the terminal: the exact arguments, the reasons, until when."""
    lines = []
    for request in value.get("action_requests") or [{}]:
        if value.get("kind") == "question":
            lines.append(f"[bold]{plain(str(value.get('agent')))} asks:[/bold] {plain(_question(request))}")
            continue
        doing = (
            "may have been done already; do it again?" if value.get("kind") == "unknown_outcome" else "is to be done:"
        )
        lines.append(f"[bold]{plain(str(request.get('name')))}[/bold] {doing}")
        lines.append(plain(json.dumps(request.get("args"), ensure_ascii=False, indent=2)))
    lines += [f"  [yellow]{plain(str(reason))}[/yellow]" for reason in value.get("reasons") or ()]
    if value.get("expires_at"):
        lines.append(f"  [dim]until {plain(str(value['expires_at'])[:16].replace('T', ' '))} UTC[/dim]")
    return lines


def _question(request: dict[str, Any]) -> str:
    arguments = request.get("args") or {}
    return str(arguments.get("question") or request.get("description") or arguments)


__all__ = ["Waiting", "last_run", "told", "waiting"]
