"""Parts of the server's event loop, for work that has a loop of its own in another thread."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")


def across(inner: T, loop: asyncio.AbstractEventLoop, check: Callable[[], None]) -> T:
    """The same part: its coroutines are run in `loop`, which it belongs to, after `check`, which may raise."""
    return cast(T, _Across(inner, loop, check))


class _Across:
    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop, check: Callable[[], None]) -> None:
        self._inner = inner
        self._loop = loop
        self._check = check

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            self._check()
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(found(*arguments, **named), self._loop))

        return call


__all__ = ["across"]
