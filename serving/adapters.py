"""LoRA adapters on running engines: loaded, verified, drained and unloaded by names that never change their meaning.

A name is `title@digest` with the digest of the adapter's files: what was measured under a name is what is served under
it. vLLM's prefix cache is keyed by names, so that weights changed under a name would answer from the old ones' cache.
https://docs.vllm.ai/en/latest/features/lora.html
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import (
    ConfigurationError,
    Conflict,
    FootnoteError,
    GeneratorRefused,
    GeneratorUnavailable,
    NotFound,
    Unavailable,
)
from serving.endpoint import Endpoint
from serving.engine import probe
from serving.engine_proofs import check_effect
from serving.openai_compatible import OpenAICompatibleGenerator
from serving.settings import EndpointSettings

log = logging.getLogger("footnote.adapters")

DIGEST_CHARS = 16
FILES = ("adapter_config.json", "adapter_model.safetensors")
_LOAD_SECONDS = 120.0
_SHORT = 10.0
_PAUSE = 0.2
_NAMED = 1_000
"""Characters of what an engine calls something."""
_REQUESTS = re.compile(r"^vllm:num_requests_(?:running|waiting)\{[^}]*\} (\S+)$", re.MULTILINE)
_LORA = re.compile(
    r'^vllm:lora_requests_info\{[^}]*running_lora_adapters="([^"]*)"[^}]*waiting_lora_adapters="([^"]*)"[^}]*\} (\S+)$',
    re.MULTILINE,
)


def adapter_name(title: str, folder: Path) -> str:
    """`title@digest` of an adapter's folder. Raises `ConfigurationError` where it holds no adapter."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", title):
        raise ConfigurationError(f"{title!r} cannot be an adapter's title: use letters, digits, dots and hyphens.")
    return f"{title}@{adapter_digest(folder)}"


