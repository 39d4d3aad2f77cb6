"""What people are asked before agents act, what they decided, and the log that keeps who did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, cursors, run_rows
from app.store.database import Database
from app.store.records import Page
from app.store.run_records import ApprovalRecord, AuditRecord, Decision, RunRecord, Verdict
from app.store.run_tables import approvals, audit, runs
from core.errors import Conflict
from core.types import Principal

_LISTING = "audit"
NOBODY = "nobody"
"""Who decided where the time was over."""


class Approvals:
    """The questions that runs wait with, and the audit log of what became of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, thread_id: str) -> list[ApprovalRecord]:
        """What a thread waits for."""
        statement = select(approvals).where(approvals.c.thread_id == thread_id, approvals.c.status == "waiting")
        async with self._database.read() as connection:
            found = (await connection.execute(statement.order_by(approvals.c.created_at, approvals.c.id))).all()
        return [run_rows.approval(row) for row in found]

    async def expired(self, now: datetime) -> list[ApprovalRecord]:
        """What nobody decided in time, the oldest first."""
        statement = (
            select(approvals)
            .where(approvals.c.status == "waiting", approvals.c.expires_at <= now)
            .order_by(approvals.c.expires_at)
            .limit(100)
        )
        async with self._database.read() as connection:
            return [run_rows.approval(row) for row in (await connection.execute(statement)).all()]

    async def log(self, principal: Principal, *, cursor: str | None = None, limit: int = 50) -> Page[AuditRecord]:
        """What was decided of the principal's runs, an administrator sees everyone's; newest first.

        Raises `InvalidCursor`.
        """
        where = [] if principal.admin else [audit.c.principal_id == principal.id]
        if cursor is not None:
            where.append(audit.c.id < cursors.decode(_LISTING, cursor)[0])
        statement = select(audit).where(*where).order_by(audit.c.id.desc()).limit(cursors.checked_limit(limit) + 1)
        async with self._database.read() as connection:
            found = [run_rows.audit(row) for row in (await connection.execute(statement)).all()]
        return cursors.page(found, limit, lambda each: cursors.encode(_LISTING, each.id))


async def ask(
    connection: AsyncConnection, run: RunRecord, interrupts: Sequence[Mapping[str, Any]], expires: datetime
) -> None:
    """Writes down what a run waits for. One that was asked already, by a run that died before it said so, stays."""
    for interrupt in interrupts:
        known = await connection.execute(select(approvals.c.id).where(approvals.c.id == interrupt["id"]))
        values = {
            "run_id": run.id,
            "thread_id": run.thread_id,
            "principal_id": run.principal_id,
            "step": int(interrupt["value"].get("step") or 0),
            "status": "waiting",
            "request": codec.dump(dict(interrupt["value"])),
            "expires_at": expires,
            "decided_at": None,
        }
        if known.first() is None:
            await connection.execute(approvals.insert().values(id=interrupt["id"], created_at=codec.now(), **values))
        else:
            await connection.execute(update(approvals).where(approvals.c.id == interrupt["id"]).values(**values))


async def decide(connection: AsyncConnection, thread_id: str, decision: Decision) -> ApprovalRecord:
    """Settles what a thread waits for, once. Raises `Conflict` where it was settled before."""
    statement = select(approvals).where(approvals.c.id == decision.approval_id, approvals.c.thread_id == thread_id)
    row = (await connection.execute(statement.with_for_update(key_share=True))).first()
    if row is None or row.status != "waiting":
        raise Conflict("This was decided already, or its time was over; read the thread again.")
    status = decision.verdict if decision.verdict in ("expired", "withdrawn") else "decided"
    changed = update(approvals).where(approvals.c.id == row.id).values(status=status, decided_at=codec.now())
    await connection.execute(changed)
    record = run_rows.approval(row)
    await _write(connection, record, decision.verdict, decision.by, decision.arguments, decision.detail)
    return record


async def withdraw(connection: AsyncConnection, thread_id: str, by: str, why: str) -> None:
    """Settles everything a thread waits for as no longer asked."""
    statement = select(approvals).where(approvals.c.thread_id == thread_id, approvals.c.status == "waiting")
    for row in (await connection.execute(statement.with_for_update(key_share=True))).all():
        record = run_rows.approval(row)
        changed = update(approvals).where(approvals.c.id == row.id).values(status="withdrawn", decided_at=codec.now())
        await connection.execute(changed)
        await _write(connection, record, "withdrawn", by, asked_arguments(record.request), why)


async def is_waiting(connection: AsyncConnection, thread_id: str, run_id: str | None = None) -> bool:
    """Whether a thread waits for a person, or this very run of it."""
    statement = select(approvals.c.id).where(approvals.c.thread_id == thread_id, approvals.c.status == "waiting")
    if run_id is not None:
        statement = statement.where(approvals.c.run_id == run_id)
    return (await connection.execute(statement.limit(1))).first() is not None


def asked_arguments(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments a person is asked about."""
    first: Mapping[str, Any] = next(iter(request.get("action_requests") or ()), {})
    return first.get("args") or {}


def asked_tool(request: Mapping[str, Any]) -> str:
    """The tool a person is asked about."""
    first: Mapping[str, Any] = next(iter(request.get("action_requests") or ()), {})
    return str(first.get("name") or request.get("kind") or "")


async def _write(
    connection: AsyncConnection,
    record: ApprovalRecord,
    verdict: Verdict,
    by: str,
    arguments: Mapping[str, Any],
    detail: str,
) -> None:
    asked = asked_arguments(record.request) if verdict == "edit" else None
    task = (await connection.execute(select(runs.c.task_id).where(runs.c.id == record.run_id))).scalar()
    await connection.execute(
        audit.insert().values(
            at=codec.now(),
            decided_by=by,
            principal_id=record.principal_id,
            decision=verdict,
            approval_id=record.id,
            thread_id=record.thread_id,
            run_id=task or record.run_id,
            step=record.step,
            agent=str(record.request.get("agent") or ""),
            tool=asked_tool(record.request)[:128],
            arguments=codec.dump(dict(arguments)),
            detail=detail,
            asked=None if asked is None else codec.dump(dict(asked)),
        )
    )
