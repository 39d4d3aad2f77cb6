"""Rows of agents' runs into records."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from app.store.records import Problem
from app.store.run_records import ApprovalRecord, AuditRecord, RunRecord, StepRecord, ThreadRecord

AnyRow = Row[Any]


def thread(row: AnyRow) -> ThreadRecord:
    return ThreadRecord(
        id=row.id,
        principal_id=row.principal_id,
        status=row.status,
        metadata=json.loads(row.metadata),
        values=json.loads(row.state),
        interrupts=tuple(json.loads(row.interrupts)),
        created_at=row.created_at,
        updated_at=row.updated_at,
        ttl_minutes=row.ttl_minutes,
    )


def run(row: AnyRow) -> RunRecord:
    return RunRecord(
        id=row.id,
        thread_id=row.thread_id,
        task_id=row.task_id,
        principal_id=row.principal_id,
        agent=row.agent,
        status=row.status,
        strategy=row.strategy,
        metadata=json.loads(row.metadata),
        request=json.loads(row.request),
        attempts=row.attempts,
        output=None if row.output is None else json.loads(row.output),
        cancel=row.cancel,
        stateless=row.stateless,
        error=None if row.error_code is None else Problem(code=row.error_code, message=row.error_message),
        not_before=row.not_before,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def step(row: AnyRow) -> StepRecord:
    return StepRecord(
        run_id=row.run_id,
        number=row.number,
        body=json.loads(row.body),
        created_at=row.created_at,
        updated_at=row.updated_at,
        rating=row.rating,
        comment=row.comment,
        rated_at=row.rated_at,
    )


def approval(row: AnyRow) -> ApprovalRecord:
    return ApprovalRecord(
        id=row.id,
        run_id=row.run_id,
        thread_id=row.thread_id,
        principal_id=row.principal_id,
        step=row.step,
        status=row.status,
        request=json.loads(row.request),
        created_at=row.created_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
    )


def audit(row: AnyRow) -> AuditRecord:
    return AuditRecord(
        id=row.id,
        at=row.at,
        decided_by=row.decided_by,
        principal_id=row.principal_id,
        decision=row.decision,
        approval_id=row.approval_id,
        thread_id=row.thread_id,
        run_id=row.run_id,
        step=row.step,
        agent=row.agent,
        tool=row.tool,
        arguments=json.loads(row.arguments),
        detail=row.detail,
        asked=None if row.asked is None else json.loads(row.asked),
    )
