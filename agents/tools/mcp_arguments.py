"""The JSON schema of an MCP server's tool as bounded arguments: what a grammar can be made of.

Servers describe their arguments freely. Texts and lists get bounds here, references are written out, and a part that
has no bounds of its own (an object with any content) becomes a text that holds JSON, which is read before it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, create_model

from agents.tools.base import Arguments
from core.errors import InvalidInput

MOST_TEXT = 4_000
_MOST_ITEMS = 50
_MOST_FIELDS = 32
_MOST_CHOICES = 100
_MOST_DEPTH = 4
_MOST_IN_ALL = 100
"""Fields of an object and of those within it: a schema that refers to itself would have no end of them."""
_MOST_NAME = 64
_BOUND = 2**53


class Unfit(Exception):
    """A schema that no arguments can be made of."""


class JsonText(str):
    """A text that holds JSON."""

    __slots__ = ()


def arguments_of(schema: Mapping[str, Any] | None, name: str) -> type[Arguments]:
    """A model of the arguments. Raises `Unfit`."""
    if schema is None:
        raise Unfit("its arguments are described at too great a length")
    reader = _Reader(schema)
    return reader.object(reader.resolved(schema), name, 0)


def sent(arguments: Arguments) -> dict[str, Any]:
    """What goes to the server: only what was given, under the server's own names. Raises `InvalidInput`."""
    return cast(dict[str, Any], _plain(arguments))


def _plain(value: Any) -> Any:
    if isinstance(value, Arguments):
        fields = type(value).model_fields
        given = ((fields[each].alias or each, getattr(value, each)) for each in value.model_fields_set)
        return {name: _plain(each) for name, each in given if each is not None}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, JsonText):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise InvalidInput("One of the arguments has to be JSON and is not.") from None
    return value


class _Reader:
    """Reads a schema, which refers to its own parts."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _MOST_IN_ALL

    def object(self, schema: Mapping[str, Any], name: str, depth: int) -> type[Arguments]:
        """A model with the schema's fields, under names of our own: the server's may be Python's or pydantic's."""
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, Mapping) or not isinstance(required, list):
            raise Unfit("its arguments are not described as they should be")
        if any(key not in properties for key in required if isinstance(key, str)):
            raise Unfit("it needs an argument that it does not describe")
        fields: dict[str, Any] = {}
        for number, (key, part) in enumerate(properties.items()):
            needed = key in required
            if number >= _MOST_FIELDS or len(key) > _MOST_NAME or not key.isprintable():
                if needed:
                    raise Unfit(f"it needs more than {_MOST_FIELDS} arguments, or one with a name that is too long")
                continue
            kind = self.kind(part, f"{name}{number}", depth + 1)
            about = _about(part)
            fields[f"a{number}"] = (
                (kind, Field(alias=key, description=about))
                if needed
                else (kind | None, Field(default=None, alias=key, description=about))
            )
        self._left -= len(fields)
        return create_model("".join(filter(str.isalnum, name.title())) or "Call", __base__=Arguments, **fields)

    def kind(self, part: Any, name: str, depth: int) -> Any:
        """The type of one value."""
        part = self.resolved(part)
        if depth > _MOST_DEPTH or self._left <= 0:
            return _JSON
        if "const" in part or isinstance(part.get("enum"), list):
            return _choice(part.get("enum", [part.get("const")]))
        if isinstance(part.get("anyOf"), list):
            several = [each for each in part["anyOf"] if self.resolved(each).get("type") != "null"]
            return self.kind(several[0], name, depth + 1) if len(several) == 1 else _JSON
        kind = part.get("type")
        if isinstance(kind, list):
            known = [each for each in kind if each != "null"]
            kind = known[0] if len(known) == 1 else None
        match kind:
            case "string":
                return _text(part)
            case "boolean":
                return bool
            case "integer" | "number":
                return _number(part, whole=kind == "integer")
            case "array":
                return self._array(part, name, depth)
            case "object" if part.get("properties"):
                return self.object(part, name, depth)
        return _JSON

    def resolved(self, part: Any) -> Mapping[str, Any]:
        """A part, or what it refers to; empty where that is nothing."""
        for _ in range(8):
            if not isinstance(part, Mapping):
                return {}
            reference = part.get("$ref")
            if reference is None:
                return part
            if not isinstance(reference, str) or not reference.startswith("#"):
                return {}
            part = self._root
            for step in reference.split("/")[1:]:
                part = part.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(part, Mapping) else None
        return {}

    def _array(self, part: Mapping[str, Any], name: str, depth: int) -> Any:
        inner = self.kind(part.get("items", {}), f"{name}Item", depth + 1)
        most = _bound(part.get("maxItems"), _MOST_ITEMS)
        return Annotated[list[inner], Field(max_length=most)]  # type: ignore[valid-type]


def _about(part: Any) -> str | None:
    said = part.get("description") if isinstance(part, Mapping) else None
    return " ".join(said.split())[:300] if isinstance(said, str) else None


def _choice(values: list[Any]) -> Any:
    known = [each for each in values if isinstance(each, str | int) and len(str(each)) <= 200]
    if not known or len(known) > _MOST_CHOICES:
        raise Unfit("one of its arguments has too many choices, or none that can be written")
    return Literal[tuple(known)]


def _text(part: Mapping[str, Any]) -> Any:
    most = _bound(part.get("maxLength"), MOST_TEXT)
    return Annotated[str, Field(min_length=_bound(part.get("minLength"), 0, most), max_length=most)]


def _number(part: Mapping[str, Any], *, whole: bool) -> Any:
    low, high = part.get("minimum"), part.get("maximum")
    low = low if isinstance(low, int | float) and abs(low) <= _BOUND else -_BOUND
    high = high if isinstance(high, int | float) and abs(high) <= _BOUND else _BOUND
    if low > high:
        raise Unfit("one of its arguments can have no value")
    return Annotated[int if whole else float, Field(ge=low, le=high)]


def _bound(said: Any, default: int, most: int | None = None) -> int:
    """A bound that a schema gives, where it is one and no wider than ours."""
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        return default
    return min(said, default if most is None else most)


_JSON: Any = Annotated[str, Field(max_length=MOST_TEXT, description="JSON, written as text."), AfterValidator(JsonText)]
