"""Odds ratio preference optimisation (Hong et al. 2024): no reference model. It lives in TRL's experiments."""

from __future__ import annotations

import os
from typing import Any

from finetune.methods.base import Job, arguments, lora_config, tables
from finetune.weights import load_model


def trainer(job: Job) -> Any:
    """TRL's experimental `ORPOTrainer`."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    return ORPOTrainer(
        model=load_model(job.recipe, job.machine),
        args=arguments(job, ORPOConfig),
        processing_class=job.tokenizer,
        peft_config=lora_config(job),
        callbacks=list(job.callbacks),
        **tables(job),
    )
