"""One look, whole: what is compared, what was found in each scope, what it costs, and what to do."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from finetune.watch.answers import answers
from finetune.watch.costs import Cost, Prices, costs
from finetune.watch.findings import Finding, State, alarms
from finetune.watch.proposal import NotYet, Proposal
from finetune.watch.questions import Questions, questions
from finetune.watch.records import Seen, between, by_scope
from finetune.watch.rules import WatchRules
from finetune.watch.schedule import DAY, Windows
from finetune.watch.sentences import Alarm, alarm
from finetune.watch.series import Point, series


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """All answers (`*`), or those of a collection: findings and topics of the look, costs of the current window (of as
    many days, where there is none yet), and figures by day over everything that was handed over. `state`
    is "too_little" where nothing could be told."""

    name: str
    state: State
    findings: tuple[Finding, ...]
    topics: Questions
    costs: tuple[Cost, ...]
    series: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftReport:
    """A look. `windows` is None where there is no full one yet; `said` is its sum in a sentence."""

    at: datetime
    windows: Windows | None
    said: str
    alarms: tuple[Alarm, ...]
    scopes: tuple[Scope, ...]
    proposal: Proposal | NotYet | None = None
    rules: WatchRules

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: moments in ISO 8601, and None for what is not finite."""
        told = plain(self)
        for scope, own in zip(told["scopes"], self.scopes, strict=True):
            scope["topics"] = {"grew": plain(own.topics.grew), "shrank": plain(own.topics.shrank)}
            for finding, each in zip(scope["findings"], own.findings, strict=True):
                finding["state"] = each.state
        if self.proposal is not None:
            told["proposal"]["due"] = isinstance(self.proposal, Proposal)
        return dict(told)


def report(
    at: datetime,
    records: Sequence[Seen],
    windows: Windows | None,
    rules: WatchRules,
    prices: Prices,
    proposal: Proposal | NotYet | None = None,
) -> DriftReport:
    """Looks at all scopes. Takes seconds for tens of thousands of answers: call it in a thread."""
    scoped = by_scope(records)
    asked = {name: _questions(those, windows, rules) for name, those in scoped.items()}
    found = {name: asked[name].findings + _answers(those, windows, rules) for name, those in scoped.items()}
    judged = alarms(found, rules)
    scopes = tuple(
        Scope(
            name=name,
            state=_state(judged[name]),
            findings=judged[name],
            topics=asked[name],
            costs=costs(_now(those, windows, at, rules), prices),
            series=series(those, prices),
        )
        for name, those in scoped.items()
    )
    raised = tuple(alarm(scope.name, each) for scope in scopes for each in scope.findings if each.alarm)
    said = _said(windows, scopes, raised, rules)
    return DriftReport(at=at, windows=windows, said=said, alarms=raised, scopes=scopes, proposal=proposal, rules=rules)


def plain(value: Any) -> Any:
    """What JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, WatchRules):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _questions(those: Sequence[Seen], windows: Windows | None, rules: WatchRules) -> Questions:
    if windows is None:
        return Questions(findings=())
    return questions(*_both(those, windows), rules)


def _answers(those: Sequence[Seen], windows: Windows | None, rules: WatchRules) -> tuple[Finding, ...]:
    return answers(*_both(those, windows), rules) if windows else ()


def _now(those: Sequence[Seen], windows: Windows | None, at: datetime, rules: WatchRules) -> list[Seen]:
    """Those of the current window; where there is none, of as many days."""
    if windows is not None:
        return between(those, windows.current.start, windows.current.end)
    return between(those, at - rules.current_days * DAY, at)


def _both(those: Sequence[Seen], windows: Windows) -> tuple[list[Seen], list[Seen]]:
    one, other = windows.reference, windows.current
    return between(those, one.start, one.end), between(those, other.start, other.end)


def _state(findings: Sequence[Finding]) -> State:
    states = {each.state for each in findings}
    return "alarm" if "alarm" in states else "steady" if "steady" in states else "too_little"


def _said(windows: Windows | None, scopes: Sequence[Scope], raised: Sequence[Alarm], rules: WatchRules) -> str:
    if windows is None:
        return (
            f"There is too little to compare: {rules.reference_days} full days of reference and {rules.current_days} "
            "after them are needed."
        )
    if scopes[0].state == "too_little":
        return f"There is too little to compare: each window needs {rules.least} independent answers."
    if not raised:
        looked = sum(each.state != "too_little" for each in scopes)
        few = f"; {len(scopes) - looked} have too few answers" if looked < len(scopes) else ""
        return f"Nothing drifts by more than is borne. Scopes looked at: {looked}{few}."
    where = sorted({each.scope for each in raised})
    number = "1 alarm" if len(raised) == 1 else f"{len(raised)} alarms"
    return f"{number} in {', '.join(where)}. First: {raised[0].said} {raised[0].todo}"
