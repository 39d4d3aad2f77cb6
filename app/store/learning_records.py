"""What is learnt from, as it is asked for, and what shall be left out. It loads no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ExclusionKind = Literal["document", "person", "answer"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """Something that shall not be learnt from, and who said so."""

    kind: ExclusionKind
    subject: str
    reason: str | None
    principal_id: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which answers: given in [since, until), resting on documents of these collections alone."""

    since: datetime | None = None
    until: datetime | None = None
    collections: tuple[str, ...] = ()


__all__ = ["Exclusion", "ExclusionKind", "Wanted"]
