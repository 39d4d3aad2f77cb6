"""What a look makes of drifts, told: to the log and the webhook, and in the audit when one begins or is over."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.finetune.audit import note
from core.errors import InvalidInput
from finetune.watch.lasting import Course, Lasting, follow, from_json
from finetune.watch.sentences import Alarm

if TYPE_CHECKING:
    from pathlib import Path

    from app.rollout.alarm import Alarm as Raise
    from finetune.watch.report import DriftReport

WATCH = "the watch"
PROBE = "probe"
"""The measure of the anchors that are asked again; its scope is the version."""


def lasting(row: Mapping[str, Any] | None) -> list[Lasting]:
    """The drifts that lasted at a look that was kept; those of an older kind have none."""
    found = []
    for each in (row or {}).get("lasting", ()):
        with contextlib.suppress(InvalidInput):
            found.append(from_json(each))
    return found


def course(before: Sequence[Lasting], made: DriftReport, probe: Mapping[str, Any] | None, days: float) -> Course:
    """What becomes of drifts at this look. `days` is the time between two reminders; 0: there are none."""
    raised, looked_at = list(made.alarms), _looked_at(made)
    if probe is not None:
        # A version that answers nobody any more is not asked: its drift is over with it.
        looked_at |= {(each.scope, PROBE) for each in before if each.measure == PROBE}
        if probe["alarm"]:
            raised.append(_of_probe(probe))
    return follow(before, raised, looked_at, made.at, timedelta(days=days) if days else None)


def tell(course: Course, alarm: Raise) -> None:
    """Raises alarms; returns at once. In the event loop of `alarm`."""
    for each in course.begun:
        alarm.say(_kind(each), f"{each.said} {each.todo}", **_about(each), state="began")
    for each in course.reminded:
        alarm.say(_kind(each), f"Since {each.since:%Y-%m-%d}: {each.said} {each.todo}", **_about(each), state="lasts")
    for each in course.over:
        alarm.say(_kind(each), _ended(each), **_about(each), state="over")


def note_course(course: Course, root: Path) -> None:
    """Adds beginnings and ends to the audit below this folder."""
    for each in course.begun:
        note(root, WATCH, "drift_began", why=f"{each.scope}: {each.said}")
    for each in course.over:
        note(root, WATCH, "drift_over", why=f"{each.scope}: {_ended(each)}")


def _ended(each: Lasting) -> str:
    return f"Over since {each.gone or each.seen:%Y-%m-%d}. It began on {each.since:%Y-%m-%d}: {each.said}"


def _looked_at(made: DriftReport) -> set[tuple[str, str]]:
    return {
        (scope.name, each.measure) for scope in made.scopes for each in scope.findings if each.state != "too_little"
    }


def _of_probe(probe: Mapping[str, Any]) -> Alarm:
    return Alarm(
        scope=str(probe["version"]),
        measure=PROBE,
        direction="down",
        said=f"{probe['version']} answers the anchors worse than it did: {probe['difference']:+.3f}.",
        todo="See what changed around it: the engine, its kernels, a quantization, the prompt's frame.",
    )


def _kind(each: Lasting) -> str:
    return PROBE if each.measure == PROBE else "drift"


def _about(each: Lasting) -> dict[str, str]:
    return {
        "scope": each.scope,
        "measure": each.measure,
        "direction": each.direction,
        "since": each.since.isoformat(),
    }


__all__ = ["PROBE", "WATCH", "course", "lasting", "note_course", "tell"]
