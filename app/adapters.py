"""The adapters that answers may be written with: which there are, and for administrators how they come and go.

What may be loaded lies below one configured folder; under which name is decided by what is in it. Who chooses the
adapter that answers by default is the settings.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.settings import Settings
from core.errors import ConfigurationError, Conflict, InvalidInput, NotFound
from serving.adapters import EngineAdapters, Listing

logger = logging.getLogger("footnote.adapters")


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """The configured generator's adapters. `engines` are vLLM's, which can be loaded and unloaded while they run;
    without them there are the `fixed` ones, by name with their folders."""

    settings: Settings
    base: str
    default: str | None = None
    engines: EngineAdapters | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_itself(self) -> str:
        """What answers where no rollout says otherwise."""
        return self.default or self.base

    async def listings(self) -> tuple[Listing, ...]:
        """What each engine serves. Never raises."""
        if self.engines is not None:
            return await self.engines.listings()
        return (Listing(url="", adapters=self.fixed),) if self.fixed else ()

    async def require(self, name: str) -> None:
        """Raises `NotFound` where not every engine serves an adapter of this name, `GeneratorUnavailable` where one
        does not say. The base is asked for by its own name."""
        if name in (self.base, self.default):
            return
        known = await self.engines.names() if self.engines is not None else frozenset(self.fixed)
        if name not in known:
            raise NotFound(f"No adapter named {_short(name)} answers here; GET /v1/adapters lists those that do.")

    async def load(self, title: str, path: str, caller: str) -> str:
        """Loads the adapter in a folder onto every engine, and returns its name.

        Raises `InvalidInput` for a path that leads elsewhere, a title that cannot be one and a folder that holds no
        adapter; `Conflict` where none can be loaded, and what `EngineAdapters.load` raises.
        """
        self._hands()
        return await self.load_folder(title, self._below(path), caller)

    async def load_folder(self, title: str, folder: Path, caller: str) -> str:
        """Loads the adapter in a folder that this server itself has chosen onto every engine, and returns its name.

        Raises `InvalidInput` where it holds no adapter, `Conflict` where none can be loaded, and what
        `EngineAdapters.load` raises.
        """
        engines = self._hands()
        try:
            name = await engines.load(title, folder)
        except ConfigurationError as error:  # of what was asked for, not of this server
            raise InvalidInput(error.message) from None
        logger.info("%s loaded the adapter %s from %s", caller, name, folder)
        return name

    async def unload(self, name: str, caller: str) -> None:
        """Removes an adapter from every engine once nothing is written with it any more.

        Raises `Conflict` for the one that answers by default, and what `EngineAdapters.unload` raises.
        """
        engines = self._hands()
        if name == self.default:
            raise Conflict(
                f"{name} answers by default. Set FOOTNOTE_SERVING__ENDPOINT__ADAPTER to another one and restart the "
                "server first."
            )
        await engines.unload(name, self.settings.serving.adapters.drain_seconds)
        logger.info("%s unloaded the adapter %s", caller, name)

    async def close(self) -> None:
        """Closes the connections to the engines."""
        if self.engines is not None:
            await self.engines.close()

    def _hands(self) -> EngineAdapters:
        if self.engines is None:
            raise Conflict(
                "Adapters are loaded and unloaded on vLLM alone (FOOTNOTE_SERVING__GENERATOR=openai_compatible, "
                "FOOTNOTE_SERVING__ENDPOINT__FLAVOUR=vllm); those of a local model are set in "
                "FOOTNOTE_SERVING__LOCAL__ADAPTERS."
            )
        return self.engines

    def _below(self, path: str) -> Path:
        """The folder that a path names, wherever links lead, those of its files included. Raises `InvalidInput` outside
        the configured one."""
        root = self.settings.serving.adapters.directory
        if root is None:
            raise Conflict(
                "No adapter can be loaded: set FOOTNOTE_SERVING__ADAPTERS__DIRECTORY to the folder that holds them."
            )
        root = root.expanduser().resolve()
        try:
            folder = (root / path).resolve()
            files = [each.resolve() for each in folder.iterdir()] if root in folder.parents and folder.is_dir() else []
        except (ValueError, OSError, RuntimeError):
            folder, files = root, []
        if any(root not in each.parents for each in (folder, *files)):
            raise InvalidInput(
                f"{_short(path)!r} does not lie below the folder of adapters. Give its path inside that folder."
            )
        return folder


def open_adapters(settings: Settings, base: str) -> Adapters:
    """The adapters of the configured generator, whose own name is `base`; nothing is asked or opened yet."""
    serving = settings.serving
    if serving.generator == "extractive":
        return Adapters(settings=settings, base=base)
    if serving.generator == "local":
        fixed = {name: str(folder) for name, folder in serving.local.adapters.items()}
        return Adapters(settings=settings, base=base, default=serving.local.adapter, fixed=fixed)
    wire = serving.endpoint
    engines = None
    if wire.flavour == "vllm":
        urls = serving.adapters.engines or (wire.base_url,)
        engines = EngineAdapters([wire.model_copy(update={"base_url": url}) for url in urls])
    return Adapters(settings=settings, base=base, default=wire.adapter, engines=engines)


def _short(word: str) -> str:
    return word if len(word) <= 100 else f"{word[:99]}…"


__all__ = ["Adapters", "open_adapters"]
