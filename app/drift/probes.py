"""Probes: what answers now is asked the anchors, each look, and held against what the same version said first.

A version never changes; what it is served with may: the engine, its kernels, a quantization, a prompt's frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.verify import SimilarityVerifier
from app.gate.asking import GeneratorAsker
from finetune.gate.compare import mean_interval, paired
from finetune.gate.items import Item, Slicing, items_from
from finetune.gate.measures import scores
from finetune.imports import read_examples
from finetune.report import Report

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


async def probe(services: Services, anchors: Path, most: int, first: Mapping[str, Any] | None) -> Probe:
    """Asks up to `most` anchors. `first` is the row of the version's first probe. Raises `InvalidInput`, `NotFound` for
    the file, `GeneratorUnavailable`, `EmbedderUnavailable`."""
    version = version_of(services)
    items = (await asyncio.to_thread(_items, anchors))[:most]
    asker = _asker(services)
    found: dict[str, float] = {}
    for item in items:
        told = scores(item, await asker.ask(item, version))
        if "general" in told:
            found[item.id] = told["general"]
    return held_against(Probe(version=version, scores=found), first)


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
    return services.rollout.champion() or services.adapters.default or services.adapters.base


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


__all__ = ["BORNE", "Probe", "held_against", "probe", "version_of"]
