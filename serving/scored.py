"""A generator that is asked now and then how sure it is of what it writes."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from core.ports import Generator
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo


class ScoredGenerator:
    """The `Generator` port around another: of answers a `share`, chosen by chance, are asked for with `alternatives`
    tokens at each place. Not all of them, since an engine works for what it tells."""

    def __init__(self, inner: Generator, *, share: float, alternatives: int, seed: int | None = None) -> None:
        self._inner = inner
        self._share = share
        self._alternatives = alternatives
        self._chance = random.Random(seed)  # noqa: S311  # a sample, no secret

    @property
    def info(self) -> GeneratorInfo:
        """The other's."""
        return self._inner.info

    async def complete(self, request: GenerationRequest) -> Generation:
        """The whole output. Raises what the other raises."""
        return await self._inner.complete(self._asked(request))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """The output as it is written. Raises what the other raises."""
        pieces = cast("AsyncGenerator[Delta]", self._inner.stream(self._asked(request)))
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def check(self) -> None:
        """Raises what the other raises."""
        await self._inner.check()

    async def close(self) -> None:
        """Closes the other."""
        await self._inner.close()

    def _asked(self, request: GenerationRequest) -> GenerationRequest:
        if request.task != "answer" or request.alternatives or self._chance.random() >= self._share:
            return request
        return replace(request, alternatives=self._alternatives)
