"""Plots as inline SVG: intervals around a line, and a grid of parts by measures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_ROW, _LEFT, _WIDTH, _CHARS = 24, 190, 460, 26
_CELL_WIDTH, _HEAD = 96, 34

Line = tuple[str, float | None, float, float | None, str]
"""A name, the low end, the value and the high end (None: without end), and the class it is drawn in."""


def intervals(lines: Sequence[Line], middle: float) -> str:
    """One interval a row; the upright line is where nothing has changed."""
    ends = [each for _, low, value, high, _ in lines for each in (low, value, high) if each is not None]
    low, high = min([*ends, middle]), max([*ends, middle])
    pad = (high - low) * 0.08 or 0.1
    low, high = low - pad, high + pad

    def across(value: float) -> float:
        return _LEFT + _WIDTH * (value - low) / (high - low)

    height = _ROW * (len(lines) + 1)
    at = across(middle)
    drawn = [f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{height - _ROW}"/>']
    for place, (name, left, value, right, kind) in enumerate(lines):
        y = _ROW * place + _ROW / 2
        start, end = across(low if left is None else left), across(high if right is None else right)
        drawn += [
            f'<text x="{_LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{_short(name)}</text>',
            f'<line class="{kind}" stroke-width="2" x1="{start:.1f}" x2="{end:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<circle class="{kind}" r="4" cx="{across(value):.1f}" cy="{y:.1f}"/>',
        ]
    for value in (low + pad, middle, high - pad):
        drawn.append(
            f'<text class="soft" x="{across(value):.1f}" y="{height - 6}" text-anchor="middle">{value:.3g}</text>'
        )
    return _svg(_LEFT + _WIDTH + 30, height, drawn, "Intervals of each measure")


def grid(cells: Mapping[tuple[str, str], tuple[float, str]]) -> str:
    """Parts down, measures across; the stronger a cell is coloured, the larger the difference."""
    rows, columns = list(dict.fromkeys(row for row, _ in cells)), list(dict.fromkeys(column for _, column in cells))
    strongest = max((abs(value) for value, _ in cells.values()), default=0.0) or 1.0
    drawn = [
        f'<text class="soft" x="{_LEFT + _CELL_WIDTH * (place + 0.5):.1f}" y="20" text-anchor="middle">'
        f"{_short(column, 16)}</text>"
        for place, column in enumerate(columns)
    ]
    for down, row in enumerate(rows):
        y = _HEAD + _ROW * down
        drawn.append(f'<text x="{_LEFT - 10}" y="{y + 16}" text-anchor="end">{_short(row)}</text>')
        for right, column in enumerate(columns):
            if (row, column) in cells:
                drawn += _cell(_LEFT + _CELL_WIDTH * right, y, *cells[row, column], strongest)
    return _svg(_LEFT + _CELL_WIDTH * len(columns) + 10, _HEAD + _ROW * len(rows) + 4, drawn, "Differences by part")


def _cell(x: float, y: float, value: float, kind: str, strongest: float) -> list[str]:
    fill = kind if kind == "bad" else ("good" if value >= 0 else "open")
    strength = 0.08 + 0.5 * math.sqrt(abs(value) / strongest)
    return [
        f'<rect class="{fill}" fill-opacity="{strength:.2f}" stroke-width="{2 if kind == "bad" else 0}" x="{x + 1}" '
        f'y="{y + 1}" width="{_CELL_WIDTH - 2}" height="{_ROW - 2}" rx="3"/>',
        f'<text x="{x + _CELL_WIDTH / 2:.1f}" y="{y + 16}" text-anchor="middle">{value:+.2f}</text>',
    ]


def _svg(width: float, height: float, drawn: Sequence[str], label: str) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<svg role="img" aria-label="{escape(label)}" {size}>{"".join(drawn)}</svg>'


def _short(name: str, chars: int = _CHARS) -> str:
    """Escaped, cut before that: no half of an entity may be left."""
    return escape(name if len(name) <= chars else f"{name[: chars - 1]}…")
