"""A reward model: one score a text, the better of a pair above the other (Bradley and Terry, 1952)."""

from __future__ import annotations

from typing import Any

from finetune.methods.base import Job, arguments, lora_config, tables
from finetune.weights import load_model


def trainer(job: Job) -> Any:
    """TRL's `RewardTrainer`."""
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

    model = load_model(job.recipe, job.machine, scores=True)
    model.config.pad_token_id = job.tokenizer.pad_token_id  # a score is read at the last token that is no padding
    return RewardTrainer(
        model=model,
        args=arguments(job, RewardConfig),
        processing_class=job.tokenizer,
        peft_config=lora_config(job),
        callbacks=list(job.callbacks),
        **tables(job),
    )
