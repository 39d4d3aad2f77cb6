"""Sets apart the words of raters who go against sources and others far more often than chance, and bursts of words.

A word is at odds when it calls an answer good that its sources do not carry, corrects it to what none carries or what
leads away from the question, calls it bad where nothing is wrong with it, or goes against most of what others said of
the same. Honest people have such words too: how many is told by the median person, and never less than a
base rate. Who has so many that an honest person would once in a thousand data sets (binomial tail, Bonferroni) is set
apart, with everything said. Persons the owner trusts never are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from finetune.agreement import agreement
from finetune.blame import Judged
from finetune.report import Report
from finetune.settings import TrustSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A person's words, how many are at odds, and how likely so many are by chance."""

    words: int
    odd: int
    chance: float


def trusted(judged: Sequence[Judged], settings: TrustSettings, report: Report) -> list[Judged]:
    """The words of those that nothing speaks against, in order, without bursts."""
    report.figures["agreement"] = agreement(_ratings(judged)).to_row()
    apart = untrusted(judged, settings)
    for person, standing in sorted(apart.items()):
        detail = f"{standing.odd} of {standing.words} words go against the sources or against others."
        report.add(f"person:{person}", "trust", "quarantined", "at_odds", detail)
    hurried = bursts(judged, settings)
    kept = []
    for each in judged:
        if each.word.person in apart:
            detail = f"It is the word of person:{each.word.person}, who is set apart."
            report.add(each.word.subject, "trust", "quarantined", "at_odds", detail)
        elif each.word.feedback.id in hurried:
            detail = "It came among more words than anybody gives by reading."
            report.add(each.word.subject, "trust", "quarantined", "burst", detail)
        else:
            kept.append(each)
    report.figures["agreement_trusted"] = agreement(_ratings(kept)).to_row()
    return kept


def untrusted(judged: Sequence[Judged], settings: TrustSettings) -> dict[str, Standing]:
    """Who is set apart, and why."""
    against = _against_others(judged)
    odd: dict[str, list[bool]] = {}
    for each in judged:
        odd.setdefault(each.word.person, []).append(each.odd or each.word.feedback.id in against)
    looked_at = {person: words for person, words in odd.items() if len(words) >= settings.words}
    if not looked_at:
        return {}
    usual = max(settings.base_rate, min(0.5, median(sum(words) / len(words) for words in looked_at.values())))
    found = {}
    for person, words in looked_at.items():
        chance = binomial_tail(sum(words), len(words), usual)
        if chance < settings.chance / len(looked_at) and person not in settings.trusted:
            found[person] = Standing(words=len(words), odd=sum(words), chance=chance)
    return found


def bursts(judged: Sequence[Judged], settings: TrustSettings) -> set[str]:
    """The ids of words that came among too many of the same person in too short a time."""
    times: dict[str, list[tuple[float, str]]] = {}
    for each in judged:
        if each.word.person not in settings.trusted:
            at = each.word.feedback.created_at.timestamp()
            times.setdefault(each.word.person, []).append((at, each.word.feedback.id))
    found: set[str] = set()
    for words in times.values():
        words.sort()
        first = 0
        for last, (at, _) in enumerate(words):
            while at - words[first][0] > settings.burst_seconds:
                first += 1
            if last - first + 1 >= settings.burst_words:
                found |= {id for _, id in words[first : last + 1]}
    return found


def binomial_tail(successes: int, tries: int, rate: float) -> float:
    """The probability of at least so many successes."""
    if successes <= 0:
        return 1.0
    logs = [
        math.lgamma(tries + 1) - math.lgamma(k + 1) - math.lgamma(tries - k + 1)
        + k * math.log(rate) + (tries - k) * math.log1p(-rate)
        for k in range(successes, tries + 1)
    ]  # fmt: skip
    return min(1.0, math.fsum(math.exp(each) for each in logs))


def _ratings(judged: Sequence[Judged]) -> list[tuple[str, tuple[str, str], bool]]:
    return [(each.word.person, each.word.unit, each.word.feedback.rating == "up") for each in judged]


def _against_others(judged: Sequence[Judged]) -> set[str]:
    """Words whose rating goes against most of what others said of the same, if that is as much as two thumbs: a bad
    rating with a correction that the sources carry is."""
    by_unit: dict[tuple[str, str], dict[str, list[Judged]]] = {}
    for each in judged:
        by_unit.setdefault(each.word.unit, {}).setdefault(each.word.person, []).append(each)
    found: set[str] = set()
    for people in by_unit.values():
        last = {person: words[-1] for person, words in people.items()}
        for person, words in people.items():
            others = [each for other, each in last.items() if other != person]
            weights = [(_weight(each), _rating(each) != _rating(last[person])) for each in others]
            total = sum(weight for weight, _ in weights)
            if total >= 2 and 2 * sum(weight for weight, against in weights if against) > total:
                found |= {each.word.feedback.id for each in words}
    return found


def _weight(each: Judged) -> int:
    return 2 if each.correction is not None else 1


def _rating(each: Judged) -> str:
    return each.word.feedback.rating
