"""What a run of the gate has engines serve for a while. It is written down before, so that what a killed server lent is
given back by whichever comes next."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.beside import beside
from app.gate.folders import GateFolders
from core.errors import DiskFull, FootnoteError

if TYPE_CHECKING:
    from app.services import Services

log = logging.getLogger("footnote.gate")

_LOOK_EVERY = 30.0
"""Seconds between two looks for what was not given back."""


@asynccontextmanager
async def noted(services: Services, folders: GateFolders, gate_id: str, versions: Sequence[str]) -> AsyncIterator[None]:
    """Whatever of these the engines come to serve within the block is given back after it, and what was left by others
    before it. Raises `DiskFull`, `GeneratorUnavailable`."""
    if not versions:
        yield
        return
    await let_go(services, folders)
    loaded = await services.rollout.hands.loaded()
    lent = [each for each in versions if each not in loaded]
    try:
        await asyncio.to_thread(folders.note_lent, gate_id, lent)
    except OSError as error:
        raise DiskFull(f"The gate cannot begin: {error.strerror}. Make room for it.") from None
    try:
        yield
    finally:
        await _give_back(services, folders, gate_id, lent)


async def let_go(services: Services, folders: GateFolders) -> None:
    """Gives back what runs lent that are over. To be called by who has the right to be at work."""
    for gate_id, versions in (await asyncio.to_thread(folders.lent)).items():
        await _give_back(services, folders, gate_id, versions)


@asynccontextmanager
async def returned(services: Services, folders: GateFolders) -> AsyncIterator[None]:
    """What a killed server lent is given back while the block lasts, once nobody is at work and engines are up."""
    async with beside(_keep_returning(services, folders), "give back what the gate lent"):
        yield


async def _keep_returning(services: Services, folders: GateFolders) -> None:
    while True:
        try:
            if await asyncio.to_thread(folders.lent) and (lock := await asyncio.to_thread(folders.hold, "nothing")):
                with lock:
                    await let_go(services, folders)
        except (FootnoteError, OSError) as error:
            log.warning("what the gate lent cannot be given back: %s", error)
        except Exception:
            log.exception("what the gate lent cannot be given back")
        await asyncio.sleep(_LOOK_EVERY)


async def _give_back(services: Services, folders: GateFolders, gate_id: str, lent: Sequence[str]) -> None:
    left = await services.rollout.give_back(lent)
    with contextlib.suppress(OSError):
        await asyncio.to_thread(folders.note_lent, gate_id, left)


__all__ = ["let_go", "noted", "returned"]
