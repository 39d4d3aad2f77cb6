"""The words and numbers of a text, the way several rooms compare texts by them. Standard library only.

Terms are folded (case, width, accents, Arabic vowel signs), cut to a common beginning instead of stemmed, and free of
stop words. Truncation works about as well as stemming in European languages and needs to know none of them (McNamee and
Mayfield, "Character N-Gram Tokenization for European Language Text Retrieval", 2004). Scripts without spaces between
words give pairs of neighbouring characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

PREFIX = 6
"""Letters of a word that count."""
REMEMBERED = 1_000
"""Characters up to which a text's terms are kept: sentences come again and again, long texts would fill the memory."""

_STOP_WORDS = """
a about above after again all also am an and any are as at be because been before being below between both but by can
could did do does doing down during each few for from further had has have having he her here hers him his how i if in
into is it its itself just me more most my myself no nor not now of off on once only or other our ours out over own s
same she should so some such t than that the their theirs them then there these they this those through to too under
until up very was we were what when where which while who whom whose why will with would you your yours tell please
many much called named shall must upon within without aber alle allem allen aller alles als ander andere anderem
anderen anderer anderes auch auf aus bei bin bis bist da damit dann das dass dein deine dem den denn der des dessen
die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines er es etwas euer eure
für gegen gewesen hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres
im indem ins ist jede jedem jeden jeder jedes jene jetzt kann kein keine keinem keinen keiner können könnte machen man
mein meine mit muss nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner seines selbst
sich sie sind solche soll sollte sondern sonst über um und uns unser unsere unter viel viele vom von vor war waren
warst weg weil weiter welche welchem welchen welcher welches wenn wer werde werden wessen wie wieder wir wird wirst wo
wollen wurde wurden während wann warum wieso würde würden zu zum zur zwar zwischen bitte wieviel heißt heisst le la
les un une de et est sont dans que qui quoi quel quelle quels quelles pour par sur avec il elle ils elles ne pas ce
cette ces au aux où comment combien pourquoi quand el los las una unos unas y en por para con se lo su sus qué quién
cuál cuándo dónde cómo cuánto cuántos del al gli uno di e è che chi quale quali quando dove come quanto quanti per nel
della dei o os uma em é são qual quem onde como het een van op te dat voor met zijn wat waar hoe hoeveel في من على إلى
عن مع هذا هذه ذلك التي الذي الذين ما ماذا متى أين كيف كم لماذا هل أي أو و ثم قد كان كانت يكون هو هي هم بين كل بعض عند
بعد قبل حتى لا لم لن إن أن أنه
happen happens happened passiert
"""
"""English, German, French, Spanish, Italian, Portuguese, Dutch and Arabic words that carry no content of their own."""
_ASIAN_STOP = frozenset("的了在是和有与及之其为于被把对从到由这那哪什么谁吗呢")

_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana and Han."""
_TOKEN = re.compile(
    rf"\d+(?:[.,:\u00a0\u202f'’]\d+)*|[{_SPACELESS}]+|[^\W\d_{_SPACELESS}]+(?:[^\W_{_SPACELESS}]*[^\W_{_SPACELESS}])?"
)
_GROUPED = re.compile(r"\d{1,3}(?:([.,\u00a0\u202f'’])\d{3})(?:\1\d{3})*(?!\d)")
_ITEM = re.compile(r"\s*(?:[-–—*•‣◦▪·]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]|\(?[A-Z]\))\s+\S")
_HEADING_NUMBER = re.compile(r"^\s*(?:§\s*)?\d{1,2}(?:\.\d{1,2}){0,4}[.):]?\s+(?=[^\W\d_])")
_SPACELESS_RUN = re.compile(rf"[{_SPACELESS}]+")


def fold(text: str) -> str:
    """The text without case, width, accents, vowel signs and soft hyphens; every decimal digit becomes 0-9."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(
        str(unicodedata.decimal(each)) if each.isdecimal() else each
        for each in plain
        if unicodedata.category(each) not in ("Mn", "Cf")
    )


def _number(token: str) -> str:
    """A number without its thousands separators, its decimal separator a point: "1.234,50" and "1,234.5" agree."""
    grouped = _GROUPED.match(token)
    if grouped:
        separator = grouped.group(1)
        token = grouped.group(0).replace(separator, "") + token[grouped.end() :]
    token = token.replace(",", ".")
    whole, point, decimals = token.partition(".")
    decimals = decimals.rstrip("0") if decimals.isdigit() else decimals
    return (whole.lstrip("0") or "0") + (point + decimals if decimals else "")


def _terms(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for token in _TOKEN.findall(fold(text)):
        if token[0].isdigit():
            found.append(_number(token))
        elif _SPACELESS_RUN.match(token):
            found += _pairs(token)
        elif token not in _FOLDED_STOP_WORDS:
            found.append(_stem(token))
    return tuple(found)


def _pairs(run: str) -> list[str]:
    kept = "".join(each if each not in _ASIAN_STOP else " " for each in run)
    return [part[i : i + 2] for part in kept.split() for i in range(max(1, len(part) - 1))]


def _stem(word: str) -> str:
    if "\u0600" <= word[0] <= "\u06ff":
        return _arabic(word)
    if len(word) > 3 and word[-1] == "s" and word[-2] not in "su":
        word = word[:-1]
    if word[-1] == "y":
        word = word[:-1] + "i"
    return word[:PREFIX]


def _arabic(word: str) -> str:
    """Without the article and a leading conjunction or preposition (light stemming, Larkey et al. 2002)."""
    for lead in ("وال", "بال", "كال", "فال", "لل", "ال", "و"):
        if word.startswith(lead) and len(word) - len(lead) >= 3:
            word = word[len(lead) :]
            break
    for tail in ("ها", "ان", "ات", "ون", "ين", "يه", "ه", "ي"):
        if word.endswith(tail) and len(word) - len(tail) >= 3:
            return word[: -len(tail)]
    return word


def terms(text: str) -> tuple[str, ...]:
    """The content terms in order, repeated as often as they occur. Words cut to a stem, numbers in one notation."""
    return _remembered(text) if len(text) <= REMEMBERED else _terms(text)


_remembered = lru_cache(maxsize=8_192)(_terms)


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text, without thousands separators and with a decimal point."""
    return frozenset(_number(token) for token in _TOKEN.findall(fold(text)) if token[0].isdigit())


def begins_item(text: str) -> bool:
    """Whether a line begins as an item of a list does: "- the manager", "2. Send them in.", "(b) water"."""
    return bool(_ITEM.match(text))


def unnumbered(heading: str) -> str:
    """A heading without the number it begins with: "3.1 Train" and "§ 2 Umfang" without "3.1" and "§ 2"."""
    return _HEADING_NUMBER.sub("", heading, count=1)


def squeezed(text: str) -> str:
    """Letters and digits only, folded: two texts that agree in it differ in white space, hyphenation or marks alone."""
    return "".join(filter(str.isalnum, fold(text)))


_FOLDED_STOP_WORDS = frozenset(fold(word) for word in _STOP_WORDS.split())
