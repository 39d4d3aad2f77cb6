"""What is measured of an answer during a trial."""

from __future__ import annotations

from core.errors import FootnoteError, GenerationInvalid
from core.types import Answer, AnswerTrace
from finetune.rollout.stages import Figures


def figures_of(answer: Answer, trace: AnswerTrace) -> Figures:
    """The figures of a finished answer; its time is that of writing, without the search."""
    supports = [statement.support for statement in answer.statements]
    return Figures(
        answerable=answer.answerable,
        support=sum(supports) / len(supports) if supports else None,
        statements=len(supports),
        words=sum(len(statement.text.split()) for statement in answer.statements),
        invalid=sum(attempt.problem is not None for attempt in trace.attempts),
        milliseconds=answer.timings_ms.get("generate", 0.0),
        tokens=answer.usage.completion_tokens,
    )


def failed_with(error: FootnoteError) -> Figures:
    """The figures of one that ended in an error."""
    return Figures(failed=error.code, invalid=2 if isinstance(error, GenerationInvalid) else 0)


__all__ = ["failed_with", "figures_of"]
