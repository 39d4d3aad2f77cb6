"""What an answer is worth, told without a model: rules that a policy cannot talk its way around.

An answer is JSON with `statements`, each with `text` and the ids of its `sources` (`agents.schema`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.schema import keeps_to

_WORD = re.compile(r"\w+")
_RUN = 3
Judge = Callable[[str, Sequence[str]], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What an answer is held against: its schema as JSON text, and the sources it may cite."""

    schema: str = "{}"
    sources: Sequence[Mapping[str, Any]] = ()


def schema(text: str, told: Told) -> float:
    """1 where the answer keeps its schema, 0.2 where it is JSON at all, 0 otherwise."""
    found = _json(text)
    if found is None:
        return 0.0
    return 1.0 if keeps_to(found, json.loads(told.schema or "{}")) else 0.2


def citations(text: str, told: Told) -> float:
    """The share of statements that cite only sources there are, and none that carries them less than another does.

    How far a source carries a statement is the share of the statement's words that are in it. A statement without
    a source counts 0, and so does an answer without statements, unless there are no sources to cite.
    """
    statements = _statements(text)
    if not statements:
        return 0.0 if told.sources or _json(text) is None else 1.0
    words = {str(source["id"]): _words(f"{source.get('title', '')} {source['text']}") for source in told.sources}
    return sum(_cited(each, words) for each in statements) / len(statements)


def support(text: str, told: Told, judge: Judge) -> float:
    """The mean of what the judge says of each statement and the sources it cites."""
    statements = _statements(text)
    if not statements:
        return 0.0
    texts = {str(source["id"]): str(source["text"]) for source in told.sources}
    scores = [
        judge(str(each["text"]), [texts[name] for name in _ids(each) if name in texts]) if each.get("text") else 0.0
        for each in statements
    ]
    return sum(scores) / len(scores)


def length(text: str, target: int, limit: int) -> float:
    """0 up to `target` words, -1 from `limit` on, in a straight line between: length earns nothing."""
    words = len(_WORD.findall(text))
    return -min(1.0, max(0.0, (words - target) / (limit - target)))


def repetition(text: str, _: Told | None = None) -> float:
    """Minus the share of three-word runs that repeat an earlier one."""
    words = [word.lower() for word in _WORD.findall(text)]
    runs = [tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)]
    return len(set(runs)) / len(runs) - 1.0 if runs else 0.0


def _cited(statement: Mapping[str, Any], words: Mapping[str, set[str]]) -> float:
    ids = _ids(statement)
    if not ids or any(name not in words for name in ids):
        return 0.0
    own = _words(str(statement.get("text", "")))
    if not own:
        return 0.0
    carried = {name: len(own & found) / len(own) for name, found in words.items()}
    cited = max(carried[name] for name in ids)
    return float(cited > 0 and cited >= max(carried.values()))


def _ids(statement: Mapping[str, Any]) -> list[str]:
    found = statement.get("sources")
    return [str(name) for name in found] if isinstance(found, list) else []


def _statements(text: str) -> list[Mapping[str, Any]]:
    found = _json(text)
    listed = found.get("statements") if isinstance(found, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}
