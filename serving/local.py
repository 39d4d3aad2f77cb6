"""A transformers model in the server's own process as a generator, under the same schemas as any other."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

from core.errors import ConfigurationError, DeadlineExceeded, FootnoteError, GeneratorUnavailable
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo, Message
from serving.adapters import adapter_digest
from serving.endpoint import SLOW
from serving.local_errors import Stopped
from serving.local_files import look
from serving.local_model import DEFAULT_WINDOW, LocalModel
from serving.settings import LocalSettings

log = logging.getLogger("footnote.generator")

_AGAIN = 30.0
"""Seconds after which a model that did not fit into memory is tried again."""
_PATIENCE = 60.0
"""Seconds that a prompt waits to be counted by a model that is being loaded."""
_FRAME = 32
"""Tokens allowed for what a chat template puts around one message, where it cannot be asked."""
CLOSED = "The generator was closed. Ask again once the server is up."


class LocalGenerator:
    """The `Generator` and `PromptWindow` ports on one model that lives in one thread and writes one answer at a time.

    What `adapter` names is one of the settings' adapters, or the model's own name for the base. Raises
    `ConfigurationError` for a model or adapters that cannot be served. For one event loop.
    """

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._files = look(settings)
        self._adapters = _digest({name: adapter_digest(path) for name, path in sorted(settings.adapters.items())})
        # The grammar's state and the adapter in force belong to the model: two threads would mix requests.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local model")
        self._loading: asyncio.Future[LocalModel] | None = None
        self._since = 0.0
        self._closed = threading.Event()

    @property
    def info(self) -> GeneratorInfo:
        """The model's name; once it is loaded, the digests of its files and of all adapters, whichever answers."""
        return self._info(self._settings.adapter)

    def begin(self) -> None:
        """Begins loading, so that the first question need not wait for it; returns at once."""
        if self._loading is None or self._worth_another_try():
            self._since = time.monotonic()
            loop = asyncio.get_running_loop()
            self._loading = loop.run_in_executor(self._thread, lambda: LocalModel(self._settings, self._closed.is_set))
            self._loading.add_done_callback(_say)

    async def complete(self, request: GenerationRequest) -> Generation:
        """The whole output. Raises `GeneratorUnavailable`, `GenerationInvalid` or `DeadlineExceeded`."""
        async with aclosing(self.stream(request)) as pieces:
            async for piece in pieces:
                if piece.final is not None:
                    return piece.final
        raise AssertionError("a stream ends in its final piece or raises")

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """The output as it is written. Closing the iterator stops the model at its next token. Raises as `complete`
        does."""
        deadline = time.monotonic() + request.timeout
        adapter = self._adapter(request.adapter)
        model = await self._loaded(deadline)
        told: asyncio.Queue[Any] = asyncio.Queue()
        stop = threading.Event()
        tell = _teller(told)
        work = self._thread.submit(_work, model, request, adapter, tell, lambda: stop.is_set() or self._closed.is_set())
        work.add_done_callback(lambda done: tell(Stopped()) if done.cancelled() else None)
        try:
            while isinstance(piece := await _before(deadline, told.get()), str):
                yield Delta(text=piece)
        finally:
            stop.set()
            work.cancel()  # where it was not begun
        if isinstance(piece, Stopped):
            raise GeneratorUnavailable(CLOSED)
        if isinstance(piece, BaseException):
            raise piece
        final = Generation(text=piece.text, generator=self._info(adapter), usage=piece.usage)
        yield Delta(text="", final=final)

    async def check(self) -> None:
        """Looks at the files; once loading has begun, at what became of it. Raises `GeneratorUnavailable` while the
        model is being loaded, and why it could not be."""
        if self._loading is None:
            look(self._settings)
        else:
            self._outcome()

    async def close(self) -> None:
        """Stops what is being written or loaded, and gives the model's memory back."""
        self._closed.set()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._loading = None

    async def idle(self) -> None:
        """Waits until the model has nothing more in hand."""
        await asyncio.get_running_loop().run_in_executor(self._thread, lambda: None)

    # ---- the prompt's size: the port PromptWindow --------------------------------------------------------------

    async def room(self, max_tokens: int) -> int:
        """The tokens a prompt may have."""
        model = await self._patiently()
        window = model.window if model else self._settings.window or self._files.window or DEFAULT_WINDOW
        return window - max_tokens

    async def count(self, messages: Sequence[Message]) -> int:
        """The model's own count; where it cannot be loaded, as many as there are bytes."""
        if (model := await self._patiently()) is not None:
            return await asyncio.to_thread(model.count, messages)
        return _FRAME + sum(len(each.content.encode("utf-8", "replace")) + _FRAME for each in messages)

    # ---- parts -------------------------------------------------------------------------------------------------

    async def _patiently(self) -> LocalModel | None:
        with contextlib.suppress(FootnoteError):
            return await self._loaded(time.monotonic() + _PATIENCE)
        return None

    async def _loaded(self, deadline: float) -> LocalModel:
        """The model, once it is loaded. Raises why it is not."""
        if self._closed.is_set():
            raise GeneratorUnavailable(CLOSED)
        self.begin()
        assert self._loading is not None
        await asyncio.wait([self._loading], timeout=max(deadline - time.monotonic(), 0.0))
        return self._outcome()

    def _outcome(self) -> LocalModel:
        """The loaded model. Raises why there is none, as an error of its own each time."""
        assert self._loading is not None
        if not self._loading.done():
            raise GeneratorUnavailable(
                f"The model {self._files.name} is being loaded, for {time.monotonic() - self._since:.0f} s so far. "
                "Ask again in a moment."
            )
        error = self._loading.exception()
        if isinstance(error, FootnoteError):
            raise type(error)(error.message) from error
        return self._loading.result()

    def _worth_another_try(self) -> bool:
        """Whether loading failed for a reason that may have passed. Settings that cannot work stay so."""
        if self._loading is None or not self._loading.done() or self._loading.exception() is None:
            return False
        refused = isinstance(self._loading.exception(), ConfigurationError)
        return not refused and time.monotonic() - self._since > _AGAIN

    def _adapter(self, asked: str | None) -> str | None:
        """The adapter that answers, None for the base. Raises `GeneratorUnavailable` for one that there is not."""
        name = asked or self._settings.adapter
        if name is None or name in self._settings.adapters:
            return name
        if name == self._files.name:
            return None
        listed = ", ".join(sorted([self._files.name, *self._settings.adapters])[:10])
        raise GeneratorUnavailable(
            f"The local model has no adapter {name!r}; there is {listed}. Ask for one of them, or add it to "
            "FOOTNOTE_SERVING__LOCAL__ADAPTERS."
        )

    def _info(self, adapter: str | None) -> GeneratorInfo:
        name = self._files.name
        done = self._loading is not None and self._loading.done() and self._loading.exception() is None
        fingerprint = f"{name}:{self._outcome().digest}{self._adapters}" if done else name
        return GeneratorInfo(name=name, fingerprint=fingerprint, adapter=adapter)


