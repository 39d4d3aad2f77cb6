"""Who is in a share of people: always the same ones, and more of them as it grows."""

from __future__ import annotations

import hashlib

_WHOLE = 2**64


def in_share(salt: str, person: str, share: float) -> bool:
    """Whether somebody is among `share` (0 to 1) of all people, told by a digest: the same for one salt at any time and
    on any server; another salt chooses others. Who is in at a share is in at any larger one."""
    digest = hashlib.sha256(f"{salt}\n{person}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < share * _WHOLE


__all__ = ["in_share"]
