"""From feedback to examples: join → blame → trust → build → check → cap → split."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.ports import Embedder, Generator
from core.types import Example
from finetune.augment import augmented
from finetune.blame import blame
from finetune.build import build
from finetune.caps import cap
from finetune.dataset import Curated
from finetune.duplicates import distinct, uncontradicted
from finetune.join import Material, join
from finetune.lineage import left_in
from finetune.personal import masked
from finetune.ports import Evidence, Languages, Masker, Support
from finetune.quality import good
from finetune.report import Report
from finetune.settings import CurateSettings
from finetune.splits import apart_from, replayed, split
from finetune.topics import topics
from finetune.trust import trusted


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What curating works with. Without `evidence` nothing that was not found is looked for; without `masker` nothing
    is masked; without `language` languages are not compared; without `generator` nothing is augmented."""

    support: Support
    embedder: Embedder
    evidence: Evidence | None = None
    masker: Masker | None = None
    language: Languages | None = None
    generator: Generator | None = None


def _untold(stage: str) -> None:
    """Nobody listens."""


async def curate(
    material: Material,
    parts: Parts,
    settings: CurateSettings,
    report: Report | None = None,
    tell: Callable[[str], None] = _untold,
) -> Curated:
    """Examples by split, with the fate of everything that was looked at; `report` holds that of what was imported.
    `tell` hears of each stage as it begins, and may raise to end it.

    The same material, parts and settings come to the same. Raises `EmbedderUnavailable`, `IndexUnavailable`,
    `GeneratorUnavailable` and what `masker` raises.
    """
    work = _Work(material, parts, settings, report or Report())
    tell("join")
    words = join(material, work.report)
    tell("blame")
    judged = await blame(words, parts.support, parts.embedder, parts.evidence, settings, work.report)
    tell("build")
    built = build(trusted(judged, settings.trust, work.report), settings, work.report)
    tell("check")
    anchors = await work.fit(material.anchors)
    checked = await work.checked([*built, *material.imported], anchors, "anchor")
    tell("topics")
    about = await topics(checked, parts.embedder, settings.balance, work.report)
    tell("split")
    splits = split(cap(checked, about, settings.balance, work.report), settings.split)
    splits["train"] = await work.mixed(splits["train"], [*anchors, *splits["validation"], *splits["test"]])
    splits["anchor"] = anchors
    told = settings.model_dump(mode="json")
    return Curated(examples=splits, fates=work.report.fates, figures=work.report.figures, settings=told)


class _Work:
    """What the steps of one dataset share."""

    def __init__(self, material: Material, parts: Parts, settings: CurateSettings, report: Report) -> None:
        self.report = report
        self._material = material
        self._parts = parts
        self._settings = settings
        self._likeness = settings.quality.near_duplicate

    async def fit(self, examples: Sequence[Example]) -> list[Example]:
        """Those in good shape, with personal data masked."""
        if self._parts.masker is not None:
            examples = await masked(examples, self._parts.masker, self._settings.at_once, self.report)
        return await asyncio.to_thread(good, examples, self._settings.quality, self._parts.language, self.report)

    async def checked(self, examples: Sequence[Example], kept_back: Sequence[Example], reason: str) -> list[Example]:
        """Without what shall be left out, is broken, asks what is kept back, is contradicted, or is there twice."""
        left = left_in(examples, self._material.exclusions, self.report)
        fit = await self.fit(left)

        def compared() -> list[Example]:
            unseen = apart_from(kept_back, fit, self._likeness, reason, self.report)
            return distinct(uncontradicted(unseen, self.report), self._likeness, self.report)

        return await asyncio.to_thread(compared)

    async def mixed(self, train: Sequence[Example], kept_back: Sequence[Example]) -> list[Example]:
        """What is trained on, with what a model writes from it and with general instructions; nothing of it asks what
        is kept back."""
        parts, settings = self._parts, self._settings
        rows = apart_from(kept_back, train, self._likeness, "held_back", self.report)
        if parts.generator is not None:
            written = await augmented(
                rows, parts.generator, parts.support, parts.embedder, parts.language, settings, self.report
            )
            rows = await self.checked([*rows, *written], kept_back, "held_back")
        general = apart_from(
            kept_back, await self.fit(self._material.general), self._likeness, "held_back", self.report
        )
        return replayed(rows, general, settings.split, self.report)
