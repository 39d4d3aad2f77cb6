"""Reading a body that may be packed, and never more of it than asked for: counted after unpacking, while it comes."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from core.errors import Unavailable

ACCEPTED = "gzip, deflate"
_EITHER = 32 + zlib.MAX_WBITS  # zlib reads both gzip's and its own header
_PACKED = {"gzip", "x-gzip", "deflate"}


async def read_bounded(pieces: AsyncIterator[bytes], encoding: str, most: int) -> tuple[bytes, bool]:
    """The body's first `most` bytes as they are unpacked, and whether there was more (or so much packed air).

    Raises `Unavailable` for a packing that was not asked for, or is broken.
    """
    encoding = encoding.strip().lower()
    if encoding not in _PACKED | {"", "identity"}:
        raise Unavailable("The server packed its answer in a way that was not asked for.")
    unpacker = zlib.decompressobj(_EITHER) if encoding in _PACKED else None
    body = bytearray()
    came = 0
    async for piece in pieces:
        came += len(piece)
        body += _unpacked(unpacker, piece, most + 1 - len(body)) if unpacker else piece
        if len(body) > most or came > most:
            return bytes(body[:most]), True
        if unpacker and unpacker.eof:
            break
    return bytes(body), False


def _unpacked(unpacker: zlib._Decompress, piece: bytes, most: int) -> bytes:
    """At most `most` bytes; what is left over does not matter then, since the reading ends."""
    try:
        return unpacker.decompress(piece, most)
    except zlib.error:
        raise Unavailable("The server's answer could not be unpacked.") from None
