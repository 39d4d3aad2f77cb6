"""What a generator may write: the JSON schema of an answer, and the reading of what was written under it.

The schema holds an enum of the source ids retrieved for this very request, so a grammar admits no other, and what comes
back is checked by the same bounds, so that nothing depends on the engine having enforced them. Every string and array
is bounded: small models under an unbounded schema write on until their token limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agents.settings import OutputSettings
from core.errors import GenerationInvalid

Verdict = Literal["supported", "partly", "unsupported"]
"""What a judge may say of a statement."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """One statement as the generator wrote it, its source ids without repetition."""

    text: str
    sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A whole answer as the generator wrote it. Without statements it answers nothing."""

    answerable: bool
    statements: tuple[Draft, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Statement(_Strict):
    text: Annotated[str, Field(min_length=1)]
    sources: Annotated[list[str], Field(min_length=1)]


class _Answer(_Strict):
    answerable: bool
    statements: list[_Statement]


class _Question(_Strict):
    question: Annotated[str, Field(min_length=1)]


class _Verdict(_Strict):
    reason: str
    verdict: Verdict


_VERDICTS = TypeAdapter(dict[str, _Verdict])


def answer_schema(ids: Sequence[str], settings: OutputSettings) -> dict[str, Any]:
    """The JSON schema of an answer that may cite these sources. A stream says `answerable` first."""
    statement = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": settings.max_statement_chars},
            "sources": {
                "type": "array",
                "items": {"type": "string", "enum": list(ids)},
                "minItems": 1,
                "maxItems": settings.max_citations,
            },
        },
        "required": ["text", "sources"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "answerable": {"type": "boolean"},
            "statements": {"type": "array", "items": statement, "maxItems": settings.max_statements},
        },
        "required": ["answerable", "statements"],
        "additionalProperties": False,
    }


def condense_schema(max_chars: int) -> dict[str, Any]:
    """The JSON schema of a stand-alone question."""
    return {
        "type": "object",
        "properties": {"question": {"type": "string", "minLength": 1, "maxLength": max_chars}},
        "required": ["question"],
        "additionalProperties": False,
    }


def judge_schema(count: int, reason_chars: int) -> dict[str, Any]:
    """The JSON schema of a reason and a verdict on each of so many statements, the reason first: what is said before a
    verdict can bear on it."""
    verdict = {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "minLength": 1, "maxLength": reason_chars},
            "verdict": {"type": "string", "enum": list(get_args(Verdict))},
        },
        "required": ["reason", "verdict"],
        "additionalProperties": False,
    }
    numbers = [str(number) for number in range(1, count + 1)]
    return {
        "type": "object",
        "properties": dict.fromkeys(numbers, verdict),
        "required": numbers,
        "additionalProperties": False,
    }


def read_statement(value: object, ids: Sequence[str], settings: OutputSettings) -> Draft:
    """One statement out of parsed JSON. Raises `GenerationInvalid` where it leaves the schema."""
    try:
        return _draft(_Statement.model_validate(value), ids, settings)
    except ValidationError as error:
        raise _invalid(error) from None


def read_answer(text: str, ids: Sequence[str], settings: OutputSettings) -> Output:
    """A whole answer out of JSON text. Raises `GenerationInvalid` where it leaves `answer_schema(ids, settings)`.

    Statements beside `answerable: false` are dropped: who cannot answer says nothing.
    """
    try:
        answer = _Answer.model_validate_json(text)
    except ValidationError as error:
        raise _invalid(error) from None
    if len(answer.statements) > settings.max_statements:
        raise GenerationInvalid(f"The generator wrote more than {settings.max_statements} statements. Ask again.")
    drafts = tuple(_draft(statement, ids, settings) for statement in answer.statements)
    answerable = answer.answerable and bool(drafts)
    return Output(answerable=answerable, statements=drafts if answerable else ())


def read_question(text: str, max_chars: int) -> str:
    """A stand-alone question out of JSON text. Raises `GenerationInvalid` where it leaves `condense_schema`."""
    try:
        question = _Question.model_validate_json(text).question.strip()
    except ValidationError as error:
        raise _invalid(error) from None
    if not question or len(question) > max_chars:
        raise GenerationInvalid("The generator wrote an empty or over-long question. Ask again.")
    return question


def read_verdicts(text: str, count: int, reason_chars: int) -> list[tuple[Verdict, str]]:
    """Verdict and reason, which may be blank, of each statement out of JSON text. Raises `GenerationInvalid` where it
    leaves `judge_schema`."""
    try:
        found = _VERDICTS.validate_json(text)
    except ValidationError as error:
        raise _invalid(error) from None
    numbers = [str(number) for number in range(1, count + 1)]
    if sorted(found) != sorted(numbers):
        raise GenerationInvalid("The judge passed over a statement, or judged one that there is not. Ask again.")
    if any(len(each.reason) > reason_chars for each in found.values()):
        raise GenerationInvalid("The judge gave an over-long reason. Ask again.")
    return [(found[number].verdict, found[number].reason.strip()) for number in numbers]


def _draft(statement: _Statement, ids: Sequence[str], settings: OutputSettings) -> Draft:
    if not statement.text.strip() or len(statement.text) > settings.max_statement_chars:
        raise GenerationInvalid("The generator wrote an empty or over-long statement. Ask again.")
    if len(statement.sources) > settings.max_citations:
        raise GenerationInvalid(f"The generator cited more than {settings.max_citations} sources at once. Ask again.")
    if unknown := [source for source in statement.sources if source not in ids]:
        raise GenerationInvalid(f"The generator cited a source that was not offered ({unknown[0][:20]!r}). Ask again.")
    return Draft(text=statement.text.strip(), sources=tuple(dict.fromkeys(statement.sources)))


def _invalid(error: ValidationError) -> GenerationInvalid:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    return GenerationInvalid(f"The generator's output broke its schema at {place}: {first['msg']}. Ask again.")
