"""Opens the services beside the listening server, so that `/healthz` answers before a model or an index is loaded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from app.errors import Starting
from core.errors import ConfigurationError, FootnoteError, Unavailable

if TYPE_CHECKING:  # the services' own modules load databases and engines; listening must not wait for them
    from app.services import Services
    from app.settings import Settings

    ServicesFactory = Callable[[Settings], AbstractAsyncContextManager[Services]]

logger = logging.getLogger("footnote.boot")

_RETRY_FIRST, _RETRY_LAST = 1.0, 30.0


class Boot:
    """Holds the services from the moment they are open. A part that does not answer yet is tried again; a setting that
    cannot work is not, and `error` says which."""

    def __init__(self, settings: Settings, factory: ServicesFactory) -> None:
        self._settings = settings
        self._factory = factory
        self._services: Services | None = None
        self._stop = asyncio.Event()
        self._opened = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.error: FootnoteError | None = None

    @property
    def services(self) -> Services:
        """The open services. Raises `Starting`, or what keeps them from opening."""
        if self._services is not None:
            return self._services
        raise self.error or Starting("The server is starting; try again in a moment.")

    def start(self) -> None:
        """Begins opening; returns at once."""
        self._task = asyncio.create_task(self._run(), name="open services")

    async def stop(self) -> None:
        """Closes the services, or gives up opening them."""
        self._stop.set()
        if self._task is None:
            return
        if self._services is None:
            self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def opened(self) -> Services:
        """Waits until the services are open or cannot be opened, and returns or raises as `services` does."""
        await self._opened.wait()
        return self.services

    async def _run(self) -> None:
        delay = _RETRY_FIRST
        while not self._stop.is_set():
            try:
                await self._hold()
                return
            except Unavailable as error:
                self.error = error
                logger.warning("Not ready yet: %s Trying again in %.0f s.", error, delay)
            except FootnoteError as error:
                logger.error("The server cannot work: %s", error)
                self._fail(error)
                return
            except Exception:
                logger.exception("The services did not open")
                self._fail(ConfigurationError("The server did not start; its log says why."))
                return
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay)
            delay = min(delay * 2, _RETRY_LAST)

    async def _hold(self) -> None:
        """Opens the services and keeps them until the end: they are closed by the task that opened them."""
        async with self._factory(self._settings) as services:
            self._services, self.error = services, None
            self._opened.set()
            try:
                await self._stop.wait()
            finally:
                self._services = None

    def _fail(self, error: FootnoteError) -> None:
        self.error = error
        self._opened.set()
