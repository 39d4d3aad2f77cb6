"""`footnote threads`: agents' threads, read again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.agent import print_step
from app.cli.agent_open import told
from app.cli.client import Api, connect
from app.cli.output import out, plain, put_json, put_table
from app.cli.questions import print_answer
from app.settings import load_settings

threads = typer.Typer(no_args_is_help=True, help="What agents were given to do.")

ThreadId = Annotated[str, typer.Argument(help="A thread's id.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the response as JSON.")]


@threads.command("list")
def list_threads(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20, as_json: AsJson = False
) -> None:
    """Your threads, those last used first."""
    fields = ["thread_id", "status", "updated_at", "metadata"]
    with connect(load_settings()) as api:
        found = api.call("POST", "/v1/threads/search", json={"limit": limit, "select": fields})
    if as_json:
        put_json(found)
        return
    rows = [(each["thread_id"], each["status"], each["metadata"].get("title", "")) for each in found]
    put_table(("thread", "status", "title"), rows)


@threads.command("show")
def show(thread: ThreadId, as_json: AsJson = False) -> None:
    """A thread's tasks, the steps that were taken and the answers."""
    with connect(load_settings()) as api:
        found = api.call("GET", f"/v1/threads/{thread}")
        runs = api.call("GET", f"/v1/threads/{thread}/runs", params={"limit": 100})[::-1]
        tasks = [(run, _last(run, runs), _steps(api, run)) for run in runs if run["run_id"] == run["task_id"]]
    if as_json:
        put_json({**found, "runs": runs, "steps": {run["run_id"]: steps for run, _, steps in tasks}})
        return
    for run, last, steps in tasks:
        out.print(f"[bold]{plain(run['task'])}[/bold]  [dim]{plain(run['agent'])}, {last['status']}[/dim]")
        for step in steps:
            if step["tool"] != "answer":
                print_step(step)
        answer = (last["output"] or {}).get("answer")
        if answer:
            print_answer(answer, kept=False)
        if last["error"]:
            out.print(f"  [red]{plain(last['error']['message'])}[/red]")
        out.print()
    for interrupt in (each for asked in found["interrupts"].values() for each in asked):
        for line in told(interrupt["value"]):
            out.print(line)
        out.print(f"  Decide with: footnote agent --thread {plain(thread)}")


@threads.command("delete")
def delete(thread: ThreadId) -> None:
    """Delete a thread with its runs; one that goes on is stopped."""
    with connect(load_settings()) as api:
        api.call("DELETE", f"/v1/threads/{thread}")


def _last(run: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run that went on last with a task."""
    return [each for each in runs if each["task_id"] == run["run_id"]][-1]


def _steps(api: Api, run: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.call("GET", f"/v1/threads/{run['thread_id']}/runs/{run['run_id']}/steps")["items"]
    return found


__all__ = ["threads"]
