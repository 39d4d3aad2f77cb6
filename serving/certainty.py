"""How sure a model was of the tokens that it wrote: the entropy of what it could have written, and the surprisal of
what it did, in nats.

Of a vocabulary of a hundred thousand tokens an engine tells the likeliest. What is left of the probability counts as
one more token, so that the entropy is a lower bound. Probabilities are the model's own, before a schema forbids any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.types import Usage

_ROUNDING = 1e-3
"""Nats that a logarithm of a probability may lie above 0."""
_SAME = 1e-6
_LEAST = 1e5
"""Nats that no logarithm of a probability is further from 0."""


@dataclass(kw_only=True, slots=True)
class Certainty:
    """Sums over the tokens of one output."""

    tokens: int = 0
    entropy: float = 0.0
    surprisal: float = 0.0

    def take(self, written: float, likeliest: Sequence[float]) -> None:
        """One token: the logarithm of its probability, and those of the likeliest tokens and its own. A token with
        what is no logarithm of a probability is left out: not every server counts well."""
        known = [written, *likeliest]
        if not all(math.isfinite(each) and each <= _ROUNDING for each in known):
            return
        self.tokens += 1
        self.surprisal += max(0.0, -written)
        self.entropy += truncated_entropy(likeliest)

    def into(self, usage: Usage) -> Usage:
        """The usage with what was told of its tokens."""
        return replace(usage, scored_tokens=self.tokens, entropy=self.entropy, surprisal=self.surprisal)


def truncated_entropy(likeliest: Sequence[float]) -> float:
    """The entropy in nats of some tokens, given the logarithms of their probabilities, and one more that has the
    rest."""
    shares = [math.exp(min(0.0, each)) for each in likeliest]
    rest = max(0.0, 1.0 - math.fsum(shares))
    return math.fsum(-share * math.log(share) for share in [*shares, rest] if share > 0.0)


def read(said: Any, certainty: Certainty) -> None:
    """Takes the `logprobs` of one choice of a chunk as OpenAI's protocol has them; what is not like that is left out.

    https://platform.openai.com/docs/api-reference/chat-streaming
    """
    content = said.get("content") if isinstance(said, dict) else None
    for token in content if isinstance(content, list) else ():
        if not isinstance(token, dict) or not _number(token.get("logprob")):
            continue
        listed = token.get("top_logprobs")
        others = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        told = [each["logprob"] for each in others if _number(each.get("logprob"))]
        if not told or not all(abs(each) <= _LEAST for each in (token["logprob"], *told)):
            continue
        found = [float(each) for each in told]
        written = float(token["logprob"])
        if not any(_is(each, token) for each in others):
            found.append(written)  # some list what was written only where it is one of the likeliest
        certainty.take(written, found)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both are the same token. Several have one text: parts of a character are all shown as U+FFFD."""
    return (
        one.get("token") == other.get("token")
        and _number(one.get("logprob"))
        and abs(one["logprob"] - other["logprob"]) <= _SAME * max(1.0, abs(other["logprob"]))
    )
