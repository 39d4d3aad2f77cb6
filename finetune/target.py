"""What a generator's output says, and how an output is written that says something: JSON as the schema demands it.

All outputs to learn from are written in one way: no white space, keys in the schema's order. Else a preference between
two answers would teach the spaces of whoever wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One statement: its text and the ids of the sources it cites."""

    text: str
    sources: tuple[str, ...]


def parsed(text: str) -> Any:
    """The JSON in a text, or None where it is none. NaN and Infinity are none."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def written(value: Any, schema: Mapping[str, Any]) -> str:
    """JSON text without white space, keys in the order of the schema's properties."""
    return json.dumps(_ordered(value, schema), ensure_ascii=False, separators=(",", ":"))


def rewritten(output: str, schema: Mapping[str, Any]) -> str:
    """A generator's output as `written` writes it; what is no JSON stays as it is."""
    value = parsed(output)
    return output if value is None or not schema else written(value, schema)


def answer(statements: Sequence[Said]) -> dict[str, Any]:
    """An answer of these statements; without any it says that the sources do not answer."""
    said = [{"text": each.text, "sources": list(each.sources)} for each in statements]
    return {"answerable": bool(said), "statements": said}


def statements(value: Any) -> list[Said] | None:
    """The statements of an answer, an agent's last step among them, or None where the value is no answer."""
    if isinstance(value, dict) and isinstance(value.get("action"), dict):
        value = value["action"].get("answer")
    if not isinstance(value, dict) or not isinstance(value.get("statements"), list):
        return None
    found = []
    for each in value["statements"]:
        if not isinstance(each, dict) or not isinstance(each.get("text"), str):
            return None
        sources = each.get("sources")
        if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
            return None
        found.append(Said(text=each["text"], sources=tuple(dict.fromkeys(sources))))
    return found


def plain(completion: str) -> str:
    """What a completion says, without the form it has: an answer's statements, or the text itself."""
    value = parsed(completion)
    if isinstance(value, dict | list):
        return " ".join(_strings(value))
    return completion


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value for text in _strings(each)]
    if isinstance(value, dict):  # ids of sources are no words
        return [text for key, each in value.items() if key != "sources" for text in _strings(each)]
    return []


def _ordered(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        keys = [key for key in properties if key in value] + [key for key in value if key not in properties]
        return {key: _ordered(value[key], properties.get(key, {})) for key in keys}
    if isinstance(value, list):
        items = schema.get("items", {})
        return [_ordered(each, items if isinstance(items, Mapping) else {}) for each in value]
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)
