"""Group relative policy optimisation (Shao et al. 2024): answers to one prompt are measured against each other."""

from __future__ import annotations

from typing import Any

from finetune.methods.base import Job, arguments, lora_config, tables
from finetune.methods.online import led
from finetune.weights import load_model


def trainer(job: Job) -> Any:
    """TRL's `GRPOTrainer`, led by the recipe's rewards."""
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    rewards, weights = led(job)
    return GRPOTrainer(
        model=load_model(job.recipe, job.machine),
        reward_funcs=rewards,
        args=arguments(job, GRPOConfig, reward_weights=weights),
        processing_class=job.tokenizer,
        peft_config=lora_config(job),
        callbacks=list(job.callbacks),
        **tables(job),
    )