def _digest(adapters: Mapping[str, str]) -> str:
    """Whatever stands under the adapters' names, in short; nothing without any."""
    return f"+{hashlib.sha256(repr(adapters).encode()).hexdigest()[:8]}" if adapters else ""


def _work(
    model: LocalModel,
    request: GenerationRequest,
    adapter: str | None,
    tell: Callable[[Any], None],
    stopped: Callable[[], bool],
) -> None:
    """In the model's thread: tells each piece, then the whole or the error that ended it."""
    try:
        tell(model.write(request, adapter, tell, stopped))
    except BaseException as error:
        tell(error)


def _teller(told: asyncio.Queue[Any]) -> Callable[[Any], None]:
    """Puts into a queue of this event loop from another thread."""
    loop = asyncio.get_running_loop()

    def tell(what: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
            loop.call_soon_threadsafe(told.put_nowait, what)

    return tell


async def _before(deadline: float, call: Any) -> Any:
    """What is awaited, or `DeadlineExceeded`. Spans no yield, so that the limit strikes only here."""
    try:
        async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
            return await call
    except TimeoutError:
        raise DeadlineExceeded(SLOW) from None


def _say(loading: asyncio.Future[LocalModel]) -> None:
    """Logs why a model did not load, once; whoever asks is told, too."""
    if not loading.cancelled() and (error := loading.exception()) is not None:
        log.error("the local model did not load: %s", error)
