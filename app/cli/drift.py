"""`footnote drift`: what drifts, what it costs, and what would be trained next, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.client import connect
from app.cli.output import out, plain, put_json, put_table
from app.settings import load_settings

_PATIENCE = 1_800.0
"""Seconds for a look: questions are embedded for it."""


def drift(
    now: Annotated[bool, typer.Option("--now", help="Look now; else the last look is shown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show whether questions or answers drift, what answers cost, and which run of training would be next."""
    with connect(load_settings()) as api:
        found = api.call("POST", "/v1/drift/look", timeout=_PATIENCE) if now else api.call("GET", "/v1/drift")
    if as_json:
        put_json(found)
        return
    report = found["report"]
    if report is None:
        out.print("nobody has looked yet; `footnote drift --now` does")
        return
    out.print(f"{plain(report['at'])}: {plain(report['said'])}")
    for alarm in report["alarms"]:
        out.print(f"- {plain(alarm['scope'])}: {plain(alarm['said'])} {plain(alarm['todo'])}")
    _tell(report)


def _tell(report: dict[str, Any]) -> None:
    for scope in report["scopes"]:
        rows = [
            (each["measure"], each["state"], _figure(each["reference"]), _figure(each["current"]))
            for each in scope["findings"]
            if each["state"] != "too_little" and each.get("reference") is not None
        ]
        if rows:
            out.print(f"\n{plain(scope['name'])}")
            put_table(("measure", "", "before", "now"), rows)
        for cost in scope["costs"] if scope["name"] == "*" else []:
            out.print(
                f"{plain(cost['model'])} {plain(cost['adapter'] or '')}: {cost['answers']} answers, "
                f"{cost['tokens_in']} tokens read, {cost['tokens_out']} written"
                + (f", {cost['per_answer']:.4g} an answer" if cost["per_answer"] is not None else "")
            )
    if (proposal := report["proposal"]) is not None:
        out.print(f"\nnext run: {plain(proposal.get('method') or 'none')}. {plain(proposal['reason'])}")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


__all__ = ["drift"]
