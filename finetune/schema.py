"""Whether a value keeps to a JSON schema. The door to jsonschema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from finetune.rows import canonical


def keeps_to(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value is what the schema demands; nothing keeps to what is no schema."""
    validator = _validator(canonical(schema))
    return validator is not None and bool(validator.is_valid(value))


def is_schema(schema: Mapping[str, Any]) -> bool:
    """Whether it is a JSON schema."""
    return _validator(canonical(schema)) is not None


@lru_cache(maxsize=256)
def _validator(text: str) -> Any:
    """A validator of the schema, None where it is none; most examples of a dataset have one of few schemas."""
    from jsonschema import Draft202012Validator, SchemaError

    schema = json.loads(text)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return None
    return Draft202012Validator(schema)
