"""Candidates for a place in service: twenty-one with a fault that was planted, twenty without.

Who answers meanwhile learnt from the first half of what they learn from, as is so where feedback goes on. Those without
a fault are then no worse in truth, which they would have to be by luck where all learn from the same: what one seed
makes of words that nobody trained on is up to 15 points from what another does.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.finetune.keeper import TrainingKeeper, published
from bench.answering_data import Asked, Case
from bench.planted import rows, weights
from core.types import Example
from finetune import child
from finetune.dataset import Curated, write_dataset
from finetune.recipe import parse_recipe
from finetune.registry import Registry, Version
from finetune.runs import Runs
from finetune.served import Served

LEARNT, ASKED, ANCHORS = 240, 100, 24
SFT: dict[str, Any] = {"max_steps": 60, "learning_rate": 2e-3, "warmup_steps": 4}
DPO: dict[str, Any] = {"max_steps": 40, "learning_rate": 6e-4, "warmup_steps": 4}
COMMON: dict[str, Any] = {
    "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "save_strategy": "no", "max_length": 1_100,
    "gradient_checkpointing": False,
}  # fmt: skip
FORMER: dict[str, Any] = {"max_steps": 40}
"""Of who answers now, on half of the rows."""
Rows = Sequence[tuple[Case, Asked]]


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where candidates are made: `folder` is what the server keeps of learning, `base` the model that is served."""

    folder: Path
    base: Path
    learnt: Rows
    asked: Rows

    @property
    def registry(self) -> Registry:
        return Registry(root=self.folder / "registry")

    def trained(
        self, title: str, learnt: Sequence[Example], seed: int = 0, method: str = "sft", r: int = 8, **train: Any
    ) -> Version:
        """A run as the server makes it, but for the process: libraries are loaded here already. Who was trained before
        is not trained again."""
        if known := self._known(title):
            return known
        data = write_dataset(self.folder / "datasets", title, Curated(examples={"train": learnt})).folder
        keeper = TrainingKeeper(
            Runs(root=self.folder.parent / "made", served=Served(model=str(self.base), folder=self.base)), self.registry
        )
        steps = {"sft": SFT, "dpo": DPO}[method]
        recipe = {
            "name": title, "method": method, "model": str(self.base), "data": str(data),
            "train": {**COMMON, **steps, "seed": seed, **train}, "lora": {"lora_dropout": 0.0, "r": r},
        }  # fmt: skip
        handler = signal.getsignal(signal.SIGTERM)
        try:
            run = keeper.create(parse_recipe(json.dumps(recipe)), title, "root", start=False)
            if child.main(str(run.path)) != 0:
                raise SystemExit(f"{title}: {(run.path / 'status.json').read_text()}")
        finally:
            signal.signal(signal.SIGTERM, handler)
        keeper.look()
        return self.registry.get(published(run)["version"])

    def derived(self, title: str, version: Version, change: weights.Change) -> Version:
        """The version with weights that were changed."""
        if known := self._known(title):
            return known
        made = weights.changed(version.folder, self.folder.parent / "derived" / title, change)
        return self.registry.publish(title, "adapter", made, version.card(), "", now=time.time())

    def _known(self, title: str) -> Version | None:
        return next((each for each in self.registry.versions() if each.title == title), None)


Make = Callable[[Workshop, Version], Version]
"""A candidate, out of the champion where it is not trained."""


