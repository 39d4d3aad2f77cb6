"""S3 as moto plays it, over real HTTP on a free port of this machine, and a wire to it that can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from finetune.settings import RegistrySettings

REGION = "eu-central-1"


@dataclass(kw_only=True)
class S3:
    """Where it listens. `bucket` is there from the start."""

    port: int
    bucket: str = "models"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, prefix: str, **given: Any) -> RegistrySettings:
        """Settings of a registry below a prefix of its own."""
        known = {
            "bucket": self.bucket, "prefix": prefix, "endpoint": self.url, "region": REGION,
            "access_key_id": "anybody", "secret_access_key": "a secret", "seconds": 30.0,
        }  # fmt: skip
        return RegistrySettings.model_validate({**known, **given})

    def client(self) -> Any:
        """What tests look into it with, and break what is in it."""
        import boto3

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="anybody",
            aws_secret_access_key="a secret",
        )

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix, without it."""
        found = self.client().list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return sorted(each["Key"].removeprefix(f"{prefix}/") for each in found)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """As long as this lasts it knows nobody's credentials."""
        httpx.post(f"{self.url}/moto-api/reset-auth", content=b"0").raise_for_status()
        try:
            yield
        finally:
            httpx.post(f"{self.url}/moto-api/reset-auth", content=b"inf").raise_for_status()


@contextlib.contextmanager
def started() -> Iterator[S3]:
    """One of its own, with nothing in it but an empty bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    found = S3(port=server.get_host_and_port()[1])
    try:
        where = {"LocationConstraint": REGION}
        found.client().create_bucket(Bucket=found.bucket, CreateBucketConfiguration=where)
        yield found
    finally:
        server.stop()


@dataclass(kw_only=True)
class Wire:
    """Carries connections to a port. With `up` or `down` set, each is cut after so many bytes that way."""

    to: int
    up: int | None = None
    down: int | None = None
    cuts: int = 0
    port: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    @contextlib.contextmanager
    def strung(self) -> Iterator[Wire]:
        """Listens on a free port."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
            try:
                yield self
            finally:
                for each in self._open:
                    each.close()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
                self._open += [near, far]
                for a, b, way in ((near, far, "up"), (far, near, "down")):
                    threading.Thread(target=self._carry, args=(a, b, way), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket, way: str) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := near.recv(1 << 14):
                most = self.up if way == "up" else self.down
                if most is not None and carried + len(data) > most:
                    self.cuts += 1
                    break
                far.sendall(data)
                carried += len(data)
        for each in (near, far):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
