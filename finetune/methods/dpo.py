"""Direct preference optimisation with the sigmoid loss (Rafailov et al. 2023) or IPO's (Azar et al. 2023)."""

from __future__ import annotations

from typing import Any

from finetune.methods.base import Job, arguments, lora_config, tables
from finetune.weights import load_model


def trainer(job: Job) -> Any:
    """TRL's `DPOTrainer`. With an adapter the reference is the model without it."""
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    return DPOTrainer(
        model=load_model(job.recipe, job.machine),
        args=arguments(job, DPOConfig),
        processing_class=job.tokenizer,
        peft_config=lora_config(job),
        callbacks=list(job.callbacks),
        **tables(job),
    )
