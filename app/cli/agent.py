"""`footnote agent`: a task for an agent, its steps as they come, and what it asks before it acts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

import httpx
import typer
from rich.status import Status

from app.cli.agent_asking import Undecided, decided
from app.cli.agent_open import last_run, told, waiting
from app.cli.client import Api, connect, problem
from app.cli.filters import Filter, parsed
from app.cli.output import Exit, err, fail, out, plain, put_json
from app.cli.questions import print_answer
from app.settings import load_settings

_COME_BACK = 10
_START_SECONDS = 60.0
_WIDTH = 160


def agent(
    task: Annotated[
        str | None,
        typer.Argument(help="What is to be done; none where a thread waits for a decision.", show_default=False),
    ] = None,
    name: Annotated[str | None, typer.Option("--agent", help="Who does it.", show_default="the default")] = None,
    collection: Annotated[list[str] | None, typer.Option(help="Only this collection; may be repeated.")] = None,
    filters: Filter = None,
    thread: Annotated[str | None, typer.Option(help="Go on with this thread.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Give up what the thread waits for.")] = False,
    adapter: Annotated[str | None, typer.Option(help="The adapter to write, for administrators.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print how it ended as JSON; nothing is asked.")] = False,
) -> None:
    """Give an agent a task. Its steps are shown as they come; before it changes or sends something it asks."""
    if task is None and thread is None:
        fail("Say what is to be done, or name with --thread what waits for your decision.", Exit.USAGE)
    narrowed = {
        **({"collections": collection} if collection else {}),
        **({"adapter": adapter} if adapter else {}),
        **parsed(filters or []),
    }
    with connect(load_settings(), whole=True) as api:
        worker = _worker(api, name)
        thread_id = thread or str(api.call("POST", "/v1/threads", json={})["thread_id"])
        open_question = waiting(api, thread_id) if thread else None
        run = Run(api, thread_id, quiet=as_json)
        if task is None:
            if open_question is None:
                fail("This thread waits for nothing. Give it a task.", Exit.USAGE)
            worker = open_question.agent
            run.take_up(open_question.run_id, open_question.interrupts)
        elif open_question is not None and not withdraw:
            for line in told(open_question.interrupts[0]["value"]):
                err.print(line)
            fail(
                f"This thread waits for your decision. Decide with `footnote agent --thread {thread_id}`, or give up "
                "what it waits for with --withdraw.",
                Exit.WAITING,
            )
        else:
            body = {"input": {"task": task}, "config": {"configurable": narrowed}, "multitask_strategy": "reject"}
            run.follow({"assistant_id": worker, **body})
        if not as_json:
            _decide(run, worker)
        run.end(as_json=as_json)


def _decide(run: Run, worker: str) -> None:
    """Asks the person as long as the run asks, and somebody is there to answer."""
    while run.interrupts:
        asked = run.interrupts[0]
        try:
            decision = decided(asked["value"])
        except Undecided:
            return
        try:
            # by its id: somebody else may have settled it meanwhile, and another question be asked in its place
            run.follow({"assistant_id": worker, "command": {"resume": {asked["id"]: decision}}})
        except Settled as settled:
            err.print(f"[yellow]{plain(str(settled))}[/yellow]")
            run.catch_up()


def _worker(api: Api, name: str | None) -> str:
    """The agent that was named, or the default one. Ends the command, with the names there are, where there is none."""
    default = _default(api)
    if name is None:
        return default
    known = [str(each["name"]) for each in api.call("POST", "/v1/assistants/search", json={"limit": 1000})]
    if name not in known:
        fail(f"There is no agent {name} for you here. There are: {', '.join(sorted(known))}.", Exit.NOT_FOUND)
    return name


class Settled(Exception):
    """What was decided had been settled by somebody else."""


def _default(api: Api) -> str:
    """The agent that works where none is named; a server that was just started has none for a moment."""
    deadline = time.monotonic() + _START_SECONDS
    search = {"json": {"metadata": {"default": True}}}
    while (response := api.request("POST", "/v1/assistants/search", **search)).status_code == 503:
        if time.monotonic() > deadline:
            fail(problem(response), Exit.UNREACHABLE)
        time.sleep(0.2)
    found = api.call("POST", "/v1/assistants/search", **search)
    if not found:
        fail("There is no agent for you here; ask whoever runs the server.", Exit.NOT_FOUND)
    return str(found[0]["graph_id"])


class Run:
    """A run as the command follows it."""

    def __init__(self, api: Api, thread_id: str, *, quiet: bool) -> None:
        self._api = api
        self._thread_id = thread_id
        self._quiet = quiet
        self._run_id: str | None = None
        self._seen = ""
        self._called: set[int] = set()
        self._shown: set[int] = set()
        self._last = 0
        self._error: dict[str, Any] | None = None
        self.interrupts: list[dict[str, Any]] = []

    def take_up(self, run_id: str, interrupts: list[dict[str, Any]]) -> None:
        """Goes on with a run that waits."""
        self._run_id, self.interrupts = run_id, interrupts

    def catch_up(self) -> None:
        """Shows what has become of the thread meanwhile, until it ends or asks."""
        if (run_id := last_run(self._api, self._thread_id)) is not None:
            self.follow({}, run_id)

    def follow(self, body: dict[str, Any], run_id: str | None = None) -> None:
        """Begins a run, or looks at the one with this id, and shows its steps until it ends or asks. Ctrl-C stops it.
        Raises `Settled`."""
        self._run_id, self._seen, self._error, self.interrupts = run_id, "", None, []
        with err.status("thinking …") as status:
            try:
                for event, data in self._events({**body, "stream_mode": ["custom"]}):
                    self._take(event, data, status)
            except KeyboardInterrupt:
                self._cancel()
                raise typer.Exit(130) from None

    def end(self, *, as_json: bool) -> None:
        """Shows how it ended, and ends the command with what that means."""
        run = self._api.call("GET", f"{self._path}/{self._run_id}")
        answer = (run["output"] or {}).get("answer")
        if as_json:
            put_json({**run, "interrupts": self.interrupts})
        elif answer:
            out.print()
            print_answer(answer, kept=False)
            if incomplete := run["output"].get("incomplete"):
                out.print(f"  [yellow]incomplete: {plain(str(incomplete.get('message') or incomplete))}[/yellow]")
        if not as_json:
            out.print(f"  [dim]thread {plain(self._thread_id)}[/dim]")
        if self.interrupts:
            if not as_json:
                address = str(self._api.http.base_url).rstrip("/")
                err.print(
                    f"It waits for your decision: `footnote agent --thread {self._thread_id}`, or {address}/agents."
                )
            raise typer.Exit(Exit.WAITING)
        if self._error is not None:
            fail(str(self._error.get("message")))
        if not (answer and answer["answerable"]):
            raise typer.Exit(Exit.NO_ANSWER)

    # ---- the stream --------------------------------------------------------------------------------------------------

    @property
    def _path(self) -> str:
        return f"/v1/threads/{self._thread_id}/runs"

    def _events(self, body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Every event until the end. A connection that breaks is taken up where it broke."""
        tries = 0
        while True:
            request: dict[str, Any] = {"method": "POST", "url": f"{self._path}/stream", "json": body}
            if self._run_id is not None:
                headers = {"Last-Event-ID": self._seen} if self._seen else {}
                url = f"{self._path}/{self._run_id}/stream"
                request = {"method": "GET", "url": url, "headers": headers, "params": {"stream_mode": "custom"}}
            with suppress(httpx.TransportError):
                for event, data in self._read(request):
                    tries = 0
                    yield event, data
                    if event in ("end", "error"):
                        return
            tries += 1
            if self._run_id is None or tries > _COME_BACK:
                fail(f"The connection to {self._api.http.base_url} broke.", Exit.UNREACHABLE)
            time.sleep(min(tries, 5))

    def _read(self, request: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        with self._api.http.stream(**request, timeout=httpx.Timeout(30.0)) as response:
            if response.is_error:
                response.read()
                if response.status_code == 409 and "command" in request.get("json", {}):
                    raise Settled(problem(response))
                fail(problem(response), Exit.NOT_FOUND if response.status_code == 404 else Exit.FAILED)
            fields: dict[str, str] = {}
            for line in response.iter_lines():
                if line:
                    key, _, value = line.partition(": ")
                    fields[key] = value
                    continue
                if "event" in fields:
                    self._seen = fields.get("id", self._seen)
                    yield fields["event"], json.loads(fields["data"])
                fields = {}

    def _take(self, event: str, data: Any, status: Status) -> None:
        if event == "metadata":
            self._run_id = data["run_id"]
        elif event == "error":
            self._error = data
        elif event == "custom" and data["type"] == "interrupt":
            self.interrupts = data["interrupts"]
        elif event == "custom" and data["type"] == "step":
            self._show(data["step"], status)

    def _show(self, step: dict[str, Any], status: Status) -> None:
        """What is called when it is called, and what it brought once it is there. What others do for a step stands
        between the two."""
        if step["tool"] == "answer" or self._quiet:
            return
        number = step["number"]
        if number not in self._called:
            self._called.add(number)
            self._last = number
            print_call(step)
        if step["status"] == "done" and number not in self._shown:
            self._shown.add(number)
            print_brought(step, named=self._last != number)
            self._last = number
        elif step["status"] != "done":
            status.update(plain(f"{step['agent']}: {step['tool']} …"))

    def _cancel(self) -> None:
        if self._run_id is not None:
            with suppress(httpx.HTTPError):
                self._api.http.post(f"{self._path}/{self._run_id}/cancel")
        err.print("stopped")


def print_step(step: dict[str, Any]) -> None:
    """A step: who took it, what was called, and the beginning of what it brought."""
    print_call(step)
    print_brought(step)


def print_call(step: dict[str, Any]) -> None:
    """Who calls what, further in the further below."""
    called = f"{plain(step['tool'])} {plain(_short(json.dumps(step['arguments'], ensure_ascii=False)))}"
    out.print(f"{_indent(step)}[bold]{step['number']}[/bold] [dim]{plain(_who(step))}[/dim] {called}")
    if step.get("thought"):
        out.print(f"{_indent(step)}  [italic dim]{plain(_short(step['thought']))}[/italic dim]")


def print_brought(step: dict[str, Any], *, named: bool = False) -> None:
    """The beginning of what a step brought; `named` says which it was."""
    brought = plain(_short(step.get("observation") or ""))
    number = f"[bold]{step['number']}[/bold] " if named else ""
    if step.get("failure"):
        out.print(f"{_indent(step)}  {number}[yellow]{plain(step['failure'])}: {brought}[/yellow]")
    elif brought:
        out.print(f"{_indent(step)}  {number}[dim]{brought}[/dim]")


def _indent(step: dict[str, Any]) -> str:
    path: str = step["agent"]
    return "  " * (1 + path.count("/"))


def _who(step: dict[str, Any]) -> str:
    name: str = step["agent"]
    return name.rpartition("/")[2]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


__all__ = ["agent", "print_brought", "print_call", "print_step"]
