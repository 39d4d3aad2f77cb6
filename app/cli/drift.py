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
    examples: Annotated[bool, typer.Option("--examples", help="With questions that show what drifts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show whether questions or answers drift, what answers cost, and which run of training would be next."""
    with connect(load_settings()) as api:
        found = api.call("POST", "/v1/drift/look", timeout=_PATIENCE) if now else api.call("GET", "/v1/drift")
        questions: dict[str, Any] = {"items": [], "hidden": 0}
        if examples:
            questions = api.call("GET", "/v1/drift/examples")
    if as_json:
        put_json({**found, "examples": questions["items"]} if examples else found)
        return
    report = found["report"]
    if report is None:
        out.print("nobody has looked yet; `footnote drift --now` does")
        return
    out.print(f"{plain(report['at'])}: {plain(report['said'])}")
    began = {(each["scope"], each["measure"]): each["since"] for each in report.get("lasting", ())}
    for alarm in report["alarms"]:
        since = began.get((alarm["scope"], alarm.get("measure")), report["at"])[:10]
        out.print(f"- {plain(alarm['scope'])}, since {plain(since)}: {plain(alarm['said'])} {plain(alarm['todo'])}")
    for each in report.get("lasting", ()):
        if each["measure"] == "probe":
            out.print(f"- since {plain(each['since'][:10])}: {plain(each['said'])} {plain(each['todo'])}")
    for over in report.get("over", ()):
        out.print(f"- {plain(over['scope'])}, over: {plain(over['said'])}")
    _tell(report)
    for each in questions["items"]:
        out.print(f"for example: {plain(each['question'])}")
    if questions["hidden"]:
        out.print(f"{questions['hidden']} more are not shown: others' questions without a word on them, or gone")


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
    sample = report.get("sample") or {"answers": 0, "looked_at": 0}
    if sample["looked_at"] < sample["answers"]:
        out.print(f"of {sample['answers']} answers {sample['looked_at']} were looked at, by chance: sums are of those")
    if (proposal := report["proposal"]) is not None:
        out.print(f"\nnext run: {plain(proposal.get('method') or 'none')}. {plain(proposal['reason'])}")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


__all__ = ["drift"]
