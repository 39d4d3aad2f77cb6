"""A generator that the champion writes for, where no adapter is asked for by name."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from core.ports import Generator
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo


@dataclass(frozen=True)
class ChampionGenerator:
    """The same port over another generator. `champion` says which version answers everybody now, if any does."""

    inner: Generator
    champion: Callable[[], str | None]

    @property
    def info(self) -> GeneratorInfo:
        """The inner one's."""
        return self.inner.info

    async def complete(self, request: GenerationRequest) -> Generation:
        """As the inner one."""
        return await self.inner.complete(self._asked(request))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """As the inner one."""
        pieces = self.inner.stream(self._asked(request))
        assert isinstance(pieces, AsyncGenerator)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def check(self) -> None:
        """The inner one's."""
        await self.inner.check()

    async def close(self) -> None:
        """Closes the inner one."""
        await self.inner.close()

    def _asked(self, request: GenerationRequest) -> GenerationRequest:
        return request if request.adapter is not None else replace(request, adapter=self.champion())


__all__ = ["ChampionGenerator"]
