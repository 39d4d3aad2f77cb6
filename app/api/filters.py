"""What a search or a question can be narrowed to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from app.api.shapes import Request
from core import types
from core.errors import InvalidFilter

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]  # what metadata can hold; a larger one is read as a float
_Value = Annotated[str, StringConstraints(max_length=4096, strip_whitespace=False)] | bool | _Integer | _Number
_VALUE = (
    "It must be a text of at most 4,096 characters, a finite number, true or false, or a list of 1 to 100 of these."
)


def _said_once(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Each branch of a union would tell its own reason, and none of them the rule."""
    try:
        return read(value)
    except ValidationError:
        raise ValueError(_VALUE) from None


_Values = Annotated[_Value | Annotated[list[_Value], Field(min_length=1, max_length=100)], WrapValidator(_said_once)]
_Key = Annotated[str, StringConstraints(min_length=1, max_length=128, strip_whitespace=False)]
_DocumentId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def _utc(moment: datetime) -> datetime:
    """Times without a zone are read as UTC."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("The time lies outside the calendar.") from None


_Moment = Annotated[datetime, AfterValidator(_utc)]


class Filters(Request):
    """Empty means no narrowing; several narrow further. A metadata value may be a list of which any may match."""

    document_ids: list[_DocumentId] = Field(default_factory=list, max_length=1000)
    metadata: dict[_Key, _Values] = Field(
        default_factory=dict, max_length=64, examples=[{"department": "hr", "year": [2025, 2026]}]
    )
    created_after: _Moment | None = Field(default=None, description="Inclusive.", examples=["2026-01-01T00:00:00Z"])
    created_before: _Moment | None = Field(default=None, description="Exclusive.", examples=[None])

    def narrowed(self) -> types.Filters:
        """As the search takes them. Raises `InvalidFilter` for what can never match."""
        if self.created_after and self.created_before and self.created_after >= self.created_before:
            raise InvalidFilter("The filter `filters.created_after` must be earlier than `filters.created_before`.")
        return types.Filters(
            document_ids=tuple(self.document_ids),
            metadata={key: tuple(v) if isinstance(v, list) else v for key, v in self.metadata.items()},
            created_after=self.created_after,
            created_before=self.created_before,
        )
