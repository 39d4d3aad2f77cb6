"""How often the watch raises an alarm where nothing drifts, and how often it finds what does: `python -m bench.watch`.

Streams are simulated (`tests/finetune/watch/stream.py`): questions of eight topics, answers with lengths, support,
statements and entropy, alone or in conversations of four that share their topic and their difficulty. Of quiet
streams there are single looks, each at a stream of its own, and months of daily looks at one stream, whose windows
overlap. A drift is planted at one day and looked for at the end of each of the next seven, while the current window
fills with it: how many are found at all, and on which day. Results: bench/results/watch.json.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from scipy.stats import beta  # type: ignore[import-untyped]

from finetune.watch.records import Seen
from finetune.watch.report import report
from finetune.watch.rules import WatchRules
from finetune.watch.schedule import windows
from tests.finetune.watch.stream import AS_EVER, START, Habits, stream

_RESULT = Path(__file__).parent / "results" / "watch.json"
RULES = WatchRules()
asked = partial(stream, collection=None)
"""One scope: all answers. With more of them each look tests more, at the same error rate in all."""
WEEK, BEFORE = RULES.current_days, RULES.reference_days
MONTHS, EACH = 6, 12
QUIET_STREAMS = {
    "200 a week, alone": (240, 200, AS_EVER),
    "200 a week, conversations of 4": (240, 200, Habits(conversation=4)),
    "800 a week, alone": (60, 800, AS_EVER),
}
"""Looks, answers a week, and what they are like."""
DRIFTS: dict[str, tuple[Habits, tuple[str, ...]]] = {
    "new topic, 5 % of questions": (Habits(new_topic=0.05), ("topics", "new_questions", "questions")),
    "new topic, 15 % of questions": (Habits(new_topic=0.15), ("topics", "new_questions", "questions")),
    "abstention 5 % to 12 %": (Habits(abstention=0.12), ("abstention",)),
    "abstention 5 % to 20 %": (Habits(abstention=0.2), ("abstention",)),
    "support 0.80 to 0.76": (Habits(support=0.76), ("support", "support_distribution")),
    "support 0.80 to 0.72": (Habits(support=0.72), ("support", "support_distribution")),
    "unsupported 8 % to 14 %": (Habits(unsupported=0.14), ("hallucination",)),
    "unsupported 8 % to 20 %": (Habits(unsupported=0.2), ("hallucination",)),
    "a third longer": (Habits(longer=1.33), ("length", "length_distribution")),
    "entropy a fifth higher": (Habits(entropy=0.6), ("entropy", "entropy_distribution")),
    "entropy two fifths higher": (Habits(entropy=0.7), ("entropy", "entropy_distribution")),
    "German 10 % to 30 %": (Habits(language=0.3), ("languages",)),
}


def raised(records: Sequence[Seen], days: int) -> tuple[str, ...]:
    """The measures with an alarm of a look so many days after the beginning."""
    at = START + timedelta(days=days, hours=2)
    made = report(at, [each for each in records if each.at < at], windows(at, START, None, RULES), RULES, {})
    return tuple(sorted({each.measure for each in made.alarms}))


def quiet(seed: int, a_week: int, habits: Habits) -> tuple[str, ...]:
    """One look at a stream in which nothing drifts."""
    return raised(asked(seed, a_week * (BEFORE + WEEK) // 7, habits, days=BEFORE + WEEK), BEFORE + WEEK)


def month(seed: int, a_week: int, habits: Habits) -> list[tuple[str, ...]]:
    """As many daily looks as `alpha` is for, at one stream in which nothing drifts."""
    days = BEFORE + WEEK + RULES.looks - 1
    records = asked(seed, a_week * days // 7, habits, days=days)
    return [raised(records, day) for day in range(BEFORE + WEEK, days + 1)]


def planted(seed: int, a_week: int, habits: Habits, wanted: Sequence[str]) -> list[tuple[str, ...]]:
    """Looks at the end of each day of a week into which a drift is planted, up to the first that finds it by one of the
    measures `wanted`; before it, a week as ever."""
    usual = asked(seed, a_week * (BEFORE + WEEK) // 7, days=BEFORE + WEEK)
    start = START + timedelta(days=BEFORE + WEEK)
    records = [*usual, *asked(seed + 100_000, a_week, habits, start=start, days=WEEK, name="b")]
    looks: list[tuple[str, ...]] = []
    for day in range(1, WEEK + 1):
        looks.append(raised(records, BEFORE + WEEK + day))
        if set(looks[-1]) & set(wanted):
            break
    return looks


def bounds(hits: int, of: int) -> list[float]:
    """The exact interval of a share (Clopper and Pearson 1934), 95 %."""
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, of - hits + 1))
    high = 1.0 if hits == of else float(beta.ppf(0.975, hits + 1, of - hits))
    return [round(low, 4), round(high, 4)]


def of_quiet(looks: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """What became of single looks."""
    alarmed = sum(bool(each) for each in looks)
    by = Counter(measure for each in looks for measure in each)
    return {"looks": len(looks), "alarmed": alarmed, "interval": bounds(alarmed, len(looks)), "by": dict(by)}


def of_months(months: Sequence[list[tuple[str, ...]]]) -> dict[str, Any]:
    """What became of months of daily looks."""
    alarmed = [sum(bool(look) for look in each) for each in months]
    return {
        "months": len(months),
        "looks": sum(map(len, months)),
        "alarmed_looks": sum(alarmed),
        "months_with_an_alarm": sum(each > 0 for each in alarmed),
        "alarmed_looks_a_month": round(statistics.fmean(alarmed), 3),
    }


def of_drift(found: Sequence[list[tuple[str, ...]]], wanted: Sequence[str]) -> dict[str, Any]:
    """How many were found by the measures that should, and on which day; by which others besides."""
    days = [next((day for day, each in enumerate(week, 1) if set(each) & set(wanted)), None) for week in found]
    told = sorted(day for day in days if day is not None)
    others = Counter(measure for week in found for measure in set().union(*week) - set(wanted))
    return {
        "of": len(found),
        "found": len(told),
        "interval": bounds(len(told), len(found)),
        "median_day": statistics.median_low(told) if told else None,
        "others": dict(others),
    }


def main() -> int:
    """Measures everything and keeps it."""
    began = time.monotonic()
    told: dict[str, Any] = {"rules": RULES.model_dump(), "promised": RULES.per_look}
    with ProcessPoolExecutor(2) as pool:

        def each(work: Callable[[int], Any], number: int) -> list[Any]:
            return list(pool.map(work, range(number), chunksize=2))

        told["quiet"] = {
            name: of_quiet(each(partial(quiet, a_week=a_week, habits=habits), looks))
            for name, (looks, a_week, habits) in QUIET_STREAMS.items()
        }
        _say("quiet", told["quiet"])
        told["months"] = of_months(each(partial(month, a_week=200, habits=AS_EVER), MONTHS))
        _say("months", told["months"])
        told["drifts"] = {}
        for a_week, number in ((200, EACH), (800, EACH // 2)):
            told["drifts"][f"{a_week} a week"] = {
                name: of_drift(each(partial(planted, a_week=a_week, habits=habits, wanted=wanted), number), wanted)
                for name, (habits, wanted) in DRIFTS.items()
            }
            _say(f"drifts, {a_week} a week", told["drifts"][f"{a_week} a week"])
    told["seconds"] = round(time.monotonic() - began)
    _RESULT.write_text(json.dumps(told, indent=2) + "\n")
    return 0


def _say(what: str, rows: dict[str, Any]) -> None:
    print(f"\n{what}")
    for name, row in rows.items():
        print(f"  {name}: {row}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
