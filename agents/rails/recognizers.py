"""Presidio's pattern recognizers: personal data known by its form, its check digits and the words beside it.

No model is loaded: types that only a model knows (persons, places, organisations) are not found; docs/guardrails.md
names them. Which language a text has is not asked: a German tax number in an English mail is one as well.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from agents.rails.plain import Plain, joined
from agents.rails.settings import PersonalSettings
from agents.rails.vault import Span
from core.errors import ConfigurationError

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

EVERYWHERE = (
    "CreditCardRecognizer", "CryptoRecognizer", "EmailRecognizer", "IbanRecognizer", "IpRecognizer",
    "MacAddressRecognizer", "UrlRecognizer", "DateRecognizer",
)  # fmt: skip
BY_LANGUAGE: dict[str, tuple[str, ...]] = {
    "en": (
        "UsSsnRecognizer", "UsItinRecognizer", "UsPassportRecognizer", "UsLicenseRecognizer", "UsBankRecognizer",
        "NhsRecognizer", "UkNinoRecognizer", "UkDrivingLicenceRecognizer", "UkPassportRecognizer", "CaSinRecognizer",
        "AuTfnRecognizer", "AuMedicareRecognizer", "InPanRecognizer", "InAadhaarRecognizer", "SgFinRecognizer",
    ),
    "de": (
        "DeTaxIdRecognizer", "DePassportRecognizer", "DeIdCardRecognizer", "DeSocialSecurityRecognizer",
        "DeHealthInsuranceRecognizer", "DeFuehrerscheinRecognizer",
    ),
    "es": ("EsNifRecognizer", "EsNieRecognizer", "EsPassportRecognizer"),
    "fi": ("FiPersonalIdentityCodeRecognizer",),
    "it": (
        "ItFiscalCodeRecognizer", "ItDriverLicenseRecognizer", "ItIdentityCardRecognizer", "ItPassportRecognizer",
    ),
    "pl": ("PlPeselRecognizer",),
    "sv": ("SePersonnummerRecognizer",),
    "tr": ("TrNationalIdRecognizer",),
    "ko": ("KrRrnRecognizer", "KrFrnRecognizer", "KrDriverLicenseRecognizer", "KrPassportRecognizer"),
    "th": ("ThTninRecognizer",),
}  # fmt: skip
NOT_PERSONAL = frozenset({"URL", "DATE_TIME"})
"""Found only when asked for by their names."""
CONTEXT_CHARS = 60
"""How far before a find the words stand that say what it is; behind it a third of that."""
CONTEXT_SCORE = 0.35
"""What such a word adds, as in Presidio."""
_LANGUAGE = "en"
"""What all recognizers are registered under, since all read every text."""
PHONE = "PHONE_NUMBER"
_LIKE_A_PHONE = re.compile(r"(?<!\w)[+(]*\d(?:[ \t().x/\-\u2010-\u2013\u00a0]{0,3}\d){6,18}", re.IGNORECASE)
_MOST_PHONES = 200
"""Different ones in a text: more than any passage has."""
_CHECKED = frozenset({"IBAN_CODE", "CREDIT_CARD"})
"""What has check digits, so that its groups may be looked for over the ends of lines."""
_WINDOW, _OVERLAP = 1_500, 150
"""Characters looked at in one piece, since patterns that look far ahead take the square of them, and in two."""
_WORD = re.compile(r"\S+")
_TELLING = re.compile(r"[\d@]")
_BREAK = "\n|\n"


class Recognizers:
    """Finds personal data. Making it imports Presidio, which takes seconds; do it in a thread.

    Raises `ConfigurationError` for a type that none of the recognizers knows.
    """

    def __init__(self, settings: PersonalSettings) -> None:
        from presidio_analyzer.nlp_engine import NoOpNlpEngine

        self._settings = settings
        _stay_inside()
        found = _recognizers(settings)
        self._context = {each.id: _words(each.context or ()) for each in found}
        known = {entity for each in found for entity in each.supported_entities}
        if unknown := set(settings.types) - known:
            raise ConfigurationError(
                f"No recognizer knows {', '.join(sorted(unknown))}. FOOTNOTE_AGENTS__RAILS__PERSONAL__TYPES may name "
                f"{', '.join(sorted(known))}."
            )
        self.types = frozenset(settings.types) or known - NOT_PERSONAL
        engine = NoOpNlpEngine(models=[{"lang_code": _LANGUAGE, "model_name": ""}])
        engine.load()
        wanted = [each for each in found if self.types.intersection(each.supported_entities)]
        self._phones = [each for each in wanted if PHONE in each.supported_entities]
        self._others = [each for each in wanted if each not in self._phones]
        self._artifacts = engine.process_text("", _LANGUAGE)

    def find(self, text: str) -> list[Span]:
        """What personal data stands where, in reading order; spans do not overlap."""
        plain = Plain(text)
        spans = {*self._numbers(plain.text), *self._forms(plain.text)}
        found = _apart([span for span in spans if span.score >= self._settings.threshold])
        return [
            replace(span, start=start, end=end) for span in found for start, end in [plain.back(span.start, span.end)]
        ]

    def _forms(self, text: str) -> Iterator[Span]:
        """What has a form of its own. All of it has a digit or an @, so only what is near one is looked at."""
        windows = [(0, len(text))] if "URL" in self.types else _windows(text)
        if not windows:
            return
        for recognizer in self._others:
            far = any(".*" in pattern.regex for pattern in getattr(recognizer, "patterns", ()))
            for some in [[window] for window in windows] if far else [windows]:
                yield from self._formed(text, some, recognizer)

    def _formed(self, text: str, windows: list[tuple[int, int]], recognizer: EntityRecognizer) -> Iterator[Span]:
        looked_at = _BREAK.join(text[start:end] for start, end in windows)
        begins = list(accumulate((end - start + len(_BREAK) for start, end in windows), initial=0))
        if _CHECKED.issuperset(recognizer.supported_entities):
            looked_at = joined(looked_at)
        for found in recognizer.analyze(looked_at, recognizer.supported_entities, self._artifacts):
            number = bisect_right(begins, found.start) - 1
            shift = windows[number][0] - begins[number]
            span = Span(start=found.start + shift, end=found.end + shift, type=found.entity_type)
            if span.end <= windows[number][1]:
                yield replace(span, score=self._scored(text, span, found.score, recognizer.id))

    def _numbers(self, text: str) -> Iterator[Span]:
        """Telephone numbers. Each country's form is tried, which takes long, so only what could be one is looked at. So
        many different ones are; whatever is like one after them counts as one."""
        for recognizer in self._phones:
            known: dict[str, list[tuple[int, int, float]]] = {}
            for like in _LIKE_A_PHONE.finditer(text):
                if like[0] not in known:
                    found = recognizer.analyze(like[0], [PHONE], self._artifacts) if len(known) < _MOST_PHONES else None
                    all_of_it = [(0, len(like[0]), self._settings.threshold)]
                    known[like[0]] = (
                        all_of_it if found is None else [(each.start, each.end, each.score) for each in found]
                    )
                for start, end, score in known[like[0]]:
                    span = Span(start=start + like.start(), end=end + like.start(), type=PHONE)
                    yield replace(span, score=self._scored(text, span, score, recognizer.id))

    def _scored(self, text: str, span: Span, score: float, recognizer: str) -> float:
        """The pattern's own score, raised where a word beside it says what it is."""
        words = self._context[recognizer]
        if words is None or score >= 1:
            return score
        before = text[max(span.start - CONTEXT_CHARS, 0) : span.start]
        behind = text[span.end : span.end + CONTEXT_CHARS // 3]
        return min(score + CONTEXT_SCORE, 1.0) if words.search(before) or words.search(behind) else score


def _stay_inside() -> None:
    """Has domains' endings looked up in the list that is packaged: its library would fetch a newer one first."""
    from tldextract import TLDExtract, tldextract

    tldextract.TLD_EXTRACTOR = TLDExtract(cache_dir=None, suffix_list_urls=())


def _recognizers(settings: PersonalSettings) -> list[EntityRecognizer]:
    from presidio_analyzer import predefined_recognizers as known

    names = [*EVERYWHERE, *(name for each in settings.languages for name in BY_LANGUAGE[each])]
    made: list[EntityRecognizer] = [getattr(known, name)(supported_language=_LANGUAGE) for name in names]
    regions = settings.phone_regions
    made.append(known.PhoneRecognizer(supported_language=_LANGUAGE, supported_regions=regions, leniency=1))
    return made


def _windows(text: str) -> list[tuple[int, int]]:
    """Where words with a digit or an @ stand, each with two words before and behind it."""
    words = [found.span() for found in _WORD.finditer(text)]
    windows: list[tuple[int, int]] = []
    for number, (start, end) in enumerate(words):
        if _TELLING.search(text, start, end):
            first, last = words[max(number - 2, 0)][0], words[min(number + 2, len(words) - 1)][1]
            if windows and first <= windows[-1][1]:
                first = windows.pop()[0]
            windows.append((first, last))
    return [piece for start, end in windows for piece in _pieces(start, end)]


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > _WINDOW:
        yield start, start + _WINDOW
        start += _WINDOW - _OVERLAP
    yield start, end


def _words(words: Sequence[str]) -> re.Pattern[str] | None:
    if not words:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(word) for word in words)})(?!\w)", re.IGNORECASE)


def _apart(spans: Sequence[Span]) -> list[Span]:
    """The surest spans, the longer ones first among equals, without what overlaps them."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda each: (-each.score, each.start - each.end, each.start, each.type)):
        at = bisect_right(kept, span.start, key=lambda each: each.start)
        if (at == 0 or kept[at - 1].end <= span.start) and (at == len(kept) or span.end <= kept[at].start):
            kept.insert(at, span)
    return kept
