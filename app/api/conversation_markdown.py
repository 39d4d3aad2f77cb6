"""A conversation as a Markdown document with footnotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from app.api.answers_shapes import Answer
from app.api.shapes import Source, Statement

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~^&!])")
_LIST = re.compile(r"^(\d+(?=[.)])|)(?=[-+=.)])")
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_LONGEST_QUOTE = 600


def written(title: str, begun: datetime, answers: Sequence[Answer]) -> str:
    """The document. Each passage has one footnote, however often it is cited; what people and files are called is
    text in it, never markup."""
    notes: dict[str, int] = {}
    cited: dict[str, Source] = {}
    parts = [f"# {_plain(title)}", f"{begun:%Y-%m-%d %H:%M} UTC"]
    for answer in answers:
        parts += [f"## {_plain(answer.question)}", *_answered(answer, notes, cited)]
    footnotes = [f"[^{number}]: {_note(cited[key])}" for key, number in notes.items()]
    return "\n\n".join([*parts, *footnotes]) + "\n"


def _answered(answer: Answer, notes: dict[str, int], cited: dict[str, Source]) -> list[str]:
    if answer.status == "running":
        return ["*This answer is still being written.*"]
    if answer.error is not None:
        return [f"*{_plain(answer.error.message)}*"]
    if not answer.statements:
        consulted = answer.retrieval is None or answer.retrieval.used
        return ["*No answer was found in the documents.*" if consulted else "*No document was consulted.*"]
    sources = {source.id: source for source in answer.sources}
    return [_statement(item, sources, notes, cited) for item in answer.statements]


def _statement(item: Statement, sources: dict[str, Source], notes: dict[str, int], cited: dict[str, Source]) -> str:
    marks = ""
    for source in (sources[name] for name in item.sources if name in sources):
        key = f"{source.version_id} {source.chunk_id}"
        cited.setdefault(key, source)
        marks += f"[^{notes.setdefault(key, len(notes) + 1)}]"
    doubt = "" if item.supported else " *(not supported by its sources)*"
    return f"{_TAG.sub('&lt;', item.text)}{marks}{doubt}"


def _note(source: Source) -> str:
    """Where a passage stands and, in the footnote's second paragraph, its words."""
    place = [_plain(source.title)]
    if source.page is not None:
        place.append(f"page {source.page}")
    if source.heading_path:
        place.append(_plain(" › ".join(source.heading_path)))
    if not source.text:
        return ", ".join(place)
    quoted = " ".join(source.text.split())
    if len(quoted) > _LONGEST_QUOTE:
        quoted = quoted[: _LONGEST_QUOTE - 1].rstrip() + "…"
    return f"{', '.join(place)}\n\n    > {_plain(quoted)}"


def _plain(text: str) -> str:
    """Text on one line that Markdown takes for nothing else."""
    return _LIST.sub(r"\1\\", _MARKUP.sub(r"\\\1", " ".join(text.split())))
