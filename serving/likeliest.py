"""What a transformers model could have written at each place, looked at before a schema forbids any of it."""

from __future__ import annotations

from typing import Any

from serving.certainty import Certainty


class Likeliest:
    """The first of transformers' logits processors: changes nothing, and remembers the model's own distribution until
    the token that was taken is known. For one output.

    https://huggingface.co/docs/transformers/internal/generation_utils#logitsprocessor
    """

    def __init__(self, alternatives: int) -> None:
        self._alternatives = alternatives
        self._row: Any = None
        self.certainty = Certainty()

    def __call__(self, ids: Any, scores: Any) -> Any:
        """Called by `generate` with the scores of the next token; returns them as they are."""
        self._row = scores[0].float().log_softmax(dim=-1)
        return scores

    def took(self, token: int) -> None:
        """The token that was written after the last scores."""
        if self._row is None:
            return
        likeliest = self._row.topk(min(self._alternatives, len(self._row))).values.tolist()
        written = float(self._row[token])
        if written < likeliest[-1]:
            likeliest.append(written)
        self.certainty.take(written, likeliest)
        self._row = None
