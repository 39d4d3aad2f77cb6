"""A small local RPC: length-prefixed msgpack frames over a Unix-domain socket, many requests in flight on a connection.

A frame is `length u32 · request id u64 · tag u8 · body`, big-endian; `length` counts what follows it. Bodies are
msgpack; vectors in them are raw little-endian float32. The server speaks first: a hello frame (`Tag.HELLO`, id 0) with
`{"protocol", "size", "pid"}`. Requests carry an `Op` as tag, replies `Tag.OK`, or `Tag.ERROR` with `[code, message]`.
`Tag.WAIT` says of a request that it waits in line behind maintenance: a sign of life that renews its deadline.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import tempfile
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

PROTOCOL = 1
MAX_FRAME = 32 * 2**20
"""Bytes; a longer frame is refused by whoever would send or read it."""

MAX_SOCKET_PATH = 100
_HEAD = struct.Struct(">IQB")
_LENGTH = struct.Struct(">I")
_REST = struct.Struct(">QB")


class Op(IntEnum):
    """What may be asked. Searches and other reads come first in the process' line, writes wait for them."""

    SEARCH = 1
    COUNT = 2
    VERSIONS = 3
    INFO = 4
    UPSERT = 16
    DELETE_VERSIONS = 17
    UPDATE_DOCUMENT = 18
    FLUSH = 19
    STOP = 32

    @property
    def writes(self) -> bool:
        """Whether it changes points, so that it must be repeated on a rebuilt shard."""
        return self in (Op.UPSERT, Op.DELETE_VERSIONS, Op.UPDATE_DOCUMENT)


class Tag(IntEnum):
    """What a frame from the server is."""

    HELLO = 200
    OK = 201
    ERROR = 202
    WAIT = 203


class Frame(NamedTuple):
    """One message. `tag` is an `Op` or a `Tag`; `body` is msgpack, not yet read."""

    id: int
    tag: int
    body: bytes


class FrameTooLarge(Exception):
    """A frame over `MAX_FRAME`: never a well-meant one."""


def pack(value: Any) -> bytes:
    """A body."""
    body: bytes = msgpack.packb(value, use_bin_type=True)
    return body


def unpack(body: bytes) -> Any:
    """What a body says. Raises `ValueError` for bytes that are no msgpack."""
    return msgpack.unpackb(body, raw=False, strict_map_key=False)


def encode(frame: Frame) -> bytes:
    """A frame's bytes. Raises `FrameTooLarge`."""
    length = _REST.size + len(frame.body)
    if length > MAX_FRAME:
        raise FrameTooLarge(f"a frame of {length} bytes; at most {MAX_FRAME}")
    return _HEAD.pack(length, frame.id, frame.tag) + frame.body


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame. Raises `asyncio.IncompleteReadError` at the end, `FrameTooLarge` for one not to be trusted."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if not _REST.size <= length <= MAX_FRAME:
        raise FrameTooLarge(f"a frame of {length} bytes; at most {MAX_FRAME}")
    data = await reader.readexactly(length)
    request, tag = _REST.unpack_from(data)
    return Frame(request, tag, data[_REST.size :])


def socket_path(data_dir: Path, name: str) -> Path:
    """Where a socket goes: in the data folder, or, where that path is too long for a socket, in a short private one.

    The short one is `TMP/footnote-UID-HASH/`, mode 0700, the hash one of the data folder, so that every process of
    that folder finds the same. Raises `PermissionError` if someone else made it first.
    """
    wanted = data_dir.absolute() / f"{name}.sock"
    if len(os.fsencode(wanted)) <= MAX_SOCKET_PATH:
        return wanted
    digest = hashlib.sha256(os.fsencode(data_dir.absolute())).hexdigest()[:12]
    root = Path(tempfile.gettempdir())
    if len(os.fsencode(root)) > MAX_SOCKET_PATH // 2:
        root = Path("/tmp")  # noqa: S108 - the folder inside is private to the user and checked below
    folder = root / f"footnote-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} belongs to someone else or is open to others; remove it.")
    return folder / f"{name}.sock"


__all__ = [
    "MAX_FRAME",
    "PROTOCOL",
    "Frame",
    "FrameTooLarge",
    "Op",
    "Tag",
    "encode",
    "pack",
    "read_frame",
    "socket_path",
    "unpack",
]
