"""The reranker of `retrieval`: a question and a passage read together, each pair judged by itself (Nogueira and Cho,
2019)."""

from __future__ import annotations

from typing import Any

from core.errors import ConfigurationError
from finetune.methods.base import Job
from finetune.methods.passages import arguments, labelled, reranked


def trainer(job: Job) -> Any:
    """`CrossEncoderTrainer` with binary cross entropy, positives weighed as many times as there are negatives."""
    import torch
    from sentence_transformers import CrossEncoder, CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    recipe, rows = job.recipe, job.feed.validation
    length = recipe.train.get("max_length")
    try:
        device = None if job.machine.cuda else "cpu"
        model = CrossEncoder(recipe.model, num_labels=1, max_length=length, device=device)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"{recipe.model} cannot be loaded as a reranker: {error}") from error
    return CrossEncoderTrainer(
        model=model,
        args=arguments(job, CrossEncoderTrainingArguments),
        train_dataset=labelled(job.feed.train, recipe.negatives, job.seed),
        eval_dataset=labelled(rows, recipe.negatives, job.seed) if rows else None,
        loss=BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(float(recipe.negatives))),
        evaluator=reranked(rows, job.seed) if rows else None,
        callbacks=list(job.callbacks),
    )
