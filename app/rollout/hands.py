"""What engines can be made to do for a rollout: versions out of the registry come and go by name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from app.adapters import Adapters
from core.errors import ConfigurationError, Conflict
from finetune.ports import Versions

_BY = "the rollout"


@dataclass(frozen=True, kw_only=True)
class Hands:
    """The engines' adapters, by the registry's names."""

    adapters: Adapters
    registry: Versions

    def always(self, version: str) -> bool:
        """Whether it answers without being loaded: the base by its own name."""
        return version == self.adapters.base

    def stays(self, version: str) -> bool:
        """Whether it is not for a rollout to unload: it answers by default, or was loaded at the start."""
        return version in (self.adapters.base, self.adapters.default) or version in self.adapters.fixed

    async def loaded(self) -> frozenset[str]:
        """What every engine serves. Raises `GeneratorUnavailable` where one does not say."""
        if self.adapters.engines is not None:
            return await self.adapters.engines.names() | {self.adapters.base}
        return frozenset(self.adapters.fixed) | {self.adapters.base}

    async def anywhere(self, version: str) -> bool:
        """Whether any engine has it, or does not say."""
        listings = await self.adapters.listings()
        return any(each.problem or version in each.adapters for each in listings)

    async def load(self, version: str) -> None:
        """Has every engine serve a version of the registry and write with it. Raises `NotFound`, `ConfigurationError`
        where its files are damaged or are no adapter, and what `Adapters.load_folder` raises."""
        found = await asyncio.to_thread(self.registry.sound, version)
        if found.kind != "adapter":
            raise ConfigurationError(f"{version} is no adapter but a {found.kind}: only adapters are rolled out.")
        name = await self.adapters.load_folder(found.title, found.folder, _BY)
        if name != version:
            raise Conflict(f"The files of {version} load as {name}. Train it again.")

    async def unload(self, version: str) -> None:
        """Has no engine serve it once nothing is written with it. Raises `NotFound`, `Unavailable` where it is still
        asked for, `GeneratorUnavailable`."""
        await self.adapters.unload(version, _BY)


__all__ = ["Hands"]
