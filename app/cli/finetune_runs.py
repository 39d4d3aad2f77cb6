"""`footnote finetune lint|run|quantize|runs|watch|cancel|resume|log`: runs of training, over HTTP."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from app.cli.client import Api, connect, problem
from app.cli.output import Exit, err, fail, out, plain, put_json, put_table
from app.settings import load_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Name = Annotated[str, typer.Argument(help="The run's name.", show_default=False)]
Recipe = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", show_default=False)]
_BARS = "▁▂▃▄▅▆▇█"
_WIDE = 40
_TITLE = re.compile(r"[^A-Za-z0-9._-]+")
_SIZES = {
    "size": "weights",
    "eval_loss": "loss on rows kept back",
    "agreement": "same likeliest token",
    "speed": "tokens a second, in transformers",
}
_SHOWN_AS: Mapping[str, Callable[[Any], str]] = {
    "size": lambda value: f"{value / 1e6:,.1f} MB",
    "eval_loss": lambda value: f"{value:.4f}",
    "agreement": lambda value: f"{value:.1%}",
    "speed": lambda value: f"{value:.1f}",
}


class Scheme(StrEnum):
    """How a model is made smaller; the same as `finetune.recipe.Scheme`, which the terminal does not load."""

    GPTQ = "gptq-w4a16"
    AWQ = "awq-w4a16"
    FP8 = "fp8"
    INT8 = "int8"
    GGUF8 = "gguf-q8_0"
    GGUF16 = "gguf-f16"


_PATIENCE = httpx.Timeout(30.0, read=60.0)
"""The server pings every 15 seconds."""


def lint(file: Recipe, as_json: AsJson = False) -> None:
    """Say what is wrong with a recipe before time is spent, and what to change."""
    with connect(load_settings()) as api:
        found = api.call("POST", "/v1/finetune/lint", json={"recipe": _text(file)})
    if as_json:
        put_json(found)
    else:
        _put_findings(found["findings"])
        if found["memory"]:
            needed, free = (found["memory"][part] / (1 << 30) for part in ("needed_bytes", "free_bytes"))
            out.print(f"memory: about {needed:.1f} GiB on each device, {free:.1f} GiB are free")
        if found["ok"]:
            out.print("the run may start")
    if not found["ok"]:
        sys.exit(Exit.FAILED)


def run(
    file: Recipe,
    name: Annotated[str | None, typer.Option(help="The run's name; unset: the recipe's with a number.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train as a recipe says, in a process that outlives this command and the server."""
    with connect(load_settings()) as api:
        made = api.call("POST", "/v1/finetune/runs", json={"recipe": _text(file), "name": name})
        if detach:
            put_json(made) if as_json else out.print(f"{plain(made['name'])} is {made['state']}")
            return
        _follow(api, made["name"], as_json)


