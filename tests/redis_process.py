"""A real redis-server of the tests' own, on a free port, that can be killed and started again."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time


class RedisProcess:
    """Debian's redis-server; nothing is kept on disk."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RedisProcess:
        """Starts it and waits until it answers."""
        binary = shutil.which("redis-server")
        assert binary, "redis-server is not installed: deploy/system-packages.sh installs it"
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as line:
                line.sendall(b"PING\r\n")
                if line.recv(16).startswith(b"+PONG"):
                    return self
            time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def command(self, line: str) -> None:
        """Has it do something that it answers with OK."""
        with socket.create_connection(("127.0.0.1", self.port), 30) as wire:
            wire.sendall(line.encode() + b"\r\n")
            said = wire.recv(200)
        assert said == b"+OK\r\n", said

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
