"""The ledger of effects: what tools did to the world, so that nothing is done twice. Agents know it as `Ledger`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from app.store import codec
from app.store.database import Database, insert_new
from app.store.run_tables import effects
from core.errors import NotFound

if TYPE_CHECKING:
    from agents.ports import Begun


RESTORED = "restored"
"""In place of a step's number: the run was going on when it was backed up. Who went on with it then may have done
since whatever its copy is about to do, so a person is asked."""


class Effects:
    """The calls that were begun and done, by an id that names a call for good. Both writes are on disk on return."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, call_id: str, *, tool: str, arguments: Mapping[str, Any], again: int = 0) -> Begun:
        """Writes down that the effect is about to happen; only "new" allows it. `again` is how often a person has said
        that an unknown one is to be begun anew: each word holds once."""
        at = codec.now()
        row = {
            "call_id": call_id,
            "run_id": call_id.partition(":")[0],
            "tool": tool,
            "arguments": codec.dump(dict(arguments)),
            "status": "begun",
            "begun": 1,
            "begun_at": at,
        }
        async with self._database.write() as connection:
            made = insert_new(connection, effects).values(row).returning(effects.c.call_id)
            if (await connection.execute(made)).first() is not None:
                restored = select(effects.c.call_id).where(effects.c.call_id == f"{row['run_id']}:{RESTORED}")
                return "unknown" if (await connection.execute(restored)).first() and not again else "new"
            known = select(effects.c.status, effects.c.begun).where(effects.c.call_id == call_id)
            row_now = (await connection.execute(known.with_for_update(key_share=True))).one()
            if row_now.status == "done":
                return "done"
            if row_now.begun > again:
                return "unknown"
            anew = {"arguments": row["arguments"], "begun": effects.c.begun + 1, "begun_at": at}
            await connection.execute(update(effects).where(effects.c.call_id == call_id).values(**anew))
            return "new"

    async def finish(self, call_id: str, result: Mapping[str, Any]) -> None:
        """Writes down that it happened, and what it brought. Raises `NotFound` for what was never begun."""
        done = {"status": "done", "result": codec.dump(dict(result)), "finished_at": codec.now()}
        async with self._database.write() as connection:
            ended = await connection.execute(update(effects).where(effects.c.call_id == call_id).values(**done))
            if not ended.rowcount:
                raise _unknown()

    async def result(self, call_id: str) -> Mapping[str, Any]:
        """What a call that is done brought. Raises `NotFound`."""
        known = select(effects.c.result).where(effects.c.call_id == call_id, effects.c.status == "done")
        async with self._database.read() as connection:
            text = (await connection.execute(known)).scalar()
        if text is None:
            raise _unknown()
        found: dict[str, Any] = json.loads(text)
        return found


def _unknown() -> NotFound:
    return NotFound("There is no such call, or it has not come to its end.")
