"""Whether other things are asked than before: topics that grew or shrank, questions like none before, languages.

Clusters are fitted on one half of the reference, and shares and distances measured on the other and on the current
window. Measured on the rows they were fitted to, clusters would be nearer and fuller than for any question that comes
after, and every look would find drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finetune.topics import clusters
from finetune.watch.difference import difference, totals
from finetune.watch.discrepancy import discrepancy
from finetune.watch.findings import Finding, Kind, of_difference, of_stability, too_little
from finetune.watch.permute import Floats
from finetune.watch.records import Seen, group_numbers
from finetune.watch.rules import WatchRules
from finetune.watch.stability import Ints, Stability, stability
from finetune.watch.vectors import Vectors, halves, size_of, vectors

FAR = 0.99
"""The share of the reference's questions that are nearer to a centre than a new one."""
FITTED = 5_000
"""Questions that clusters are fitted to, at most."""
_PER_TOPIC = 15
"""Groups of the half that is measured, for one topic."""
_LANGUAGES = 12
_BLOCK = 4_096
_OF_VECTORS: tuple[tuple[str, Kind], ...] = (
    ("topics", "distribution"),
    ("new_questions", "share"),
    ("questions", "distribution"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """A cluster of questions: its shares before and now, its part of the index, and answers that show it (of the
    current window where it grew, of the reference where it shrank)."""

    topic: int
    reference: float
    current: float
    part: float
    ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """The findings, and the topics that grew and shrank, by their part of the index."""

    findings: tuple[Finding, ...]
    grew: tuple[Topic, ...] = ()
    shrank: tuple[Topic, ...] = ()


def questions(reference: Sequence[Seen], current: Sequence[Seen], rules: WatchRules) -> Questions:
    """Compares what is asked in two windows. Takes seconds for tens of thousands of questions: call it in a thread."""
    size = size_of(current)
    before, now = vectors(reference, size), vectors(current, size)
    records, groups = (len(before.ids), len(now.ids)), (before.number, now.number)
    tongues = languages(reference, current, rules)
    needed = (2 * rules.least, rules.least)
    if any(there < least for there, least in zip(groups, needed, strict=True)):
        few = tuple(too_little(name, kind, records, groups, needed) for name, kind in _OF_VECTORS)
        return Questions(findings=(*few, tongues))
    fitted, measured = halves(before)
    centres = _centres(fitted, min(rules.topics, max(2, measured.number // _PER_TOPIC)))
    (there, far), (here, far_now) = nearest(measured.matrix, centres), nearest(now.matrix, centres)
    records = (len(measured.ids), len(now.ids))
    found = stability(there, here, len(centres), measured.groups, now.groups)
    moved = _moved(found, (measured, there, far), (now, here, far_now), rules.examples)
    grew = tuple(each for each in moved if each.current > each.reference)
    shrank = tuple(each for each in moved if each.current < each.reference)
    topics = of_stability("topics", records, found, rules.psi, grew[0].ids if grew else ())
    findings = (topics, _new(measured, far, now, far_now, rules), _apart(before, now, rules), tongues)
    return Questions(findings=findings, grew=grew, shrank=shrank)


def languages(reference: Sequence[Seen], current: Sequence[Seen], rules: WatchRules) -> Finding:
    """Whether questions come in other languages."""
    before = [each for each in reference if each.language is not None]
    now = [each for each in current if each.language is not None]
    records = (len(before), len(now))
    groups, groups_now = group_numbers(before), group_numbers(now)
    number = (len(np.unique(groups)), len(np.unique(groups_now)))
    if min(number) < rules.least:
        return too_little("languages", "distribution", records, number, (rules.least, rules.least))
    names, counts = np.unique([str(each.language) for each in [*before, *now]], return_counts=True)
    order = sorted(range(len(names)), key=lambda place: (-int(counts[place]), str(names[place])))
    places = {str(names[place]): min(rank, _LANGUAGES - 1) for rank, place in enumerate(order)}
    one, other = (np.array([places[str(each.language)] for each in window]) for window in (before, now))
    found = stability(one, other, min(len(places), _LANGUAGES), groups, groups_now)
    return of_stability("languages", records, found, rules.psi)


def nearest(matrix: Floats, centres: Floats) -> tuple[Ints, Floats]:
    """The nearest centre of each row, and its distance."""
    squares = (centres**2).sum(axis=1)
    labels, distances = [], []
    for start in range(0, len(matrix), _BLOCK):
        rows = matrix[start : start + _BLOCK]
        apart = squares[None, :] - 2 * rows @ centres.T + (rows**2).sum(axis=1)[:, None]
        labels.append(apart.argmin(axis=1))
        distances.append(np.sqrt(np.maximum(0.0, apart.min(axis=1))))
    return np.concatenate(labels).astype(np.int64), np.concatenate(distances)


def _centres(fitted: Vectors, number: int) -> Floats:
    rows = fitted.matrix[:FITTED]
    labels = clusters(rows, number)
    return np.array([rows[labels == label].mean(axis=0) for label in range(int(labels.max()) + 1)])


def _new(before: Vectors, far: Floats, now: Vectors, far_now: Floats, rules: WatchRules) -> Finding:
    limit = float(np.quantile(far, FAR, method="lower"))
    one, other = (far > limit).astype(np.float64), (far_now > limit).astype(np.float64)
    found = difference(totals(one, before.groups), totals(other, now.groups), share=True, step=1.0)
    rows = np.flatnonzero(other)
    ids: tuple[str, ...] = ()
    if len(rows):
        apart = np.linalg.norm(now.matrix[rows] - now.matrix[rows].mean(axis=0), axis=1)
        ids = tuple(now.ids[rows[place]] for place in np.argsort(apart, kind="stable")[: rules.examples])
    return of_difference("new_questions", "share", (len(before.ids), len(now.ids)), found, rules.novelty, ids)


def _apart(before: Vectors, now: Vectors, rules: WatchRules) -> Finding:
    index, p = discrepancy(before, now)
    records = (len(before.ids), len(now.ids))
    large = index > rules.discrepancy
    return Finding(
        measure="questions",
        kind="distribution",
        records=records,
        index=index,
        p=p,
        borne=rules.discrepancy,
        large=large,
    )


def _moved(
    found: Stability, before: tuple[Vectors, Ints, Floats], now: tuple[Vectors, Ints, Floats], examples: int
) -> tuple[Topic, ...]:
    topics = []
    for topic, (share, share_now) in enumerate(zip(found.reference, found.current, strict=True)):
        those, labels, far = now if share_now > share else before
        rows = np.flatnonzero(labels == topic)
        nearest_first = rows[np.argsort(far[rows], kind="stable")][:examples]
        least = 1 / (2 * len(before[1]))
        p, q = max(share, least), max(share_now, least)
        part = float((q - p) * np.log(q / p))
        ids = tuple(those.ids[row] for row in nearest_first)
        topics.append(Topic(topic=topic, reference=share, current=share_now, part=part, ids=ids))
    return tuple(sorted(topics, key=lambda each: -each.part))
