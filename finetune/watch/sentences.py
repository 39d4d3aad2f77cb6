"""What an alarm says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from finetune.watch.findings import Finding

Direction = Literal["up", "down", "other"]
_NAMES: Mapping[str, str] = {
    "topics": "The topics of questions",
    "new_questions": "The share of questions like none before",
    "questions": "What is asked",
    "languages": "The languages of questions",
    "length": "The length of answers in words",
    "length_distribution": "How lengths of answers are distributed",
    "abstention": "The share of questions without an answer",
    "support": "The support of statements",
    "support_distribution": "How the support of statements is distributed",
    "hallucination": "The share of statements that sources do not carry",
    "entropy": "The entropy of tokens (in nats)",
    "entropy_distribution": "How the entropy of tokens is distributed",
}
_TODO: Mapping[tuple[str, Direction], str] = {
    ("topics", "other"): "Look at the topics that grew: see that the documents cover them and that the gate asks them.",
    ("new_questions", "up"): "Read the examples, add the documents they lack, and questions like them to the gate.",
    ("new_questions", "down"): "Questions keep closer to known topics; nothing is to be done.",
    ("questions", "other"): "Compare a sample of questions with the gate's; renew its questions if they differ.",
    ("languages", "other"): "See that embedder, documents and adapter serve the languages that are asked in now.",
    ("length", "up"): "Read a few: if they say more than was asked, check the last adapter for a bias to length.",
    ("length", "down"): "Read a few: if parts of the answer are missing, check prompt, token limit and adapter.",
    ("length_distribution", "other"): "Read the longest and the shortest answers of the last days.",
    ("abstention", "up"): "Search the documents for what was not answered: if it is there, look at retrieval first.",
    ("abstention", "down"): "See whether support fell with it: an answer without evidence is worse than none.",
    ("support", "up"): "Sources carry more than before; see that answers are not mere quotations.",
    ("support", "down"): "Read what is least supported. If sources were good, roll the adapter back or train on fixes.",
    (
        "support_distribution",
        "other",
    ): "Read what is least supported, by collection: some answers moved, others did not.",
    (
        "hallucination",
        "up",
    ): "Hold promotions, read the statements below the floor, roll back if a version brought them.",
    ("hallucination", "down"): "Fewer statements lack support; see that the floor and the judge are as they were.",
    (
        "entropy",
        "up",
    ): "The model is less sure: check for new topics, and for a change of engine, model or quantization.",
    ("entropy", "down"): "The model is surer: see that it is right, by support and thumbs, and not just repeating.",
    ("entropy_distribution", "other"): "Compare answers of high entropy with their support, and check for new topics.",
}
_SHARES = ("abstention", "hallucination", "new_questions")


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """One alarm. `measure` and `direction` are its code, `said` and `todo` sentences, `ids` answers that show it."""

    scope: str
    measure: str
    direction: Direction
    said: str
    todo: str
    ids: tuple[str, ...] = ()


def alarm(scope: str, finding: Finding) -> Alarm:
    """Puts a finding that is an alarm into words."""
    direction = _direction(finding)
    return Alarm(
        scope=scope,
        measure=finding.measure,
        direction=direction,
        said=f"{_NAMES[finding.measure]} {_moved(finding, direction)}.",
        todo=_TODO[finding.measure, direction],
        ids=finding.ids,
    )


def _direction(finding: Finding) -> Direction:
    if finding.difference is None:
        return "other"
    return "up" if finding.difference > 0 else "down"


def _moved(finding: Finding, direction: Direction) -> str:
    if finding.difference is None or finding.interval is None:
        what = "PSI" if finding.level else "discrepancy"
        return f"moved: {what} {finding.index:.2f} over {finding.records[1]} records, {finding.borne:g} is borne"
    verb = "rose" if direction == "up" else "fell"
    low, high = finding.interval
    if finding.measure in _SHARES:
        return (
            f"{verb} from {finding.reference:.1%} to {finding.current:.1%} over {finding.records[1]} records "
            f"({100 * low:+.1f} to {100 * high:+.1f} points, 95 %)"
        )
    return (
        f"{verb} from {finding.reference:.3g} to {finding.current:.3g} over {finding.records[1]} records "
        f"({low:+.2g} to {high:+.2g}, 95 %)"
    )
