"""Where sentences begin and end. The one door to spaCy, whose rule-based sentencizer needs no model.

spaCy cuts at sentence marks of all scripts and knows many abbreviations; what it cuts wrongly ("No. 5", "3. Oktober",
"3.5" in Chinese, an opening quote) is put right afterwards.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ingestion.deadline import NEVER, Deadline
from ingestion.taming import Place, tame

Span = tuple[int, int]

WINDOW = 50_000
"""Characters given to spaCy at once; longer texts are cut at the end of a sentence near it."""
RENEW_AFTER = 20_000_000
"""Characters after which a pipeline is made afresh. It remembers every word it ever saw, which makes it quick, but a
worker that lives for weeks would fill its memory with them. (spaCy's own `memory_zone` forgets so well that it is
half as fast.)"""
LEAST_LETTERS = 3
"""A sentence with fewer letters and digits than this goes with its neighbour ("1.", "(a)", "Ok?")."""

_STANDS_IN = {"ja": "zh", "no": "nb", "ko": "xx", "th": "xx", "vi": "xx", "zh": "zh"}
"""Languages whose own tokenizer needs further packages; Chinese is cut into characters, which suits Japanese too."""
_NO_SPACES = {"zh", "ja"}
_ORDINAL_DOT = {"de", "da", "no", "fi", "et", "lv", "cs", "sk", "pl", "hu", "hr", "sr", "sl", "is", "tr", "lb"}

_WORDS = {
    "abbreviations": "approx vs cf eg e.g i.e viz al resp incl excl dept est mr mrs ms dr prof st gen sen rep gov hon "
    "messrs jan feb mar apr jun jul aug sep sept oct nov dec ca bzw z.b d.h u.a s.o s.u vgl ggf evtl inkl zzgl bspw "
    "sog usf hr fr frl dipl ing str p.ex ej env sr sra dott sig",
    "before numbers": "no nos nr nro art abs sec sect fig p pp par para vol ch cap kap abb tab s bd ziff tel ext app "
    "eq ed lot nº núm",
    "labels": "appendix exhibit class part schedule section annex series type vitamin anhang anlage teil klasse",
}
_ABBREVIATIONS, _BEFORE_NUMBERS, _LABELS = (frozenset(words.split()) for words in _WORDS.values())
_ENUMERATION = re.compile(
    r"^\W*(?:\d+(?:\.\d+)*|[ivxlc]{1,5}|[A-Za-z]|(?:item|note|table|figure|fig|exhibit|section|article|chapter|part|"
    r"step|abschnitt|kapitel|tabelle|abbildung|artikel|schritt|anlage)\s[\dA-Z][\dA-Za-z.-]{0,5})[.)]\W*$",
    re.IGNORECASE,
)
_INITIAL = re.compile(r"(?:^|(\w+)\W+)[A-Z]\.$")
_LAST_WORD = re.compile(r"([\w.º]+)\.$")
_ORDINAL = re.compile(r"(?:^|[\s(–-])\d{1,2}\.$")
_OPENING = re.compile(r"(?<=\s)[\"'“„«‹‘‚(\[{]+$|(?<=[。！？])[“‘「『《（【]+$")
_BULLET = re.compile(r"(?<=\s)[•▪◦‣●■]\s|(?<=\n)[ \t]*(?:[-*–]|\d{1,2}[.)])[ \t]")
_YEAR = re.compile(r"(?<![\d.,])(?:1[5-9]|2[01])\d\d\.\s+(?=[^\W\d_])")  # spaCy's German takes "2021." for an ordinal
_ASCII_MARK = re.compile(r"[.!?]$")

_lock = threading.Lock()
_read: Counter[str] = Counter()


@lru_cache(maxsize=8)
def _pipeline(language: str, generation: int) -> Any:
    """spaCy's rules for a language; another `generation` is a fresh copy, and the old one is let go in time."""
    import spacy

    try:
        pipeline = spacy.blank(language)
    except ImportError:  # spaCy does not know the language, or its tokenizer needs a package that is not here
        pipeline = spacy.blank("xx")
    pipeline.add_pipe("sentencizer")
    return pipeline


@lru_cache(maxsize=1)
def _mark_inside() -> re.Pattern[str]:
    from spacy.pipeline import Sentencizer

    marks = re.escape("".join(Sentencizer.default_punct_chars))
    return re.compile(f"[{marks}]\\s*[^\\s{marks}]|{_BULLET.pattern}")


@lru_cache(maxsize=1)
def _marks() -> frozenset[str]:
    from spacy.pipeline import Sentencizer

    return frozenset(Sentencizer.default_punct_chars)


