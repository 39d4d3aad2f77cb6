"""How much of the server one caller may take up at a time, so that one who means harm, or errs, leaves room for others.

What is counted is what is under way and not how often a caller asks: an open stream, an answer being written and an
upload being received each hold memory, a connection or disk for as long as they last. Where Redis joins servers what
is counted is what the caller holds on all of them (`app.leases`), and on each no more than that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.errors import TooManyRequests
from app.settings import HttpSettings
from core.types import Principal

if TYPE_CHECKING:
    from app.leases import RedisLeases


class Share:
    """At most `most` things of one kind at a time for each principal. For one event loop; not thread-safe."""

    def __init__(self, most: int, refusal: str, kind: str = "") -> None:
        self._most = most
        self._refusal = refusal
        self._kind = kind
        self._held: Counter[str] = Counter()

    def take(self, caller: Principal) -> Callable[[], None]:
        """One more of the caller's; what is returned gives it back, once however often it is called.

        Raises `TooManyRequests` where the caller holds as many as it may here.
        """
        if self._held[caller.id] >= self._most:
            raise TooManyRequests(self._refusal.format(most=self._most))
        self._held[caller.id] += 1
        held = True

        def give_back() -> None:
            nonlocal held
            if not held:
                return
            held = False
            self._held[caller.id] -= 1
            if not self._held[caller.id]:
                del self._held[caller.id]

        return give_back

    async def hold(self, caller: Principal, leases: RedisLeases | None) -> Callable[[], None]:
        """The same over all servers that share `leases`."""
        give_back = self.take(caller)
        if leases is None:
            return give_back
        try:
            end = await leases.take(self._kind, caller.id, self._most)
            if end is None:
                raise TooManyRequests(self._refusal.format(most=self._most))
        except BaseException:
            give_back()
            raise

        def both() -> None:
            give_back()
            end()

        return both

    def __len__(self) -> int:
        """How many are held, by all callers together."""
        return self._held.total()


class Limits:
    """What each caller may hold at a time."""

    def __init__(self, settings: HttpSettings) -> None:
        self.streams = Share(
            settings.streams_per_caller,
            "You have {most} streams open, or requests that wait for an answer. Close one, or wait for one to end.",
            "streams",
        )
        self.answers = Share(
            settings.answers_per_caller,
            "{most} answers to your questions are being written. Wait for one to end, or cancel it.",
            "answers",
        )
        self.uploads = Share(
            settings.uploads_per_caller,
            "You are sending {most} files at a time already. Wait for one to end.",
            "uploads",
        )
