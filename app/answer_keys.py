"""What an answer depends on, as one key: equal keys mean that the same answer would be written again.

Held to be different rather than equal: whatever reaches the generator, and whatever decides what is found and who may
find it, is in the key. What a key cannot say, that the passages may still be read in this moment, the store is asked.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

from core.types import GeneratorInfo

if TYPE_CHECKING:
    from agents.answer import AnswerRequest
    from app.settings import Settings


def ground(settings: Settings, *parts: str) -> str:
    """What holds for every answer of a server: its version, prompts and settings, and the `parts` by their prints."""
    prompts = resources.files("agents.prompts")
    texts = {file.name: file.read_text("utf-8") for file in prompts.iterdir() if file.name.endswith(".md")}
    rooms = [room.model_dump(mode="json") for room in (settings.agents, settings.retrieval, settings.serving)]
    return _digest([_version(), texts, rooms, list(parts)])


def key_of(ground: str, request: AnswerRequest, version: str, generator: GeneratorInfo) -> str:
    """The key of an answer to a request by a generator, over the corpus in a version.

    Who asks counts by what he may read, and not by his name. The conversation counts to the letter. The adapter is the
    one asked for, whatever the generator says of itself.
    """
    caller = request.principal
    return _digest(
        [
            ground,
            version,
            ["admin"] if caller.admin else ["groups", *sorted(caller.groups)],
            request.question.strip(),
            [[turn.role, turn.content] for turn in request.history],
            sorted(set(request.collections)),
            asdict(request.filters),
            [generator.name, generator.fingerprint, request.adapter or generator.adapter],
        ]
    )


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _version() -> str:
    try:
        return metadata.version("footnote")
    except metadata.PackageNotFoundError:
        return "0"


__all__ = ["ground", "key_of"]
