"""The grammar that a model in this process writes under: Outlines, with llguidance behind it.

The other grammars that Outlines offers were tried. outlines_core builds an automaton for every schema: 5 s for an
answer's with its default bounds and a vocabulary of 2,000, again for each request, since each has its own source ids.
xgrammar 0.2 breaks strings of limited length. llguidance takes a tenth of a millisecond, and is what vLLM is started
with. https://dottxt-ai.github.io/outlines/ and https://github.com/guidance-ai/llguidance/blob/main/docs/json_schema.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import GeneratorUnavailable

if TYPE_CHECKING:
    from outlines.backends.llguidance import LLGuidanceLogitsProcessor


class Grammar:
    """A model's vocabulary, by which schemas become masks over its next token. Importing Outlines takes seconds."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        import outlines
        from outlines.backends import LLGuidanceBackend

        self._backend = LLGuidanceBackend(outlines.from_transformers(model, tokenizer))

    def processor(self, schema: Mapping[str, Any]) -> LLGuidanceLogitsProcessor:
        """The mask for one output under a JSON schema. Raises `GeneratorUnavailable` for one it cannot hold to.

        White space outside of strings is not admitted at all: small models otherwise write it until their limit.
        """
        from llguidance import LLMatcher

        strict = {**schema, "x-guidance": {"whitespace_flexible": False}}
        made: LLGuidanceLogitsProcessor = self._backend.get_json_schema_logits_processor(json.dumps(strict))
        # A matcher of a grammar it does not understand only warns, and masks nothing.
        if problem := LLMatcher.validate_grammar(made.grammar, self._backend.llg_tokenizer):
            raise GeneratorUnavailable(f"The model cannot be held to this JSON schema: {problem}. Ask for less.")
        return made

    def written(self, tokens: Sequence[int]) -> bytes:
        """The bytes that tokens stand for, as the grammar counts them; they may end within a character."""
        return bytes(self._backend.llg_tokenizer.decode_bytes(list(tokens)))
