"""Where runs are kept between two steps: the door to LangGraph's savers, which are imported when one is opened."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar

from core.errors import ConfigurationError, StoreUnavailable

_log = logging.getLogger(__name__)
T = TypeVar("T")

_SETTINGS = {"LANGGRAPH_STRICT_MSGPACK": "true", "LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}
"""Read by LangGraph when it is imported, or later: nothing is told to anybody outside."""


def only_data() -> Any:
    """How checkpoints are read, whatever the environment says: as data, which never makes objects of classes that it
    names but LangGraph's own."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    return JsonPlusSerializer(allowed_msgpack_modules=None)


def told_as_unavailable(*errors: type[Exception]) -> Callable[[type[T]], type[T]]:
    """A saver's class whose calls raise `StoreUnavailable` instead of these errors."""

    def translated(kind: type[T]) -> type[T]:
        for name in ("aput", "aput_writes", "aget_tuple", "aget_delta_channel_history", "adelete_thread"):
            setattr(kind, name, _translating(getattr(kind, name), errors))
        return kind

    return translated


def _translating(call: Callable[..., Awaitable[Any]], errors: tuple[type[Exception], ...]) -> Any:
    @wraps(call)
    async def translating(*args: Any, **given: Any) -> Any:
        try:
            return await call(*args, **given)
        except errors as error:
            _log.exception("a checkpoint could not be kept or read")
            raise StoreUnavailable("The database that keeps agents' runs does not answer. Try again soon.") from error

    return translating


class Checkpoints(Protocol):
    """A saver of LangGraph's that can be waited for."""

    async def settled(self) -> None:
        """Returns once all that was saved is kept for good."""
        ...

    async def adelete_thread(self, thread_id: str) -> None:
        """Removes a thread, if there is one."""
        ...


@asynccontextmanager
async def open_checkpoints(url: str) -> AsyncIterator[Checkpoints]:
    """The checkpoints at an address: sqlite:///path (four strokes for one from the root), postgresql://… or memory:,
    which is gone with the process. Raises `ConfigurationError` for another."""
    os.environ.update(_SETTINGS)
    kind, _, rest = url.partition(":")
    kind = kind.partition("+")[0]
    if kind == "sqlite":
        path = Path(rest.removeprefix("///"))
        module = await asyncio.to_thread(import_module, "agents.checkpoint_sqlite")
        async with module.open_sqlite(path) as saver:
            yield saver
    elif kind == "postgresql":
        module = await asyncio.to_thread(import_module, "agents.checkpoint_postgres")
        async with module.open_postgres(f"postgresql:{rest}") as saver:
            yield saver
    elif kind == "memory":
        yield await asyncio.to_thread(_memory)
    else:
        raise ConfigurationError("Runs are kept in a database whose address begins with sqlite: or postgresql:.")


def _memory() -> Any:
    from langgraph.checkpoint.memory import InMemorySaver

    class Memory(InMemorySaver):
        async def settled(self) -> None:
            """It is kept as soon as it is saved."""

    return Memory(serde=only_data())
