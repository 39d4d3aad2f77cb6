"""Prompts for generators that read prose: a fixed head from a file, then the sources as data, then the question.

The head never varies, so that an engine's prefix cache holds it. Sources are fenced by lines that carry a boundary
drawn from their own content, which a text cannot forge because the boundary depends on the whole of it. Marks with
which chat templates end a turn and begin another are broken up in them: engines read these as control tokens wherever
they stand.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from core.types import Message, Source

ANSWER = "answer.v1"
MARKS = "marks.v1"
CONDENSE = "condense.v1"
JUDGE = "judge.v1"
MARK = "ˆ"
"""What stands in the place of a source's spaces where they are marked (Hines et al. 2024, "Spotlighting")."""
_CONTROL = re.compile(
    r"(?<=<)(?=[|｜])"  # ChatML, Llama 3, Phi, Qwen, GPT-OSS; DeepSeek's have a wide bar
    r"|(?<=<)(?=/?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn)>)"  # Llama 2, Gemma
    r"|(?<=<)(?=</?SYS>>)"  # Llama 2
    r"|(?<=\[)(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])"  # Llama 2, Mistral
)
PLACE_CHARS = 400
"""Characters of a title with its headings that a prompt shows above a source; a hostile document's may be endless."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A prompt file: its name with the version, and its text."""

    name: str
    text: str


@lru_cache(maxsize=16)
def load(name: str) -> Prompt:
    """The prompt of that name, for example "answer.v1"."""
    text = resources.files("agents.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8")
    return Prompt(name=name, text=text.strip())


def answer_messages(question: str, sources: Sequence[Source], *, marks: bool = False) -> tuple[Message, ...]:
    """The prompt for an answer: rules, fenced sources, question. `marks` has the sources' spaces marked as well."""
    boundary = boundary_of([*_said(sources), question])
    blocks = "\n\n".join(_fenced(source, boundary, marks=marks) for source in sources)
    rules = f"{load(ANSWER).text}\n\n{load(MARKS).text}" if marks else load(ANSWER).text
    return (
        Message(role="system", content=rules),
        Message(role="user", content=f"Sources:\n\n{blocks}\n\nQuestion: {plain(question)}"),
    )


def condense_messages(question: str, history: Sequence[Message]) -> tuple[Message, ...]:
    """The prompt for making a follow-up stand alone: rules, the conversation as data, the question."""
    boundary = boundary_of([turn.content for turn in history] + [question])
    turns = "\n\n".join(
        f"<<{turn.role} {boundary}>>\n{plain(turn.content)}\n<<end {turn.role} {boundary}>>" for turn in history
    )
    return (
        Message(role="system", content=load(CONDENSE).text),
        Message(role="user", content=f"Conversation:\n\n{turns}\n\nLast question: {plain(question)}"),
    )


def judge_messages(claims: Sequence[tuple[str, Sequence[Source]]]) -> tuple[Message, ...]:
    """The prompt for judging statements by the sources they cite: rules, fenced sources once each, fenced statements
    numbered from 1."""
    sources = {source.id: source for _, cited in claims for source in cited}
    boundary = boundary_of([*_said(sources.values()), *(text for text, _ in claims)])
    blocks = "\n\n".join(_fenced(source, boundary) for source in sources.values())
    statements = "\n\n".join(
        f"<<statement {number} citing {', '.join(source.id for source in cited)} {boundary}>>\n{plain(text)}\n"
        f"<<end statement {number} {boundary}>>"
        for number, (text, cited) in enumerate(claims, start=1)
    )
    return (
        Message(role="system", content=load(JUDGE).text),
        Message(role="user", content=f"Sources:\n\n{blocks}\n\nStatements:\n\n{statements}"),
    )


def place_of(source: Source) -> str:
    """Where a source is from, in a line: title, headings and page."""
    place = plain(one_line(" › ".join([source.title, *source.heading_path])))
    place = place if len(place) <= PLACE_CHARS else f"{place[:PLACE_CHARS]}…"
    return place + (f", page {source.page}" if source.page is not None else "")


def marked(text: str) -> str:
    """The text with a mark in the place of all white space."""
    return MARK.join(text.replace(MARK, " ").split())


def unmarked(text: str) -> str:
    """What a model wrote, with spaces again where it left marks."""
    return text.replace(MARK, " ")


def _fenced(source: Source, boundary: str, *, marks: bool = False) -> str:
    place, text = place_of(source), plain(source.text)
    if marks:
        place, text = marked(place), marked(text)
    return f"<<source {source.id} {boundary}>>\n{place}\n\n{text}\n<<end {source.id} {boundary}>>"


def _said(sources: Iterable[Source]) -> list[str]:
    """All that a prompt shows of documents: titles and headings are their authors' words as well."""
    return [part for source in sources for part in (source.title, *source.heading_path, source.text)]


def plain(text: str) -> str:
    """The text without a mark that a chat template would make a control token of."""
    return _CONTROL.sub(" ", text)


def one_line(text: str) -> str:
    """The text with all white space as single spaces."""
    return " ".join(text.split())


def boundary_of(texts: Sequence[str]) -> str:
    """A mark drawn from all of these texts."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:12]
