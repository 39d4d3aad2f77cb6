"""REINFORCE leave-one-out (Ahmadian et al. 2024): each answer is measured against the mean of its group's others."""

from __future__ import annotations

from typing import Any

from finetune.methods.base import Job, arguments, lora_config, tables
from finetune.methods.online import led
from finetune.weights import load_model


def trainer(job: Job) -> Any:
    """TRL's `RLOOTrainer`, led by the recipe's rewards."""
    from trl.trainer.rloo_config import RLOOConfig
    from trl.trainer.rloo_trainer import RLOOTrainer

    rewards, weights = led(job)
    return RLOOTrainer(
        model=load_model(job.recipe, job.machine),
        reward_funcs=rewards,
        args=arguments(job, RLOOConfig, reward_weights=weights),
        processing_class=job.tokenizer,
        peft_config=lora_config(job),
        callbacks=list(job.callbacks),
        **tables(job),
    )