def adapter_digest(folder: Path) -> str:
    """The digest of an adapter's files. Raises `ConfigurationError` where the folder holds no adapter."""
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise ConfigurationError(f"{folder} holds no adapter: {name} is missing. Name a folder that PEFT saved.")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:DIGEST_CHARS]


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What one engine serves: its adapters with the folders they were loaded from; or why it does not say."""

    url: str
    adapters: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


class EngineAdapters:
    """The adapters of every engine that serves one model; what is done is done on all of them or on none, and one thing
    after another."""

    def __init__(self, engines: Sequence[EndpointSettings]) -> None:
        self._engines = [_Engine(settings) for settings in engines]
        self._hands = asyncio.Lock()
        self._leaving: set[str] = set()

    async def close(self) -> None:
        """Closes its connections."""
        for engine in self._engines:
            await engine.close()

    async def names(self) -> frozenset[str]:
        """The adapters that every engine serves, but those being unloaded. Raises `GeneratorUnavailable`."""
        listings = await asyncio.gather(*(engine.adapters() for engine in self._engines))
        common = frozenset.intersection(*(frozenset(listing) for listing in listings)) if listings else frozenset()
        return common - self._leaving

    async def listings(self) -> tuple[Listing, ...]:
        """What each engine serves. Never raises: one that does not answer says so."""
        return tuple(await asyncio.gather(*(engine.listing() for engine in self._engines)))

    async def load(self, title: str, folder: Path) -> str:
        """Loads an adapter everywhere and has it write under a schema; returns its name. Doing it again does nothing.

        Raises `ConfigurationError` where it is no adapter or not held to a schema, `Conflict` where an engine has
        another folder under this name, `GeneratorUnavailable` where one does not take it. Then none has it.
        """
        name = await asyncio.to_thread(adapter_name, title, folder)
        async with self._hands:
            await self._load(name, str(folder.absolute()))
        return name

    async def _load(self, name: str, path: str) -> None:
        fresh: list[_Engine] = []
        try:
            for engine in self._engines:
                there = (await engine.adapters()).get(name)
                if there not in (None, path):
                    raise Conflict(f"An engine serves {name} from {there}. Unload it there first.")
                if there is None:
                    fresh.append(engine)
                    await engine.load(name, path)
                await engine.verify(name, path)
        except BaseException:
            for engine in fresh:
                await engine.forget(name)
            raise

    async def unload(self, name: str, seconds: float = 60.0) -> None:
        """Waits until no engine has a request for it, then removes it; whoever calls this has stopped asking for it.

        Raises `NotFound` where no engine has it, `Unavailable` where requests do not end in time (then all keep it).
        """
        async with self._hands:
            self._leaving.add(name)
            try:
                await self._unload(name, seconds)
            finally:
                self._leaving.discard(name)

    async def _unload(self, name: str, seconds: float) -> None:
        holding = [engine for engine in self._engines if name in await engine.adapters()]
        if not holding:
            raise NotFound(f"No engine serves an adapter named {name}.")
        deadline = time.monotonic() + seconds
        for engine in holding:
            while await engine.busy(name):
                if time.monotonic() > deadline:
                    raise Unavailable(f"Answers are still being written with {name}. Unload it later.")
                await asyncio.sleep(_PAUSE)
        for engine in holding:
            await engine.unload(name)


class _Engine:
    """One engine's adapters."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._url = settings.base_url
        self._model = settings.model
        self._endpoint = Endpoint(settings)
        self._generator = OpenAICompatibleGenerator(settings)

    async def close(self) -> None:
        await self._endpoint.close()
        await self._generator.close()

    async def adapters(self) -> dict[str, str]:
        """Name to folder."""
        listing = await self._endpoint.ask("GET", "/models", None, _SHORT)
        try:
            served = [each for each in listing["data"] if each.get("parent") is not None]
            return {str(each["id"])[:_NAMED]: str(each.get("root"))[:_NAMED] for each in served}
        except (LookupError, TypeError, AttributeError):
            raise self._endpoint.not_openai() from None

    async def listing(self) -> Listing:
        try:
            return Listing(url=self._url, adapters=await self.adapters())
        except FootnoteError as error:
            return Listing(url=self._url, problem=error.message)

    async def load(self, name: str, path: str) -> None:
        body = {"lora_name": name, "lora_path": path}
        try:
            await self._endpoint.text("POST", "/load_lora_adapter", body, _LOAD_SECONDS)
        except GeneratorUnavailable as error:
            raise GeneratorUnavailable(
                f"An engine did not take {name}. It must be started with FOOTNOTE_SERVING__ENGINE__LORA=true, see the "
                f"folder under the same path and allow the adapter's rank; its log says more. {error.message}"
            ) from None

    async def verify(self, name: str, path: str) -> None:
        if (await self.adapters()).get(name) != path:
            raise Unavailable(f"An engine took {name} and does not list it. Try again.")
        try:
            await probe(self._generator, name)
            await check_effect(self._endpoint, self._model, name)
        except ConfigurationError:  # of an engine that has died meanwhile it says nothing of the adapter
            with suppress(GeneratorRefused):
                await self._endpoint.text("GET", "//health", None, _SHORT)
            raise

    async def unload(self, name: str) -> None:
        await self._endpoint.text("POST", "/unload_lora_adapter", {"lora_name": name}, _SHORT)

    async def forget(self, name: str) -> None:
        try:
            await self.unload(name)
        except FootnoteError as error:  # most likely it never was there
            log.info("%s could not be unloaded: %s", name, error)

    async def busy(self, name: str) -> bool:
        """Whether it has requests for an adapter, by its own figures: the newest line of who is running and waiting,
        which is not written again once nothing runs at all."""
        figures = await self._endpoint.text("GET", "//metrics", None, _SHORT)
        try:
            if not sum(float(value) for value in _REQUESTS.findall(figures)):
                return False
            lines = sorted((float(at), running, waiting) for running, waiting, at in _LORA.findall(figures))
        except ValueError:
            raise GeneratorUnavailable("An engine's figures cannot be read; is it vLLM?") from None
        return bool(lines) and name in (*lines[-1][1].split(","), *lines[-1][2].split(","))
