"""What the tests of the local generator ask it, and its settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from core.types import GenerationRequest, Message
from serving.settings import LocalSettings

SHORT = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 40, "maxLength": 60}},
    "required": ["text"],
    "additionalProperties": False,
}
LONG = {**SHORT, "properties": {"text": {"type": "string", "minLength": 600, "maxLength": 900}}}
"""Whatever the model would like to say, it has to go on for a while."""
ENDLESS = {**SHORT, "properties": {"text": {"type": "string", "minLength": 30_000, "maxLength": 40_000}}}
"""For what is cut off."""
MOST = 7_000
"""Tokens that an endless output may have."""


def settings(folder: Path, **given: Any) -> LocalSettings:
    return LocalSettings.model_validate({"model": str(folder / "base"), "threads": 1, **given})


def request(schema: dict[str, Any] = SHORT, adapter: str | None = None, **given: Any) -> GenerationRequest:
    made = GenerationRequest(
        task="answer",
        messages=(Message(role="user", content="Tell a story."),),
        schema=schema,
        question="",
        adapter=adapter,
        max_tokens=MOST,
        timeout=250,
    )
    return replace(made, **given)
