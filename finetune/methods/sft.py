"""Supervised fine-tuning: the loss counts on the completion alone."""

from __future__ import annotations

from typing import Any

from finetune.methods.base import Job, arguments, lora_config, tables
from finetune.weights import load_model


def trainer(job: Job) -> Any:
    """TRL's `SFTTrainer`."""
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    return SFTTrainer(
        model=load_model(job.recipe, job.machine),
        args=arguments(job, SFTConfig),
        processing_class=job.tokenizer,
        peft_config=lora_config(job),
        callbacks=list(job.callbacks),
        **tables(job),
    )
