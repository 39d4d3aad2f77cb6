"""The small part of Markdown in which the contents are written: headings, paragraphs, lists and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CONTENT = Path(__file__).parent / "content"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One heading, paragraph, list item, note or table. `level` is a heading's depth; `number` a numbered item's."""

    kind: str
    text: str = ""
    level: int = 0
    number: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


def read(name: str) -> list[Part]:
    """The parts of `content/NAME.md`, in order."""
    parts: list[Part] = []
    for block in re.split(r"\n\s*\n", (CONTENT / f"{name}.md").read_text("utf-8").strip()):
        lines = block.split("\n")
        if lines[0].startswith("|"):
            rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
            parts.append(Part(kind="table", rows=(rows[0], *rows[2:])))
        else:
            parts += [_line(line) for line in lines]
    return parts


def _line(line: str) -> Part:
    if heading := re.match(r"(#+) (.*)", line):
        return Part(kind="heading", level=len(heading[1]), text=heading[2])
    if line.startswith("- "):
        return Part(kind="bullet", text=line[2:])
    if numbered := re.match(r"(\d+)\. (.*)", line):
        return Part(kind="numbered", number=int(numbered[1]), text=numbered[2])
    if line.startswith("> "):
        return Part(kind="note", text=line[2:])
    return Part(kind="paragraph", text=line)
