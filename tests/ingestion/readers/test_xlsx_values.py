"""Cell values as people read them."""

from __future__ import annotations

import datetime as dt

import pytest

from ingestion.readers.xlsx_values import shown


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (3.0, "General", "3"),
        (0.1 + 0.2, "General", "0.3"),
        (1234567, "General", "1234567"),
        (1e20, "General", "1e+20"),
        (1234.5, "#,##0.00", "1,234.50"),
        (1234.5, "0", "1235"),
        (2.5, "0", "3"),
        (-1234.5, "#,##0.00_);(#,##0.00)", "-1,234.50"),
        (0.125, "0%", "13%"),
        (0.125, "0.0%", "12.5%"),
        (99, '"€" #,##0', "€ 99"),
        (99, "#,##0 [$€-407]", "99 €"),
        (99, "[$$-409]#,##0.00", "$99.00"),
        (5, '0" days"', "5 days"),
        (5, "[Red]0.0", "5.0"),
        (0.001, "0.00", "0.001"),
        (0, "0.00", "0.00"),
        (1234567, "#,##0,", "1234567"),
        (0.5, "# ?/?", "0.5"),
        (123456.0, "0.00E+00", "123456"),
        (True, "General", "TRUE"),
        (None, "General", ""),
        ("  two\nlines ", "@", "two lines"),
        ("#DIV/0!", "General", "#DIV/0!"),
        (float("nan"), "0.0", ""),
        (dt.date(2026, 3, 1), "d-mmm-yy", "2026-03-01"),
        (dt.datetime(2026, 3, 1), "mm-dd-yy", "2026-03-01"),
        (dt.datetime(2026, 3, 1, 9, 30), "m/d/yy h:mm", "2026-03-01 09:30"),
        (dt.datetime(2026, 3, 1, 9, 29, 59, 999_999), "m/d/yy h:mm", "2026-03-01 09:30"),
        (dt.time(9, 30), "h:mm", "09:30"),
        (dt.timedelta(hours=30, minutes=5), "[h]:mm", "30:05"),
        (7, "", "7"),
        (7, '"', "7"),
        (7, "[[[;;;", "7"),
    ],
)
def test_shown(value, code, text):
    assert shown(value, code) == text
