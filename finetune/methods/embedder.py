"""The embedder of `retrieval`: a question's passage above all others of its batch and its hard negatives
(MultipleNegativesRanking; Henderson et al. 2017)."""

from __future__ import annotations

from typing import Any

from core.errors import ConfigurationError
from finetune.methods.base import Job
from finetune.methods.passages import arguments, searched, triples


def trainer(job: Job) -> Any:
    """`SentenceTransformerTrainer`. No passage is twice in a batch: it would count as its own negative."""
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    recipe, rows = job.recipe, job.feed.validation
    try:
        model = SentenceTransformer(recipe.model, device=None if job.machine.cuda else "cpu")
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"{recipe.model} cannot be loaded as an embedder: {error}") from error
    if "max_length" in recipe.train:
        model.max_seq_length = int(recipe.train["max_length"])
    return SentenceTransformerTrainer(
        model=model,
        args=arguments(job, SentenceTransformerTrainingArguments, batch_sampler="no_duplicates"),
        train_dataset=triples(job.feed.train, recipe.negatives, job.seed),
        eval_dataset=triples(rows, recipe.negatives, job.seed) if rows else None,
        loss=MultipleNegativesRankingLoss(model),
        evaluator=searched(rows) if rows else None,
        callbacks=list(job.callbacks),
    )
