"""What is wrong with an example, whoever it comes from: broken, too short, too long, repetitive, another language."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.terms import squeezed
from core.types import Example
from finetune.ports import Languages
from finetune.report import Report
from finetune.schema import is_schema, keeps_to
from finetune.settings import QualitySettings
from finetune.target import parsed, plain

RUN = 3
"""Words of a run that is looked for again in the same text."""
_WORD = re.compile(r"[^\W_]")
_BROKEN = re.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

DETAILS = {
    "no_prompt": "There is no prompt that ends in a person's words, or no question.",
    "same": "The better and the worse answer are the same.",
    "broken_text": "A text has characters in it that a broken reader left.",
    "broken_json": "An output is not JSON, though its schema asks for it.",
    "broken_schema": "An output is not what its schema demands.",
    "no_schema": "Its schema is none.",
    "too_short": "It says too little.",
    "too_long": "Prompt and completion are longer than allowed.",
    "repetitive": "It says the same over and over.",
    "language": "It answers in another language than it was asked in.",
    "no_passages": "A positive or a negative passage is missing, or one is both.",
}
"""What a report says of each problem."""


def good(
    examples: Sequence[Example], settings: QualitySettings, language: Languages | None, report: Report
) -> list[Example]:
    """Those that nothing is wrong with."""
    found = []
    for example in examples:
        reason = problem(example, settings, language)
        if reason is None:
            found.append(example)
        else:
            report.refuse(f"example:{example.id}", "check", reason, DETAILS[reason])
    return found


def problem(example: Example, settings: QualitySettings, language: Languages | None = None) -> str | None:
    """The code of what is wrong with it, None if nothing is."""
    if example.kind == "retrieval":
        return _of_passages(example, settings)
    texts = [message.content for message in example.prompt]
    if not texts or example.prompt[-1].role != "user" or not _WORD.search(texts[-1]):
        return "no_prompt"
    outputs = [text for text in (example.completion, example.rejected) if text]
    if any(_BROKEN.search(text) for text in (*texts, *outputs, example.question)):
        return "broken_text"
    if sum(map(len, texts)) + max(map(len, outputs), default=0) > settings.max_chars:
        return "too_long"
    if example.schema and not is_schema(example.schema):
        return "no_schema"
    if example.kind == "prompt":
        return None
    if example.kind == "preference" and (not example.rejected or example.completion == example.rejected):
        return "same"
    return _of_outputs(example, outputs) or _of_words(example, settings, language)


def _of_passages(example: Example, settings: QualitySettings) -> str | None:
    passages = (*example.positives, *example.negatives)
    if not squeezed(example.question):
        return "no_prompt"
    if any(_BROKEN.search(text) for text in (*passages, example.question)):
        return "broken_text"
    if not example.positives or not example.negatives or set(example.positives) & set(example.negatives):
        return "no_passages"
    if any(len(squeezed(text)) < settings.min_chars for text in passages):
        return "too_short"
    return "too_long" if sum(map(len, passages)) > settings.max_chars else None


def _of_outputs(example: Example, outputs: Sequence[str]) -> str | None:
    if not example.schema:
        return None
    for output in outputs:
        value = parsed(output)
        if value is None:
            return "broken_json"
        if not keeps_to(value, example.schema):
            return "broken_schema"
    return None


def _of_words(example: Example, settings: QualitySettings, language: Languages | None) -> str | None:
    """What is wrong with the words of an answer that is to be written; a bad one may be as it likes."""
    if example.kind == "kto" and not example.label:
        return None
    said = plain(example.completion)
    if example.schema and not said:  # it says that the sources do not answer
        return None
    if len(squeezed(said)) < settings.min_chars and not _is_number(said):
        return "too_short"
    if repetition(said) > settings.repetition:
        return "repetitive"
    if language is not None and example.question:
        asked, told = language(example.question), language(said)
        if asked is not None and told is not None and asked != told:
            return "language"
    return None


def _is_number(text: str) -> bool:
    """An answer may be a number alone."""
    return bool(re.search(r"\d", text))


def repetition(text: str) -> float:
    """The share of a text's runs of words that were in it before; 0 for a text of few words."""
    words = text.casefold().split()
    runs = [tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if len(runs) >= 2 * RUN else 0.0