def quantize(
    model: Annotated[str, typer.Argument(help="A version of the registry, or a model's folder.", show_default=False)],
    scheme: Annotated[Scheme, typer.Option(help="What it becomes.", show_default=False)],
    data: Annotated[str, typer.Option(help="Rows to look at and to measure on: a dataset or a file.")],
    title: Annotated[str | None, typer.Option(help="Title of what is made; unset: the model's and the scheme.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a model smaller, an adapter merged into its base first, and say what that costs in quality."""
    called = title or f"{_TITLE.sub('-', Path(model).name.partition('@')[0])[:50]}-{scheme.value}"
    recipe = {"name": called, "method": "quantize", "model": model, "scheme": scheme.value, "data": data}
    with connect(load_settings()) as api:
        made = api.call("POST", "/v1/finetune/runs", json={"recipe": recipe})
        if detach:
            put_json(made) if as_json else out.print(f"{plain(made['name'])} is {made['state']}")
            return
        ended = _follow(api, made["name"], as_json)
    if not as_json:
        _put_sizes(ended["metrics"])


def runs(as_json: AsJson = False) -> None:
    """List runs, the newest first."""
    with connect(load_settings()) as api:
        found = api.call("GET", "/v1/finetune/runs")
    if as_json:
        put_json(found)
        return
    rows = [
        (each["name"], each["method"], each["data"], _state(each), _number(each["loss"])) for each in found["items"]
    ]
    put_table(("name", "method", "data", "state", "loss"), rows)


def watch(name: Name, as_json: AsJson = False) -> None:
    """Follow a run: its loss, the loss on rows kept back, and rewards, until it ends."""
    with connect(load_settings()) as api:
        _follow(api, name, as_json)


def cancel(name: Name, as_json: AsJson = False) -> None:
    """End a run at its next step; what it has learnt is kept to go on from."""
    _told("POST", name, "cancel", as_json)


def resume(name: Name, as_json: AsJson = False) -> None:
    """Go on with a run from its last whole checkpoint."""
    _told("POST", name, "resume", as_json)


def log(name: Name, as_json: AsJson = False) -> None:
    """Print the last 200 lines of what a run's process said."""
    with connect(load_settings()) as api:
        found = api.call("GET", f"{_path(name)}/log")
    if as_json:
        put_json(found)
        return
    for line in found["lines"]:
        out.print(plain(line))


def add(group: typer.Typer) -> None:
    """Puts the commands into the group."""
    for command in (lint, run, quantize, runs, watch, cancel, resume, log):
        group.command(command.__name__)(command)


def spark(values: Sequence[float]) -> str:
    """A curve in one line of bars: its last values, the lowest at the bottom."""
    shown = list(values)[-_WIDE:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in shown)


class _Curves:
    """What was told of a run so far, as lines for people."""

    _SHOWN = ("loss", "eval_loss", "reward", "eval_reward")

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, line: dict[str, Any]) -> None:
        for name, value in line.items():
            if isinstance(value, int | float) and (name in self._SHOWN or name.startswith("rewards/")):
                self._values.setdefault(name, []).append(float(value))

    def text(self, run: dict[str, Any]) -> str:
        names = [name for name in (*self._SHOWN, *sorted(self._values)) if name in self._values]
        curves = (
            f"{plain(name):<24} {_number(self._values[name][-1]):>9}  {spark(self._values[name])}"
            for name in dict.fromkeys(names)
            if not name.endswith("/std")
        )
        alarms = (f"[yellow]{plain(each['message'])}[/yellow]" for each in run.get("alarms", ()))
        return "\n".join([f"{plain(run.get('name', ''))}  {_state(run)}", *curves, *alarms])


def _follow(api: Api, name: str, as_json: bool) -> dict[str, Any]:
    """Tells a run until it ends, and returns it; the exit status says whether it came to its end."""
    curves, run = _Curves(), dict[str, Any]()
    live = out.is_terminal and not as_json
    with err.status("") as status:
        for kind, data in _events(api, name):
            if kind == "metrics":
                curves.add(data)
                if as_json:
                    put_json(data)
                elif not live:
                    words = "  ".join(f"{key} {_number(value)}" for key, value in data.items() if key != "time")
                    out.print(plain(words))
            else:
                run = data
            if live and run:
                status.update(curves.text(run))
    if as_json:
        put_json(run)
    elif live:
        out.print(curves.text(run))
    if run.get("published") and not as_json:
        out.print(f"made {plain(run['published'])}")
    if run.get("state") != "done" or run.get("error"):
        fail(run.get("error") or f"The run {name} is {run.get('state', 'not to be followed')}.")
    return run


def _put_sizes(metrics: dict[str, Any]) -> None:
    """Size, quality and speed before and after."""
    before, after = metrics.get("before") or {}, metrics.get("after") or {}
    rows = [
        (words, *(_SHOWN_AS[name](found[name]) if name in found else "" for found in (before, after)))
        for name, words in _SIZES.items()
        if name in before or name in after
    ]
    put_table(("", "16 bits", "smaller"), rows)


def _events(api: Api, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events of a run; where the connection breaks it is taken up after the last one."""
    last, tries = 0, 0
    while True:
        try:
            headers = {"Last-Event-ID": str(last)} if last else {}
            with api.http.stream("GET", f"{_path(name)}/events", headers=headers, timeout=_PATIENCE) as response:
                if response.is_error:
                    response.read()
                    fail(problem(response), Exit.NOT_FOUND if response.status_code == 404 else Exit.FAILED)
                for number, kind, data in _read(response):
                    last, tries = number or last, 0
                    if kind != "ping":
                        yield kind, data
                    if kind == "end":
                        return
        except httpx.TransportError as error:
            last_words = str(error)
        else:
            last_words = "the stream ended"
        tries += 1
        if tries > 5:
            fail(f"The run goes on, but the server does not tell of it any more: {last_words}", Exit.UNREACHABLE)


def _read(response: httpx.Response) -> Iterator[tuple[int, str, dict[str, Any]]]:
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            key, _, value = line.partition(": ")
            fields[key] = value
            continue
        if "event" in fields:
            yield int(fields.get("id", 0)), fields["event"], json.loads(fields["data"])
        fields = {}


def _told(method: str, name: str, what: str, as_json: bool) -> None:
    with connect(load_settings()) as api:
        found = api.call(method, f"{_path(name)}/{what}")
    put_json(found) if as_json else out.print(f"{plain(name)}: {_state(found)}")


def _path(name: str) -> str:
    if not name:
        fail("A run's name cannot be empty.", Exit.USAGE)
    return f"/v1/finetune/runs/{quote(name, safe='')}"


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"The recipe {file} cannot be read: {error}", Exit.USAGE)


def _put_findings(findings: Sequence[dict[str, Any]]) -> None:
    for each in findings:
        colour = "red" if each["level"] == "error" else "yellow"
        where = f" {each['place']}:" if each["place"] and not each["message"].startswith(each["place"]) else ""
        words = plain(f"{where} {each['message']} {each['change']}")
        out.print(f"[{colour}]{each['level']}[/{colour}]{words}")


def _state(run: dict[str, Any]) -> str:
    """Where it stands in a few words."""
    state = plain(str(run.get("state", "")))
    if state not in ("running", "starting"):
        return state
    steps = f", step {run['step']} of {run['steps']}" if run["steps"] else f", {plain(run['stage'])}"
    left = run.get("eta_seconds")
    return f"{state}{steps}" + (f", about {_span(left)} left" if left is not None else "")


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, int | float) else str(value)
