"""`footnote engine`: starts vLLM from settings, and says ready once it has shown that it keeps to a schema."""

from __future__ import annotations

import asyncio
import signal

from app.cli.output import out
from app.settings import load_settings
from app.supervisor import Child, Supervisor
from serving.engine_proofs import EngineLog, expected_quantization
from serving.settings import EngineSettings


def engine() -> None:
    """Start vLLM with FOOTNOTE_SERVING__ENGINE__… and keep it running until SIGTERM or Ctrl-C."""
    from serving.engine import command, environment

    settings = load_settings().serving.engine
    log = EngineLog()
    child = Child(name="engine", command=command(settings), environment=environment(settings), heard=log.hear)
    asyncio.run(_run(settings, child, log))


async def _run(settings: EngineSettings, child: Child, log: EngineLog) -> None:
    from serving.engine import endpoint, ready

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    supervisor = Supervisor()
    await supervisor.start(child)
    try:
        getting_ready = asyncio.create_task(ready(settings, lambda: child.running and not child.restarts, log))
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({getting_ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not getting_ready.done():
            getting_ready.cancel()
            return
        getting_ready.result()
        wire = endpoint(settings)
        out.print(f"ready: {wire.model} at {wire.base_url}, held to JSON schemas")
        if (method := expected_quantization(settings)) is not None:
            by_its_log = log.quantization or f"not said by vLLM's log ({method} is asked for)"
            out.print(f"ready: quantization {by_its_log}")
        for name in settings.adapters:
            out.print(f"ready: adapter {name}")
        await stopping
    finally:
        await supervisor.stop()
