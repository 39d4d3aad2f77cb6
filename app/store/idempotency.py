"""Repeated requests: the same key gets the same response, for a day."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, select, update

from app.store import codec
from app.store.database import Database
from app.store.records import StoredResponse
from app.store.tables import idempotency
from core.errors import Conflict, InvalidInput

KEPT = timedelta(hours=24)
LEASE = timedelta(minutes=5)
"""A request still unanswered after this long died with its server; its key may be used again."""


class Idempotency:
    """Keys belong to a principal and a route."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, key: str, principal_id: str, route: str, request_hash: str) -> StoredResponse | None:
        """The response this request got before, or None: then answer it and call `complete`, or `release` on failure.

        Raises `Conflict` for a key used with another request or whose first request is still being answered.
        """
        if not 0 < len(key) <= 255:
            raise InvalidInput("An Idempotency-Key has 1 to 255 characters.")
        at = codec.now()
        place = _place(key, principal_id, route)
        async with self._database.write() as connection:
            await connection.execute(delete(idempotency).where(idempotency.c.created_at < at - KEPT))
            row = (await connection.execute(select(idempotency).where(place).with_for_update(key_share=True))).first()
            if row is not None and row.request_hash != request_hash:
                raise Conflict("This Idempotency-Key was used with a different request; use a new key.")
            if row is not None and row.status is not None:
                return StoredResponse(status=row.status, body=row.body, headers=json.loads(row.headers))
            if row is not None and at - row.created_at < LEASE:
                raise Conflict("The first request with this Idempotency-Key is still being answered; try again soon.")
            if row is not None:
                await connection.execute(update(idempotency).where(place).values(created_at=at))
                return None
            # Of two that come at once the second is a `Conflict`: the key is the table's.
            await connection.execute(
                idempotency.insert().values(
                    key=key, principal_id=principal_id, route=route, request_hash=request_hash, created_at=at
                )
            )
        return None

    async def complete(self, key: str, principal_id: str, route: str, response: StoredResponse) -> None:
        """Keeps the response for whoever asks again."""
        statement = (
            update(idempotency)
            .where(_place(key, principal_id, route))
            .values(status=response.status, headers=codec.dump(dict(response.headers)), body=response.body)
        )
        async with self._database.write() as connection:
            await connection.execute(statement)

    async def release(self, key: str, principal_id: str, route: str) -> None:
        """The request failed and may be sent again with the same key."""
        place = and_(_place(key, principal_id, route), idempotency.c.status.is_(None))
        async with self._database.write() as connection:
            await connection.execute(delete(idempotency).where(place))


def _place(key: str, principal_id: str, route: str) -> ColumnElement[bool]:
    return and_(idempotency.c.key == key, idempotency.c.principal_id == principal_id, idempotency.c.route == route)
