"""What a stream of OpenAI's protocol tells, chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from core.errors import GenerationInvalid, GeneratorUnavailable
from core.types import Usage
from serving.certainty import Certainty, read
from serving.endpoint import BROKE_OFF
from serving.texts import Blanks, cut_off

_MOST = 10**9
"""Tokens that no request has."""


class _Piece(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    delta: _Piece = _Piece()
    finish_reason: str | None = None
    logprobs: Any = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(default=0, ge=0, le=_MOST)
    completion_tokens: int = Field(default=0, ge=0, le=_MOST)


class Chunk(BaseModel):
    """https://platform.openai.com/docs/api-reference/chat-streaming, or the error that ends a stream."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    system_fingerprint: str | None = None
    error: Any = None


@dataclass(kw_only=True)
class Told:
    """What a stream has told so far."""

    text: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    certainty: Certainty = field(default_factory=Certainty)
    fingerprint: str | None = None
    finish: str | None = None
    blanks: Blanks = field(default_factory=Blanks)

    def take(self, chunk: Chunk) -> list[str]:
        """The new pieces. Raises `GenerationInvalid` for a refusal or endless white space."""
        if chunk.error is not None:
            raise GeneratorUnavailable(BROKE_OFF)
        self.fingerprint = chunk.system_fingerprint or self.fingerprint
        if chunk.usage is not None:
            self.usage = Usage(prompt_tokens=chunk.usage.prompt_tokens, completion_tokens=chunk.usage.completion_tokens)
        pieces = []
        for choice in chunk.choices:
            self.finish = choice.finish_reason or self.finish
            read(choice.logprobs, self.certainty)
            if choice.delta.refusal:
                raise GenerationInvalid("The model refused to answer. Ask in other words.")
            if piece := choice.delta.content:
                self.blanks.watch(piece)
                pieces.append(piece)
        self.text += pieces
        return pieces

    def whole(self, max_tokens: int) -> str:
        """The output at its end. Raises `GenerationInvalid` where the limit of tokens cut it off."""
        if self.finish is None:
            raise GeneratorUnavailable(BROKE_OFF)
        if self.finish == "length":
            raise cut_off(max_tokens)
        return "".join(self.text)


def chunk(data: str) -> Chunk:
    """The chunk of an event. Raises `GeneratorUnavailable` for what is none."""
    try:
        return Chunk.model_validate_json(data)
    except ValidationError:
        raise GeneratorUnavailable("The generator's server does not speak OpenAI's protocol. Set another.") from None
