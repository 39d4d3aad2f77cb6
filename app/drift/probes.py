"""Probes: what answers now is asked the anchors, each look, and held against what the same version said first.

A version never changes; what it is served with may: the engine, its kernels, a quantization, a prompt's frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.verify import SimilarityVerifier
from app.gate.asking import GeneratorAsker
from core.errors import DeadlineExceeded
from finetune.gate.compare import mean_interval, paired
from finetune.gate.items import Item, Slicing, items_from
from finetune.gate.measures import scores
from finetune.imports import read_examples
from finetune.report import Report
from finetune.rows import digest

if TYPE_CHECKING:
    from app.services import Services

_CONFIDENCE, _DRAWS, _SEED = 0.99, 2_000, 7
BORNE = 0.05
"""How much worse the mean of the anchors may be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """What a version made of the anchors: how near it came to the wanted answer, by anchor. Held against the first
    probe of the version (`since`): the difference with its interval, and whether it is an alarm."""

    version: str
    scores: Mapping[str, float] = field(default_factory=dict)
    since: str | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    alarm: bool = False


First = Callable[[str, Collection[str]], Mapping[str, Any] | None]
"""The row of a version's first probe that had most of these anchors."""


async def probe(services: Services, anchors: Path, most: int, first: First) -> Probe:
    """Asks up to `most` anchors; what took too long tells of the engine, not of the version, and is left out. Raises
    `InvalidInput`, `NotFound` for the file, `GeneratorUnavailable`, `EmbedderUnavailable`."""
    version = version_of(services)
    items = (await asyncio.to_thread(_items, anchors))[:most]
    asker = _asker(services)
    found: dict[str, float] = {}
    for item in items:
        output = await asker.ask(item, version)
        told = {} if output.failed == DeadlineExceeded.code else scores(item, output)
        if "general" in told:
            found[key_of(item)] = told["general"]
    return held_against(Probe(version=version, scores=found), await asyncio.to_thread(first, version, found))


def key_of(item: Item) -> str:
    """What an anchor is known by from one look to the next: another wanted answer makes it another anchor."""
    return digest([item.id, item.reference])[:24]


def held_against(now: Probe, first: Mapping[str, Any] | None) -> Probe:
    """The probe with its difference from the first one, over the anchors that both have."""
    ids, differences = paired(dict(now.scores), dict((first or {}).get("scores", {})))
    if first is None or len(ids) < 2:
        return now
    found = mean_interval(differences, ids, confidence=_CONFIDENCE, draws=_DRAWS, seed=_SEED)
    worse = found.high < 0 and found.value < -BORNE
    return Probe(
        version=now.version, scores=now.scores, since=first.get("at"), difference=found.value, low=found.low,
        high=found.high, alarm=worse,
    )  # fmt: skip


def version_of(services: Services) -> str:
    """What answers everybody now, by the name that it is asked by."""
    return services.rollout.champion() or services.adapters.by_itself


def _items(anchors: Path) -> list[Item]:
    examples = read_examples(anchors, "anchor", Report())
    return list(items_from([("anchor", each) for each in examples], Slicing()))


def _asker(services: Services) -> GeneratorAsker:
    settings, embedder = services.settings.agents, services.embedder
    assert embedder is not None
    return GeneratorAsker(
        generator=services.generator,
        verifier=SimilarityVerifier(embedder, settings.verify),
        max_tokens=settings.max_tokens,
        seconds=settings.generate_seconds,
    )


__all__ = ["BORNE", "Probe", "held_against", "key_of", "probe", "version_of"]
