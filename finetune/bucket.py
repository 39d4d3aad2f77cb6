"""Objects in a bucket of S3, or of a store that speaks it (MinIO, Ceph, R2, …): the only file that knows boto3.

What the vendor raises becomes one error with a sentence. It is loaded when a bucket is first asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from core.errors import Conflict, NotFound, StoreUnavailable
from finetune.settings import RegistrySettings

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_PART = 1 << 20
_GONE = ("NoSuchKey", "404", "NotFound")
_THERE = ("PreconditionFailed", "ConditionalRequestConflict", "412")
_REFUSED = (
    "AccessDenied", "403", "401", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
    "InvalidToken", "AuthorizationHeaderMalformed",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Object:
    """What a listing says of an object: `etag` changes with its bytes, `changed_at` are seconds since 1970."""

    key: str
    size: int
    etag: str
    changed_at: float


class Bucket:
    """The objects below the configured prefix; keys are told without it. Threads may share it. Every method raises
    `StoreUnavailable` where the store does not answer, or not these credentials, or has no such bucket."""

    def __init__(self, settings: RegistrySettings) -> None:
        assert settings.bucket is not None
        self._settings = settings
        self._bucket = settings.bucket
        self._below = f"{settings.prefix.strip('/')}/" if settings.prefix.strip("/") else ""
        self._client: Any = None

    @property
    def address(self) -> str:
        """Where it is, for people."""
        return f"s3://{self._bucket}/{self._below}" + (
            f" at {self._settings.endpoint}" if self._settings.endpoint else ""
        )

    def put(self, key: str, data: bytes) -> None:
        """Keeps bytes where there are none yet. Raises `Conflict` where there are."""
        with self._told():
            self._open().put_object(Bucket=self._bucket, Key=self._below + key, Body=data, IfNoneMatch="*")

    def upload(self, key: str, path: Path) -> None:
        """Keeps a file, in parts where it is large."""
        with self._told(), path.open("rb") as file:
            self._open().upload_fileobj(file, self._bucket, self._below + key)

    def read(self, key: str, most: int = 64 << 20) -> bytes:
        """An object's bytes. Raises `NotFound`."""
        with self._told():
            found: bytes = self._open().get_object(Bucket=self._bucket, Key=self._below + key)["Body"].read(most)
            return found

    def download(self, key: str, into: IO[bytes] | None) -> str:
        """Writes an object into a file, or only reads it, and returns its sha-256. Raises `NotFound`."""
        digest = hashlib.sha256()
        with self._told():
            body = self._open().get_object(Bucket=self._bucket, Key=self._below + key)["Body"]
            for part in body.iter_chunks(_PART):
                digest.update(part)
                if into is not None:
                    into.write(part)
        return digest.hexdigest()

    def list(self, below: str) -> list[Object]:
        """The objects whose keys begin so."""
        found = []
        with self._told():
            pages = self._open().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._below + below):
                for each in page.get("Contents", ()):
                    key = each["Key"].removeprefix(self._below)
                    changed = each["LastModified"].timestamp()
                    found.append(Object(key=key, size=each["Size"], etag=each["ETag"], changed_at=changed))
        return found

    def delete(self, *keys: str) -> None:
        """Removes objects; those that are gone already are none the worse."""
        with self._told():
            for key in keys:
                self._open().delete_object(Bucket=self._bucket, Key=self._below + key)

    def _open(self) -> Any:
        if self._client is None:
            import boto3
            from botocore.config import Config

            given = self._settings
            key, secret = given.access_key_id, given.secret_access_key
            config = Config(
                connect_timeout=min(10.0, given.seconds),
                read_timeout=given.seconds,
                retries={"mode": "standard", "total_max_attempts": 3},
                s3={"addressing_style": "path" if given.endpoint else "auto"},
            )
            # A session of its own: the default one is not made for threads.
            self._client = boto3.session.Session().client(
                "s3",
                endpoint_url=given.endpoint,
                region_name=given.region,
                aws_access_key_id=key.get_secret_value() if key else None,
                aws_secret_access_key=secret.get_secret_value() if secret else None,
                config=config,
            )
        return self._client

    @contextmanager
    def _told(self) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
        from botocore.httpchecksum import FlexibleChecksumError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ClientError as error:
            raise self._answered(error) from None
        except (NoCredentialsError, PartialCredentialsError):
            raise StoreUnavailable(
                f"There are no credentials for the registry's bucket ({self.address}). Set "
                "FOOTNOTE_FINETUNE__REGISTRY__ACCESS_KEY_ID and …__SECRET_ACCESS_KEY, or those of the environment."
            ) from None
        except FlexibleChecksumError as error:
            raise StoreUnavailable(f"What the registry's bucket ({self.address}) sent is damaged: {error}") from None
        except (BotoCoreError, Boto3Error, HTTPError) as error:
            raise StoreUnavailable(
                f"The registry's bucket ({self.address}) does not answer: {str(error)[:300]} Try again, or check "
                "FOOTNOTE_FINETUNE__REGISTRY__ENDPOINT."
            ) from None

    def _answered(self, error: ClientError) -> NotFound | Conflict | StoreUnavailable:
        told = error.response.get("Error", {})
        code, words = str(told.get("Code", "")), str(told.get("Message", ""))[:300]
        if code == "NoSuchBucket":
            return StoreUnavailable(
                f"There is no bucket for the registry at {self.address}. Make it, or set "
                "FOOTNOTE_FINETUNE__REGISTRY__BUCKET."
            )
        if code in _GONE:
            return NotFound(f"There is no such object in the registry's bucket ({self.address}).")
        if code in _THERE:
            return Conflict(f"The object is in the registry's bucket ({self.address}) already.")
        if code in _REFUSED:
            return StoreUnavailable(
                f"The registry's bucket ({self.address}) refuses these credentials ({code}). They need to list, read, "
                "write and delete objects below the prefix."
            )
        return StoreUnavailable(f"The registry's bucket ({self.address}) does not take it: {code} {words}")


__all__ = ["Bucket", "Object"]
