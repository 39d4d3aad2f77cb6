"""Memory of what is served: the engine's processes with the champion alone, and with the candidate beside it.

That is what a rollout will have: what is in service stays, and the candidate comes. The share of memory that several
processes have in common is divided among them (PSS). On a GPU vLLM reserves its share when it starts, whatever is
loaded then; what is told here is the host's memory.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from app.settings import Settings

if TYPE_CHECKING:
    from app.gate.asking import GeneratorAsker
    from app.services import Services
    from finetune.gate.items import Item

ASKED = 4
"""Questions that a version is asked before its memory is looked at: what it needs shows only then."""


class NotMeasured(Exception):
    """Why nothing can be measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Bytes by version, or why there are none."""

    bytes: Mapping[str, float] = field(default_factory=dict)
    why: str = ""


async def lent_and_measured(
    services: Services, asker: GeneratorAsker, items: Sequence[Item], champion: str, candidate: str
) -> Memory:
    """Has the engines serve both, and tells the memory of each. Raises what `Rollout.lend` and `asker` raise."""
    try:
        if candidate in await services.rollout.hands.loaded():
            raise NotMeasured("the candidate is served already, so that there is no memory without it to compare with")
        await services.rollout.lend((champion,))
        before = await _asked(services.settings, asker, items, champion, rounds=2)
        await services.rollout.lend((candidate,))
        after = await _asked(services.settings, asker, items, candidate, rounds=1)
    except NotMeasured as error:
        await services.rollout.lend((candidate, champion))
        return Memory(why=str(error))
    return Memory(bytes={champion: before, candidate: after})


async def _asked(
    settings: Settings, asker: GeneratorAsker, items: Sequence[Item], version: str, *, rounds: int
) -> float:
    """Bytes once so much was asked; who cannot be measured is asked nothing. The first is asked twice, so that what
    grows with any question is not held against the second."""
    await asyncio.to_thread(engine_bytes, settings)
    for item in (*items[:ASKED],) * rounds:
        await asker.ask(item, version)
    return await asyncio.to_thread(engine_bytes, settings)


def engine_bytes(settings: Settings) -> float:
    """Bytes of vLLM's processes on this machine. Raises `NotMeasured`."""
    serving = settings.serving
    if serving.generator != "openai_compatible" or serving.endpoint.flavour != "vllm":
        raise NotMeasured("the memory of vLLM alone is known how to measure")
    if len(serving.adapters.engines) > 1:
        raise NotMeasured("there are several engines")
    address = urlsplit(serving.endpoint.base_url)
    if not _is_here(address.hostname or ""):
        raise NotMeasured(f"the engine at {address.hostname} is on another machine")
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        return float(sum(each.memory_full_info().pss for each in _family(port)))
    except (psutil.Error, AttributeError, OSError):
        raise NotMeasured("this server may not look at the engine's processes") from None


def _family(port: int) -> list[psutil.Process]:
    """vLLM on a port, and all that it started. What stands before an engine elsewhere, a proxy, is none."""
    listening = {each.pid for each in psutil.net_connections("tcp")
                 if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid}  # fmt: skip
    if len(listening) != 1:
        raise NotMeasured(f"what listens on port {port} cannot be told")
    process = psutil.Process(listening.pop())
    if not any("vllm" in word.lower() for word in process.cmdline()):
        raise NotMeasured(f"what listens on port {port} is not vLLM itself")
    return [process, *process.children(recursive=True)]


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


__all__ = ["ASKED", "Memory", "NotMeasured", "engine_bytes", "lent_and_measured"]
