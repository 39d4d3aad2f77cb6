"""Statements out of JSON that is still being written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from agents.schema import Draft, read_statement
from agents.settings import OutputSettings
from core.errors import GenerationInvalid


@dataclass(frozen=True, kw_only=True, slots=True)
class Grown:
    """New text at the end of statement `index`; `draft` is set once the statement is whole."""

    index: int
    text: str = ""
    draft: Draft | None = None


@dataclass(kw_only=True)
class GrowingAnswer:
    """Takes the pieces of an answer's JSON and tells what each one added.

    A statement is whole once the next one has begun or the text has ended. Nothing is told before `answerable` was read
    as true. `feed` raises `GenerationInvalid` as soon as the text cannot become an answer any more, or runs over
    `max_chars`.
    """

    ids: Sequence[str]
    settings: OutputSettings
    max_chars: int
    text: str = ""
    _shown: list[str] = field(default_factory=list)
    _whole: int = 0

    def feed(self, piece: str) -> Iterator[Grown]:
        """Adds a piece and yields what it added, in order."""
        self.text += piece
        if len(self.text) > self.max_chars:
            raise GenerationInvalid("The generator did not come to an end. Ask again, or ask for less at once.")
        value = self._parsed()
        statements = value.get("statements")
        if value.get("answerable") is not True or not isinstance(statements, list):
            return
        if len(statements) > self.settings.max_statements:
            raise GenerationInvalid(
                f"The generator wrote more than {self.settings.max_statements} statements. Ask again."
            )
        for index in range(self._whole, len(statements)):
            yield from self._grow(index, statements[index])
            if index + 1 < len(statements):
                yield self._finish(index, statements[index])

    def finish(self) -> Iterator[Grown]:
        """Yields what only the end of the text made whole."""
        value = self._parsed()
        statements = value.get("statements")
        if value.get("answerable") is True and isinstance(statements, list):
            for index in range(self._whole, len(statements)):
                yield self._finish(index, statements[index])

    def _parsed(self) -> Mapping[str, Any]:
        if not self.text.strip():
            return {}
        try:
            value = from_json(self.text, allow_partial="trailing-strings")
        except ValueError:
            raise GenerationInvalid("The generator's output is not JSON. Ask again.") from None
        if not isinstance(value, dict):
            raise GenerationInvalid("The generator's output is not a JSON object. Ask again.")
        return value

    def _grow(self, index: int, statement: object) -> Iterator[Grown]:
        text = statement.get("text") if isinstance(statement, dict) else None
        if not isinstance(text, str):
            return
        if len(text) > self.settings.max_statement_chars:
            raise GenerationInvalid("The generator wrote an over-long statement. Ask again.")
        while len(self._shown) <= index:
            self._shown.append("")
        shown = self._shown[index]
        if len(text) > len(shown) and text.startswith(shown):
            self._shown[index] = text
            yield Grown(index=index, text=text[len(shown) :])

    def _finish(self, index: int, statement: object) -> Grown:
        self._whole = index + 1
        return Grown(index=index, draft=read_statement(statement, self.ids, self.settings))
