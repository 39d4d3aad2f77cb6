"""Whose vectors texts are held against each other by, where rules ask for BERTScore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInput

if TYPE_CHECKING:
    from app.services import Services
    from finetune.gate.ports import TokenVectors
    from finetune.gate.rules import GateRules

MEASURE = "bert_score"


def require_vectors(services: Services, rules: GateRules) -> None:
    """Raises `InvalidInput` for rules that ask for what no model is there for."""
    if MEASURE not in rules.measures or services.settings.finetune.gate.bert_score_model:
        return
    if not hasattr(services.embedder, "token_vectors"):
        raise InvalidInput(
            "The rules ask for bert_score, and the embedder gives no vectors of tokens. Set "
            "FOOTNOTE_FINETUNE__GATE__BERT_SCORE_MODEL, or leave bert_score out."
        )


@asynccontextmanager
async def open_vectors(services: Services, rules: GateRules) -> AsyncIterator[TokenVectors | None]:
    """The model that the settings name, else the server's own embedder; None where rules do not ask. Raises
    `ConfigurationError` for a model that cannot be loaded."""
    if MEASURE not in rules.measures:
        yield None
        return
    name = services.settings.finetune.gate.bert_score_model
    if not name:
        own: Any = services.embedder
        yield own
        return
    from retrieval.embed_transformers import TransformersEmbedder
    from retrieval.settings import EmbedderSettings

    settings = EmbedderSettings(kind="transformers", model=name)
    model = await asyncio.to_thread(TransformersEmbedder, settings)
    try:
        yield model
    finally:
        model.close()


__all__ = ["open_vectors", "require_vectors"]