def split(texts: Sequence[str], languages: Sequence[str], deadline: Deadline = NEVER) -> list[list[Span]]:
    """The spans of each text's sentences, in order and without the white space around them.

    Every character that is not white space lies in exactly one span. Safe to call from any thread. Raises `ParserLimit`
    after the deadline.
    """
    spans: list[list[Span]] = [[] for _ in texts]
    by_language: dict[str, list[int]] = {}
    for index, (text, language) in enumerate(zip(texts, languages, strict=True)):
        if _mark_inside().search(text):
            by_language.setdefault(language, []).append(index)
        elif text.strip():
            spans[index] = [_strip(text, (0, len(text)))]
    for language, indices in by_language.items():
        rules = _STANDS_IN.get(language, language)
        for index in indices:
            deadline.check()
            spans[index] = _mend(texts[index], _raw(rules, texts[index], deadline), language)
    return spans


def _raw(rules: str, text: str, deadline: Deadline) -> list[int]:
    """Where spaCy begins a new sentence, and where a bullet or what follows a year and a dot does."""
    cuts = {match.start() for match in _BULLET.finditer(text)} | {match.end() for match in _YEAR.finditer(text)}
    first = 0
    while first < len(text):
        last = _window_end(text, first)
        deadline.check()
        cuts.update(first + start for start in _starts(rules, text[first:last]))
        first = last
    return sorted(cuts - {0})


def _starts(rules: str, text: str) -> list[int]:
    """Where spaCy begins sentences in a text of bounded length. One thread at a time: its memory is shared."""
    place: Place
    # Chinese is cut into characters: no word is too long.
    tamed, place = (text, int) if rules == "zh" else tame(text, _marks())
    with _lock:
        pipeline = _pipeline(rules, _read[rules] // RENEW_AFTER)
        starts = [sentence.start_char for sentence in pipeline(tamed).sents]
        _read[rules] += len(text)
    return [place(start) for start in starts]


def _window_end(text: str, first: int) -> int:
    last = first + WINDOW
    if last >= len(text):
        return len(text)
    near = text[last - 2_000 : last]
    ends = [*re.finditer(r"[.!?。！？]\s+|\n+", near)] or [*re.finditer(r"\s+", near)]
    return last - 2_000 + ends[-1].end() if ends else last


def _mend(text: str, cuts: Sequence[int], language: str) -> list[Span]:
    spans: list[Span] = []
    first = 0
    for cut in cuts:
        near = max(first, cut - 200)  # a look at all of a long sentence, at each of its marks, would take for ever
        left = text[near:cut].rstrip()
        opening = _OPENING.search(left)
        if opening and opening.start() > 0:  # `he left. "` + `Stop!` → the quote opens what follows
            cut = near + opening.start()
            left = text[near:cut].rstrip()
        if not left or _belong_together(left, text[cut : cut + 80], language, spaced=text[cut - 1].isspace()):
            continue
        spans.append(_strip(text, (first, cut)))
        first = cut
    if text[first:].strip():
        spans.append(_strip(text, (first, len(text))))
    return _without_crumbs(text, spans, 2 if language in _NO_SPACES else LEAST_LETTERS)


def _belong_together(left: str, right: str, language: str, *, spaced: bool) -> bool:
    """Whether spaCy was wrong to end a sentence between `left` and `right`."""
    spaced = spaced or right[:1].isspace()
    right = right.lstrip()
    if not right:
        return True
    if right[0].islower() and not right[1:2].isupper():  # but "iPhone" may begin a sentence
        return True
    if not left.endswith("."):
        return not spaced and bool(_ASCII_MARK.search(left)) and right[0].isascii() and right[0].isalnum()
    if not spaced and right[0].isascii() and right[0].isalnum() and (language in _NO_SPACES or right[0].isdigit()):
        return True
    if _ENUMERATION.match(left) or (language in _ORDINAL_DOT and _ORDINAL.search(left) and right[0].isalpha()):
        return True
    initial = _INITIAL.search(left)
    if initial and (initial[1] or "").casefold() not in _LABELS:
        return True
    word = _LAST_WORD.search(left)
    last = word[1].casefold() if word else ""
    return last in _ABBREVIATIONS or (last in _BEFORE_NUMBERS and (right[0].isdigit() or right[0] in "#§("))


def _without_crumbs(text: str, spans: Sequence[Span], least: int) -> list[Span]:
    """Joins sentences with hardly a letter to the one after them, the last to the one before."""
    joined: list[Span] = []
    waiting: int | None = None
    for first, last in spans:
        first = first if waiting is None else waiting
        waiting = None
        if sum(map(str.isalnum, text[first : min(last, first + 40)])) < least:
            waiting = first
            continue
        joined.append((first, last))
    if waiting is not None:
        start = joined.pop()[0] if joined else waiting
        joined.append((start, spans[-1][1]))
    return joined


def _strip(text: str, span: Span) -> Span:
    part = text[span[0] : span[1]]
    return span[0] + len(part) - len(part.lstrip()), span[1] - (len(part) - len(part.rstrip()))
