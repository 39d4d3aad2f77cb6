"""Kahneman-Tversky optimisation (Ethayarajh et al. 2024): single answers that were found good or bad."""

from __future__ import annotations

from collections import Counter
from typing import Any

from finetune.feed import Row
from finetune.methods.base import Job, arguments, lora_config, tables
from finetune.weights import load_model

IDEAL = 1.0
"""The weight of all good rows over that of all bad ones; the paper takes 1 to 4/3."""


def trainer(job: Job) -> Any:
    """TRL's `KTOTrainer`, the rarer label weighed up unless the recipe says otherwise."""
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    given = job.recipe.train
    weighed = {"desirable_weight", "undesirable_weight"} & set(given)
    return KTOTrainer(
        model=load_model(job.recipe, job.machine),
        args=arguments(job, KTOConfig, **({} if weighed else weights(job.feed.train))),
        processing_class=job.tokenizer,
        peft_config=lora_config(job),
        callbacks=list(job.callbacks),
        **tables(job),
    )


def weights(rows: list[Row]) -> dict[str, float]:
    """A weight above 1 for the rarer label, so that both weigh the same; only one side is ever weighed."""
    counts = Counter(bool(row["label"]) for row in rows)
    good, bad = counts[True], counts[False]
    if good >= bad:
        return {"undesirable_weight": round(good / (bad * IDEAL), 4)}
    return {"desirable_weight": round(bad * IDEAL / good, 4)}
