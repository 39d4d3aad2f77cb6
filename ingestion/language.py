"""Which language a text is in. The one door to py3langid; texts in a script of one language need no model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

SAMPLE = 300
"""Characters that are looked at of one text."""
WINDOW = 1_500
"""Neighbouring blocks under one heading are judged together until they have this many characters."""
LEAST_LETTERS = 40
CONFIDENT = 0.9
"""Below these, the classifier guesses rather than knows (on headlines, addresses and names)."""

# Languages that documents are written in; the classifier's dialects and liturgical languages would only be mistakes.
_CODES = (
    "af ar az be bg bn ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn ko ky lo "
    "lt lv mk ml mn mr mt my ne nl no pa pl ps pt ro ru si sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh"
)
KNOWN = tuple(_CODES.split())

_SCRIPTS = {
    "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "kana": "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
    "cyrillic": "\u0400-\u052f",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "hebrew": "\u0590-\u05ff",
    "thai": "\u0e00-\u0e7f",
    "devanagari": "\u0900-\u097f",
    "armenian": "\u0530-\u058f",
    "georgian": "\u10a0-\u10ff",
    "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
}
_NO_WORDS = re.compile(r"[\d|$€£%.,()\s-]+")
_OF_SCRIPT = {name: re.compile(f"[{letters}]") for name, letters in _SCRIPTS.items()}
_ONE_LANGUAGE = {
    "hangul": "ko", "kana": "ja", "han": "zh", "greek": "el", "hebrew": "he", "thai": "th", "armenian": "hy",
    "georgian": "ka",
}  # fmt: skip
_SEVERAL_LANGUAGES = {
    "arabic": ("ar", "fa", "ur", "ps"),
    "cyrillic": ("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn"),
    "devanagari": ("hi", "mr", "ne"),
}


@lru_cache(maxsize=1)
def _classifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    classifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    classifier.set_languages(KNOWN)
    return classifier


def detect(text: str) -> str | None:
    """The language of `text` as ISO 639-1, judged by its first few hundred characters; None where that is guesswork."""
    sample = _NO_WORDS.sub(" ", text[: 2 * SAMPLE])[:SAMPLE]
    script, letters = _script(sample)
    if script in _ONE_LANGUAGE:
        return _ONE_LANGUAGE[script] if letters > 1 else None
    if letters < (LEAST_LETTERS if script == "latin" else 6):
        return None
    label, confidence = _classifier().classify(sample)
    if script in _SEVERAL_LANGUAGES:
        several = _SEVERAL_LANGUAGES[script]
        return str(label) if label in several else several[0]
    return str(label) if confidence >= CONFIDENT else None


def assign(texts: Sequence[str], groups: Sequence[int], default: str) -> list[str]:
    """The language of each text. Neighbours of one group are judged together.

    Where the text does not tell, the neighbour before it in the group speaks for it, then the document's commonest
    language, then `default`.
    """
    found = _windows(texts, groups)
    weights: Counter[str] = Counter()
    for text, language in zip(texts, found, strict=True):
        if language is not None:
            weights[language] += len(text)
    common = weights.most_common(1)[0][0] if weights else default
    result: list[str] = []
    for index, language in enumerate(found):
        same_group = index > 0 and groups[index - 1] == groups[index]
        result.append(language or (result[-1] if same_group else common))
    return result


def _windows(texts: Sequence[str], groups: Sequence[int]) -> list[str | None]:
    found: list[str | None] = []
    first = 0
    while first < len(texts):
        last, length, letters = first, 0, _letters(texts[first])
        while last < len(texts) and groups[last] == groups[first] and length < WINDOW:
            if _letters(texts[last]) != letters:  # a change of script is a change of language, however short the text
                break
            length += len(texts[last])
            last += 1
        found += [detect(" ".join(texts[first:last]))] * (last - first)
        first = last
    return found


def _letters(text: str) -> str:
    script = _script(text[:SAMPLE])[0]
    return "han" if script == "kana" else script  # a Japanese heading may have no kana


def _script(text: str) -> tuple[str, int]:
    """The script most letters of `text` are in, and how many there are."""
    if text.isascii():
        return "latin", sum(map(str.isalpha, text))
    counts = {name: len(pattern.findall(text)) for name, pattern in _OF_SCRIPT.items()}
    if counts["kana"] * 10 > counts["han"] and counts["kana"]:  # Japanese mixes both, Chinese has no kana
        counts["kana"] += counts["han"]
    script = max(counts, key=lambda name: counts[name])
    return script, counts[script]
