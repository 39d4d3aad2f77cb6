"""Which versions stay: the newest of each title and kind, the young, those in use, those that are pinned."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finetune.registry import DAY, Version, VersionKind
from finetune.settings import RegistrySettings

_NAMED = re.compile(r"(?<![A-Za-z0-9._-])[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}@[0-9a-f]{16}(?![0-9a-f])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Whether a version goes, and why."""

    name: str
    kind: VersionKind
    made_at: float
    size: int
    goes: bool
    why: str


def decide(
    versions: Sequence[Version], rule: RegistrySettings, in_use: Mapping[str, str], now: float | None = None
) -> list[Decision]:
    """For each version, the newest first. `in_use` says of names why they stay; those do not count among the newest."""
    now, seen, found = time.time() if now is None else now, dict[tuple[str, str], int](), []
    for version in sorted(versions, key=lambda each: (-each.made_at, each.name)):
        said = in_use.get(version.name)
        if said is None:
            place = (version.title, version.kind)
            seen[place] = seen.get(place, 0) + 1
            said = _stays(seen[place], (now - version.made_at) / DAY, rule)
        why = said or f"{rule.keep} newer ones of its title, and it is older than {rule.days:g} days"
        found.append(
            Decision(
                name=version.name, kind=version.kind, made_at=version.made_at, size=version.size,
                goes=said is None, why=why,
            )
        )  # fmt: skip
    return found


def named_in(text: str) -> set[str]:
    """Names of versions that a text holds, in paths as well."""
    return set(_NAMED.findall(text))


def _stays(number: int, days: float, rule: RegistrySettings) -> str | None:
    if rule.keep == 0:
        return "all are kept"
    if number <= rule.keep:
        return f"one of the newest {rule.keep} of its title"
    return f"not yet {rule.days:g} days old" if days < rule.days else None


__all__ = ["Decision", "decide", "named_in"]
