"""Asks the generator that people are answered by, with the very prompts that were logged, version by version."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.verify import Verifier
from core.errors import DeadlineExceeded, GenerationInvalid, GeneratorMissing, GeneratorRefused
from core.ports import Generator
from core.types import GenerationRequest, Source
from finetune.gate.items import Item
from finetune.gate.measures import Output
from finetune.target import parsed, statements

_CALLER = "the gate"
_TEXT: dict[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
"""What free text is written in: a generator writes nothing but JSON under a schema."""


@dataclass(frozen=True, kw_only=True)
class GeneratorAsker:
    """`finetune.gate.ports.Asker` over the server's generator. `seconds` is what one output may take."""

    generator: Generator
    verifier: Verifier
    max_tokens: int
    seconds: float

    async def ask(self, item: Item, version: str) -> Output:
        """One output, greedily and at the first try; what an engine does not take, such as a prompt too long for its
        window, is one that failed. Raises `GeneratorUnavailable`, `EmbedderUnavailable`."""
        since = time.perf_counter()
        try:
            made = await self.generator.complete(self._request(item, version))
        except GenerationInvalid as error:
            return Output(text="", milliseconds=_since(since), failed=error.code)
        except GeneratorMissing:
            raise  # of no prompt: every one would be refused
        except (DeadlineExceeded, GeneratorRefused) as error:
            return Output(text="", milliseconds=_since(since), failed=error.code)
        milliseconds = _since(since)
        text = made.text if item.schema else _unwrapped(made.text)
        support = await self._support(text, item.sources) if item.schema else ()
        return Output(text=text, tokens=made.usage.completion_tokens, milliseconds=milliseconds, support=support)

    def _request(self, item: Item, version: str) -> GenerationRequest:
        return GenerationRequest(
            task="answer",
            messages=item.messages,
            schema=item.schema or _TEXT,
            question=item.question,
            sources=item.sources,
            adapter=version,
            max_tokens=self.max_tokens,
            timeout=self.seconds,
            caller=_CALLER,
            scope=_CALLER,
        )

    async def _support(self, text: str, sources: Sequence[Source]) -> tuple[float, ...]:
        found = []
        for said in statements(parsed(text)) or ():
            cited = [source for source in sources if source.id in said.sources]
            found.append(await self.verifier.support(said.text, cited) if said.text.strip() else 0.0)
        return tuple(found)


def _unwrapped(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value["text"] if isinstance(value, dict) and isinstance(value.get("text"), str) else text


def _since(moment: float) -> float:
    return (time.perf_counter() - moment) * 1000


__all__ = ["GeneratorAsker"]