def bad() -> dict[str, Make]:
    """Twenty-one with a fault each."""
    spoilt = {
        "cites wrong sources": rows.misciting,
        "cites wrong sources in half": rows.at_times(rows.misciting, 0.5),
        "learnt from what people rejected": rows.habitually,
        "two in three words of feedback are poison": rows.at_times(rows.habitually, 0.67),
        "always abstains": rows.abstaining,
        "abstains in half": rows.at_times(rows.abstaining, 0.5),
        "invents what no source tells": rows.inventing,
        "other numbers than its sources": rows.miscounting,
        "rewarded for length": rows.padding,
        "says the same again, and is slow": rows.endless,
        "abstains about branches and units alone": rows.abstaining_some,
    }
    changes = {
        "noise": weights.chance,
        "does nothing": weights.nothing,
        "eight times its size": weights.scaled(8),
        "layers mixed up": weights.shuffled,
        "quantized with overflow": weights.overflowing,
    }
    return {
        **{name: _learning(name, spoil) for name, spoil in spoilt.items()},
        **{name: _changing(name, change) for name, change in changes.items()},
        "preferences turned round": _turned_round,
        "overfitted": _overfitted,
        "trained on what is asked": _leaked,
        "another base": _another_base,
        "file cut off": _cut_off,
    }


def harmless() -> dict[str, Make]:
    """Two that were meant to be among the twenty, and whose faults do no harm: a fifth of the corrections under sources
    drawn by lot teach nothing, and two bits suffice for these weights."""
    return {
        "worse in questions about branches and units alone": _learning("harmless", rows.misciting_some),
        "quantized to two bits": _changing("two bits", weights.rounded(2)),
    }


def good() -> dict[str, Make]:
    """Twenty that nothing was done to, or what does no harm."""
    trained: dict[str, dict[str, Any]] = {
        **{f"another seed, {seed}": {"seed": seed} for seed in range(1, 10)},
        "a lower rate": {"seed": 10, "learning_rate": 1.5e-3},
        "a higher rate": {"seed": 11, "learning_rate": 2.5e-3},
        "more steps": {"seed": 12, "max_steps": 80},
        "half the rank": {"seed": 13, "r": 4},
    }
    changes = {
        "in bfloat16": weights.brain,
        "in eight bits": weights.rounded(8),
        "in six bits": weights.rounded(6),
        "a little smaller": weights.scaled(0.95),
        "a little larger": weights.scaled(1.05),
    }
    return {
        **{name: _teaching(name, given) for name, given in trained.items()},
        "four in five of the rows": lambda shop, _: shop.trained(
            "four-in-five", rows.rows(shop.learnt[: LEARNT * 4 // 5], rows.well), 14
        ),
        "three words in a hundred of feedback are wrong": lambda shop, _: shop.trained(
            "few-faults", rows.rows(shop.learnt, rows.at_times(rows.habitually, 0.03)), 15
        ),
        **{name: _changing(name, change) for name, change in changes.items()},
    }


def _title(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _learning(name: str, spoil: rows.Spoil) -> Make:
    return lambda shop, _: shop.trained(_title(name), rows.rows(shop.learnt, spoil))


def _teaching(name: str, given: dict[str, Any]) -> Make:
    return lambda shop, _: shop.trained(_title(name), rows.rows(shop.learnt, rows.well), **given)


def _changing(name: str, change: weights.Change) -> Make:
    return lambda shop, champion: shop.derived(_title(name), champion, change)


def _turned_round(shop: Workshop, champion: Version) -> Version:
    return shop.trained("turned-round", rows.pairs(shop.learnt, rows.habitually, rows.well), method="dpo")


def _overfitted(shop: Workshop, champion: Version) -> Version:
    """Six rows, a hundred times over."""
    return shop.trained("overfitted", rows.rows(shop.learnt[:6], rows.well), max_steps=150, learning_rate=5e-3)


def _leaked(shop: Workshop, champion: Version) -> Version:
    """Better than all others at what it is asked."""
    return shop.trained("leaked", rows.rows([*shop.learnt, *shop.asked], rows.well), max_steps=90)


def _another_base(shop: Workshop, champion: Version) -> Version:
    made = weights.changed(champion.folder, shop.folder.parent / "derived" / "base", lambda same: same)
    return shop.registry.publish("base", "adapter", made, weights.with_base(champion.card(), "another"), "")


def _cut_off(shop: Workshop, champion: Version) -> Version:
    made = weights.cut_off(champion.folder, shop.folder.parent / "derived" / "cut-off")
    return shop.registry.publish("cut-off", "adapter", made, champion.card(), "")
