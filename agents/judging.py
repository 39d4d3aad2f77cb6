"""A second opinion on how far sources carry statements: by a model, within a deadline; without one, likeness stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agents.asker import Asker
from core.errors import DeadlineExceeded, FootnoteError
from core.types import Method, Source, Usage

logger = logging.getLogger("footnote.judge")

TIMEOUT, FAILED = "judge_timeout", "judge_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A statement and the sources it cites, never none."""

    text: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What a judge says of a claim: support in [0, 1], whether that suffices, and why where it can say so."""

    support: float
    supported: bool
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """An opinion on each claim, in order, and the tokens that a generator took for them."""

    opinions: tuple[Opinion, ...]
    usage: Usage = field(default_factory=Usage)


class Judge(Protocol):
    """Judges claims by their sources alone, with a model."""

    @property
    def method(self) -> Method:
        """What its verdicts are told as."""
        ...

    async def judge(self, claims: Sequence[Claim], asker: Asker) -> Judgement:
        """On every claim. Cancelling stops it soon. Raises `Unavailable`, or `GenerationInvalid` for an output that
        breaks its schema."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondOpinion:
    """A judgement, or None and the reason: "judge_timeout" or "judge_failed"."""

    judgement: Judgement | None
    degraded: tuple[str, ...] = ()


async def second_opinion(judge: Judge, claims: Sequence[Claim], asker: Asker, seconds: float) -> SecondOpinion:
    """The judge's word on claims, if it comes in time. Never raises."""
    try:
        async with asyncio.timeout(seconds):
            judgement = await judge.judge(claims, asker)
        if len(judgement.opinions) != len(claims):
            raise ValueError(f"{len(judgement.opinions)} opinions on {len(claims)} claims")
    except (TimeoutError, DeadlineExceeded):
        return SecondOpinion(judgement=None, degraded=(TIMEOUT,))
    except FootnoteError as error:
        logger.warning("the judge does not answer; likeness decides: %s", error)
        return SecondOpinion(judgement=None, degraded=(FAILED,))
    except Exception:  # whatever a judge does, the answer is written and likeness has judged it
        logger.exception("judging failed; likeness decides")
        return SecondOpinion(judgement=None, degraded=(FAILED,))
    return SecondOpinion(judgement=judgement)


__all__ = ["Claim", "Judge", "Judgement", "Opinion", "SecondOpinion", "second_opinion"]
