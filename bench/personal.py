"""Measures what is found of personal data without a model: `python -m bench.personal --data ../shared/data`.

The texts are Microsoft's synthetic set for Presidio, each made from a template. Half of the templates are for choosing
the threshold (the highest within a point of the best micro F1 over the types that the default settings look for: a
higher one leaves more alone that is no personal data), the other half for the report. A find counts where it overlaps
an annotated span of its type; one of a type that is not annotated is a false alarm where it touches nothing annotated.
Intervals are Wilson's, at 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.rails.recognizers import NOT_PERSONAL, Recognizers
from agents.rails.settings import PersonalSettings
from agents.rails.vault import Span

RESULTS = Path(__file__).parent / "results" / "personal.json"
CALLED = {"DOMAIN_NAME": "URL"}
"""Types of the set that the recognizers call otherwise."""
KNOWN = (
    "CREDIT_CARD", "DATE_TIME", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "URL", "US_DRIVER_LICENSE",
    "US_SSN",
)  # fmt: skip
PERSONAL = tuple(type for type in KNOWN if type not in NOT_PERSONAL)
WITHIN = 0.01
OTHERS = "types that are not annotated"
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8)


def load(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The texts of the templates for choosing, and of those for the report."""
    texts = json.loads((folder / "pii" / "synth_dataset_v2.json").read_text("utf-8"))
    return [each for each in texts if each["template_id"] % 2 == 0], [each for each in texts if each["template_id"] % 2]


def measure(recognizers: Recognizers, texts: Sequence[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """By type: found of those annotated, and right of those found."""
    counts = {type: Counter[str]() for type in (*KNOWN, OTHERS)}
    for text in texts:
        gold = [_span(each) for each in text["spans"]]
        found = recognizers.find(text["full_text"])
        for span in gold:
            if span.type in counts:
                counts[span.type]["annotated"] += 1
                counts[span.type]["recalled"] += any(_agree(span, other) for other in found)
        for span in found:
            if span.type in counts:
                counts[span.type]["found"] += 1
                counts[span.type]["right"] += any(_agree(span, other) for other in gold)
            elif not any(_touch(span, other) for other in gold):
                counts[OTHERS]["found"] += 1
    return counts


def _span(annotated: Mapping[str, Any]) -> Span:
    type = annotated["entity_type"]
    return Span(start=annotated["start_position"], end=annotated["end_position"], type=CALLED.get(type, type))


def _agree(one: Span, other: Span) -> bool:
    return one.type == other.type and _touch(one, other)


def _touch(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def f1(counts: Mapping[str, Counter[str]]) -> float:
    """Micro F1 over the personal types."""
    total = sum((counts[type] for type in (*PERSONAL, OTHERS)), Counter[str]())
    precision = total["right"] / max(total["found"], 1)
    recall = total["recalled"] / max(total["annotated"], 1)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def share(part: int, whole: int) -> dict[str, Any]:
    """A share with Wilson's interval at 95 %."""
    if not whole:
        return {"share": None, "of": 0}
    z, p = 1.959964, part / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
    interval = [round(max(middle - half, 0), 4), round(min(middle + half, 1), 4)]
    return {"share": round(p, 4), "of": whole, "interval_95": interval}


def told(counts: Mapping[str, Counter[str]], types: Sequence[str] = KNOWN) -> dict[str, Any]:
    """Precision and recall by type, and over the personal ones."""
    total = sum((counts[type] for type in (*PERSONAL, OTHERS)), Counter[str]())
    rows = {"all of the default": total} | {type: counts[type] for type in types}
    return {
        name: {
            "precision": share(row["right"], row["found"]),
            "recall": share(row["recalled"], row["annotated"]),
        }
        for name, row in rows.items()
    }


def timed(recognizers: Recognizers, texts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Processor milliseconds for passages of about 1,200 characters made of the set's texts, which are full of
    personal data, and for one of plain prose."""
    passages, passage = [], ""
    for text in texts:
        passage += text["full_text"] + " "
        if len(passage) >= 1_200:
            passages.append(passage)
            passage = ""
    took = []
    for each in passages:
        since = time.process_time()
        recognizers.find(each)
        took.append((time.process_time() - since) * 1000)
    prose = "Employees who work part-time have leave in proportion to their working days, as their contract says. " * 12
    since = time.process_time()
    for _ in range(100):
        recognizers.find(prose)
    plain = (time.process_time() - since) * 10
    took.sort()
    full, most = took[len(took) // 2], took[-1]
    return {"full_p50_ms": round(full, 2), "full_max_ms": round(most, 2), "prose_ms": round(plain, 3)}


def main() -> None:
    """Chooses, measures and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FOOTNOTE_DATA_SETS", "../shared/data")))
    training, test = load(parser.parse_args().data)
    tried = {}
    for threshold in THRESHOLDS:
        tried[threshold] = measure(Recognizers(PersonalSettings(threshold=threshold)), training)
    most = max(f1(each) for each in tried.values())
    best = max(threshold for threshold, counts in tried.items() if f1(counts) >= most - WITHIN)
    chosen = PersonalSettings(threshold=best)
    types = (*sorted(Recognizers(chosen).types), *sorted(NOT_PERSONAL))
    every = Recognizers(PersonalSettings(types=types, threshold=best))
    unknown = Counter(each["entity_type"] for text in test for each in text["spans"])
    report = {
        "machine": {"processor": platform.machine(), "cpus": os.cpu_count()},
        "texts": {"training": len(training), "test": len(test)},
        "training_f1_by_threshold": {str(each): round(f1(tried[each]), 4) for each in THRESHOLDS},
        "threshold": best,
        "default_threshold": PersonalSettings().threshold,
        "test": told(measure(Recognizers(chosen), test), (*PERSONAL, OTHERS)),
        "test_types_off_by_default": {
            type: row for type, row in told(measure(every, test)).items() if type in NOT_PERSONAL
        },
        "not_known_without_a_model": {
            type: count for type, count in sorted(unknown.items()) if CALLED.get(type, type) not in KNOWN
        },
        "time": timed(Recognizers(chosen), test),
    }
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
