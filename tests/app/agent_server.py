"""A server's part in agents' runs and nothing else of it, as a process to kill: `agent_server.py DATABASE FOLDER`.

It says "holding RUN" when a run has come to a step that waits; once there is a file `go` in the folder none does.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from app.agent_runs import RunService
from app.auth import Keys
from app.metrics import Metrics
from app.settings import Settings
from app.store.store import Store
from app.streams import MemoryStreams
from tests.app.scripted_agents import ScriptedAgents, opening


class Opened:
    """Services that are open."""

    def __init__(self, services: Any) -> None:
        self.services = services

    async def opened(self) -> Any:
        return self.services


async def tell(agents: ScriptedAgents, folder: Path) -> None:
    while True:
        await agents.holding.wait()
        agents.holding.clear()
        if (folder / "go").exists():
            agents.gate.release()
        else:
            print("holding", agents.requests[-1].run_id, flush=True)


async def main(database: str, folder: Path) -> None:
    settings = Settings(data_dir=folder)
    agents = ScriptedAgents()
    async with await Store.open(database) as store:
        services = SimpleNamespace(
            settings=settings, store=store, streams=MemoryStreams(), jobs_url=database, open_agents=opening(agents)
        )
        service = RunService(Opened(services), Metrics(), Keys(settings.auth))  # type: ignore[arg-type]
        service.start()
        await tell(agents, folder)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
