"""Cell values as people read them: "1,234.50", "12.5%", "2026-03-01", "€ 99"."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final

from ingestion.readers.words import one_line

_PIECES: Final = re.compile(
    r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]|\[[^\]]*\]|_.|\*.|([$€£¥₹%\s]+)|([#0?][#0?,]*(?:\.[#0?]+)?)'
)
"""A format's pieces: quoted, escaped, currency; then colours, gaps and fillings, which say nothing; signs; digits."""


class _Format:
    """What a number format says of a number: decimals (None leaves them to the value), grouping, percent, unit."""

    def __init__(self, code: str) -> None:
        section = code.split(";", 1)[0]
        before: list[str] = []
        after: list[str] = []
        digits: str | None = None
        for quoted, escaped, currency, sign, pattern in _PIECES.findall(section):
            if pattern:
                digits = digits if digits is not None else pattern
            else:
                (before if digits is None else after).append(quoted or escaped or currency or sign)
        whole, _, fraction = (digits or "").partition(".")
        self.percent = "%" in "".join(before + after)
        self.special = "E+" in section.upper() or "/" in section or whole.endswith(",") or digits is None
        self.grouped = "," in whole
        self.decimals = len(fraction)
        self.before, self.after = "".join(before), "".join(after)


@lru_cache(maxsize=512)
def _format(code: str) -> _Format:
    return _Format(code)


def shown(value: object, code: str = "General") -> str:
    """A cell's value under its number format. Dates are ISO 8601 whatever the format."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, code or "General")
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("seconds" if value.second else "minutes")
    if isinstance(value, timedelta):
        return _duration(value)
    return one_line(str(value))


def _number(value: int | float, code: str) -> str:
    form = _format(code[:200])
    if value != value or value in (float("inf"), float("-inf")):
        return ""
    if form.special:  # General, text, fractions, powers of ten, thousands left out: the value says it better
        return _plain(value)
    amount = Decimal(repr(value)) * (100 if form.percent else 1)
    if abs(amount) >= Decimal(10) ** 20:
        return _plain(value)
    rounded = amount.quantize(Decimal(1).scaleb(-min(form.decimals, 15)), rounding=ROUND_HALF_UP)
    if rounded == 0 and amount != 0:  # what the sheet shows as 0.00 is not nothing
        return _plain(value)
    digits = f"{abs(rounded):,f}" if form.grouped else f"{abs(rounded):f}"
    sign = "-" if rounded < 0 else ""
    return one_line(f"{sign}{form.before}{digits}{form.after}")


def _plain(value: int | float) -> str:
    """The shortest form without noise: 0.1 + 0.2 is 0.3, 3.0 is 3."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return str(int(value))
    return f"{value:.15g}"


def _moment(value: datetime) -> str:
    if value.microsecond:  # Excel counts in fractions of days, so that whole seconds come out a little short
        value = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
    if value.time() == time():
        return value.date().isoformat()
    return value.isoformat(" ", "seconds" if value.second else "minutes")


def _duration(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}" + (f":{seconds % 60:02d}" if seconds % 60 else "")
