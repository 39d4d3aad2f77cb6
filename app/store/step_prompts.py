"""What agents were sent for each step and what they wrote: kept as long as traces are, and learnt from."""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select

from app.store import codec
from app.store.database import Database
from app.store.run_tables import run_steps, runs, step_prompts
from core.errors import FootnoteError
from core.types import Answer, AnswerTrace, Feedback, LoggedAnswer, Message

log = logging.getLogger("footnote.runs")


class StepPrompts:
    """The prompts of all steps. Agents know it as `StepLog`. They go with the run that they were written for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, run_id: str, number: int, answer: Answer, trace: AnswerTrace) -> None:
        """Keeps how a step was written; in the place of one that a crash lost. What cannot be kept is said in the
        server's log: it stops no run."""
        try:
            body = await asyncio.to_thread(_packed, answer, trace)
            row = {"run_id": run_id, "number": number, "body": body, "created_at": codec.now()}
            known = (step_prompts.c.run_id == run_id) & (step_prompts.c.number == number)
            async with self._database.write() as connection:
                await connection.execute(delete(step_prompts).where(known))
                if (await connection.execute(select(runs.c.id).where(runs.c.id == run_id))).first() is not None:
                    await connection.execute(step_prompts.insert().values(row))
        except FootnoteError as error:
            log.warning("how step %s of the run %s was written cannot be kept: %s", number, run_id, error.message)

    async def forget(self, before: datetime, learnt: datetime | None = None) -> int:
        """Drops what was written before a time; how many. That of steps which somebody has a word on stays until
        `learnt`, where that is given."""
        old = step_prompts.c.created_at < before
        if learnt is not None:
            same = and_(run_steps.c.run_id == step_prompts.c.run_id, run_steps.c.number == step_prompts.c.number)
            said = exists().where(same, run_steps.c.rating.is_not(None))
            old = old & or_(~said, step_prompts.c.created_at < learnt)
        async with self._database.write() as connection:
            return (await connection.execute(delete(step_prompts).where(old))).rowcount


def logged(row: Any, written: Callable[[AnswerTrace], tuple[tuple[Message, ...], str]]) -> LoggedAnswer:
    """A rated step as what is learnt from: its id is RUN.NUMBER, its conversation the thread."""
    body: Mapping[str, str] = json.loads(zlib.decompress(row.prompt))
    answer, trace = codec.load_answer(body["answer"]), codec.load_trace(body["trace"].encode())
    messages, output = written(trace)
    word = Feedback(
        id=answer.id,
        answer_id=answer.id,
        principal_id=row.principal_id,
        rating=row.rating,
        created_at=row.rated_at,
        comment=row.comment,
    )
    return LoggedAnswer(
        answer=answer,
        asked=answer.question,
        conversation_id=row.thread_id,
        principal_id=row.principal_id,
        created_at=row.created_at,
        messages=messages,
        schema=trace.schema if messages else {},
        output=output,
        feedback=(word,),
        step=json.loads(row.body)["tool"],
    )


def _packed(answer: Answer, trace: AnswerTrace) -> bytes:
    whole = {"answer": codec.dump_answer(answer), "trace": codec.dump_trace(trace).decode()}
    return zlib.compress(json.dumps(whole).encode())


__all__ = ["StepPrompts", "logged"]
