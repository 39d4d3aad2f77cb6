"""Versions in the registry as the API tells them, and one of them put onto the engines."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from app.adapters import Adapters
from core.errors import ConfigurationError, Conflict
from finetune.ports import Versions
from finetune.registry import Version


def told(
    version: Version, serving: Collection[str] = (), pins: Mapping[str, str] | None = None, *, whole: bool = False
) -> dict[str, Any]:
    """What is known of a version by its card; `serving` are the names that every engine serves, `pins` who pinned
    which. A card that cannot be read says that the version is damaged. `whole` adds the card itself."""
    try:
        card, sound = version.card(), None
    except (OSError, ValueError):
        card, sound = {}, False
    base, data = card.get("base") or {}, card.get("data") or {}
    found = {
        "name": version.name,
        "title": version.title,
        "version": version.name.rpartition("@")[2],
        "kind": version.kind,
        "created_at": datetime.fromtimestamp(version.made_at, UTC),
        "size": version.size,
        "method": card.get("method"),
        "dataset": data.get("dataset"),
        "base": base.get("model"),
        "licence": base.get("licence"),
        "sound": sound,
        "serving": version.name in serving,
        "pinned_by": (pins or {}).get(version.name),
    }
    return {**found, "card": card} if whole else found


async def served_everywhere(adapters: Adapters) -> frozenset[str]:
    """The adapters that every engine serves, as far as the engines say. Never raises."""
    listings = await adapters.listings()
    return frozenset.intersection(*(frozenset(each.adapters) for each in listings)) if listings else frozenset()


async def load_version(registry: Versions, adapters: Adapters, name: str, caller: str) -> str:
    """Puts an adapter onto every engine, or onto none, out of the registry's folder; its files are fetched and read
    first.

    Raises `NotFound`, `Conflict` for what is no adapter and for damaged files, `StoreUnavailable` where the registry
    does not answer, and what `Adapters.load_folder` raises.
    """
    version = await asyncio.to_thread(registry.get, name)
    if version.kind != "adapter":
        raise Conflict(f"{name} is a {version.kind}. Only adapters are loaded onto a running engine.")
    try:
        version = await asyncio.to_thread(registry.sound, name)
    except ConfigurationError as error:
        raise Conflict(error.message) from None
    return await adapters.load_folder(version.title, version.folder, caller)


__all__ = ["load_version", "served_everywhere", "told"]
