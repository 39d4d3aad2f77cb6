"""`footnote serve` and `footnote worker`: the two long-running processes."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.folder import DataFolder
from app.settings import Settings, load_settings
from core.errors import ConfigurationError, FootnoteError

if TYPE_CHECKING:
    import uvicorn

    from app.boot import Boot


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8000")
    ] = None,
    examples: Annotated[Path | None, typer.Option(help="Fill an empty knowledge base with this folder.")] = None,
    quiet: Annotated[bool, typer.Option(help="Log warnings only.")] = False,
) -> None:
    """Start the server: API, index and workers, with data in FOOTNOTE_DATA_DIR (default .footnote)."""
    import uvicorn
    import uvloop

    from app.auth import check_bind
    from app.main import create_app
    from app.server import Server
    from app.wiring import open_services

    settings = _listening(load_settings(), host, port)
    check_bind(settings)
    logging.getLogger().setLevel("WARNING" if quiet else settings.log_level.upper())
    with DataFolder(settings.data_dir) as folder:
        listener = _bind(settings)
        address = _address(listener)
        folder.announce(address)
        application = create_app(settings, open_services)
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        server = Server(config, application.state.farewell)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(server, application.state.boot, listener, address, examples, quiet))


async def _serve(
    server: uvicorn.Server, boot: Boot, listener: socket.socket, address: str, examples: Path | None, quiet: bool
) -> None:
    greeting = None
    if not quiet:
        from app.cli.greeting import greet

        greeting = asyncio.create_task(asyncio.to_thread(greet, address, examples))
    watch = asyncio.create_task(_stop_when_hopeless(server, boot))
    await server.serve(sockets=[listener])
    if watch.done() and (error := watch.result()) is not None:
        raise error
    watch.cancel()
    if greeting is not None:
        greeting.cancel()


async def _stop_when_hopeless(server: uvicorn.Server, boot: Boot) -> ConfigurationError | None:
    """Ends the server when its settings can never work; what is only unavailable is tried again by itself."""
    try:
        await boot.opened()
    except ConfigurationError as error:
        server.should_exit = True
        return error
    except FootnoteError:
        pass
    return None


def worker(
    name: Annotated[str, typer.Option(help="What the log calls it; several may have the same name.")] = "worker",
) -> None:
    """Run ingestion jobs beside a server, as many of these as there are cores for.

    The server starts FOOTNOTE_JOBS__WORKERS of them by itself. One that dies leaves its jobs to the others.
    """
    from app.worker import work

    settings = load_settings()
    logging.getLogger().setLevel(settings.log_level.upper())
    if asyncio.run(work(settings, name=name)):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # itself, as it was started


def _listening(settings: Settings, host: str | None, port: int | None) -> Settings:
    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    return settings.model_copy(update={"http": settings.http.model_copy(update=given)})


def _bind(settings: Settings) -> socket.socket:
    host, port = settings.http.host, settings.http.port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # With the protocol named: asyncio sets TCP_NODELAY only then, and without it Nagle's algorithm and the peer's
        # delayed acknowledgement hold back every response by 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}. "
            "Choose another with --port, or with PORT= for make run."
        ) from None
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{host}:{port}"
