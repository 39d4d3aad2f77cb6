"""Tells whether a question asks for nothing but arithmetic, and writes what it asks for as an expression.

English and German as people type them: "What is 17.5 % of 1,240?", "Wie viel ist 12 mal 7?", "sqrt(2) * 10". A date,
a telephone number or a section ("§ 4.2-1") is no arithmetic: there must be an operator between two numbers, and
nothing else but the words that ask.
"""

from __future__ import annotations

import re

_ASKS = re.compile(
    r"^\W*(?:please\s+|bitte\s+)?(?:what(?:'s|’s|\s+is|\s+are|\s+does)|how\s+much\s+(?:is|are|makes?)|calculate|compute"
    r"|work\s+out|evaluate|add\s+up|was\s+(?:ist|sind|ergibt|macht)|wie\s*viel\s+(?:ist|sind|ergibt|macht)"
    r"|(?:be|er)rechne|rechne)\b\s*(?:the\s+(?:result|value|sum)\s+of|aus\b|das\s+ergebnis\s+von)?\s*:?\s*",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\s*(?:make|equal|ergeben|aus|bitte|please)?\s*[=?.!]*\s*$", re.IGNORECASE)
_WORDS = (
    (r"(?:multiplied\s+by|times|mal|multipliziert\s+mit)", " * "),
    (r"(?:divided\s+by|over|geteilt\s+durch|dividiert\s+durch)", " / "),
    (r"plus", " + "),
    (r"minus", " - "),
    (r"(?:to\s+the\s+power\s+of|hoch)", " ** "),
    (r"squared|im\s+quadrat", " ** 2"),
    (r"cubed", " ** 3"),
    (r"(?:the\s+)?square\s+root\s+of\s+([\d.,]+)|(?:die\s+)?wurzel\s+(?:aus|von)\s+([\d.,]+)", r" sqrt(\1\2) "),
    (r"(?:per\s*cent|prozent)", " % "),
)
_PERCENT_OF = re.compile(r"%\s*(?:of|von)\b", re.IGNORECASE)
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "^": "**", "\u00a0": " ", "\u202f": " "})
_NUMBER = r"\d+(?:[.,]\d+)*"
_GERMAN_NUMBER = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+,\d{1,2}(?!\d)")
_EXPRESSION = re.compile(
    rf"(?:(?:abs|ceil|exp|floor|log|log10|max|min|round|sqrt)\s*\(|{_NUMBER}|\*\*|//|[-+*/%(),]|\bof\b|\bpi\b|\s)+"
)
_OPERATION = re.compile(
    rf"(?:{_NUMBER}|\)|pi)\s*(?:%\s*of|\*\*|//|[+*/]|(?<=\s)-(?=\s)|-(?=\s*[\d(]))\s*-?\s*(?:{_NUMBER}|\(|[a-z])"
    r"|\b(?:sqrt|log|log10|exp|round|max|min|abs|ceil|floor)\s*\("
)
_OTHERWISE = re.compile(r"^\s*\+?[\d/-]+(?:[\s-]+\d+)*\s*$")
"""Dates and telephone numbers: only digits, spaces, hyphens and slashes, and no word asked for a result."""
GERMAN = re.compile(r"\b(?:was|wie\s*viel|mal|geteilt|von|prozent|hoch|wurzel|rechne|berechne)\b", re.IGNORECASE)
LONGEST = 300


def expression_of(question: str) -> str | None:
    """The expression that a question asks to work out, as `calculate` reads it; None where it asks for anything else.

    A comma is a decimal comma where the question is German or could not be read otherwise.
    """
    if len(question) > LONGEST or not any(each.isdigit() for each in question):
        return None
    asked = _ASKS.match(question)
    text = _ENDS.sub("", question[asked.end() if asked else 0 :].translate(_SIGNS))
    for words, sign in _WORDS:
        text = re.sub(rf"(?<![^\W\d_]){words}(?![^\W\d_])", sign, text, flags=re.IGNORECASE)
    text = _PERCENT_OF.sub("% of", text)
    if GERMAN.search(question):
        text = _GERMAN_NUMBER.sub(lambda found: found[0].replace(".", "").replace(",", "."), text)
    text = " ".join(text.lower().split())
    if not _EXPRESSION.fullmatch(text) or not _OPERATION.search(text):
        return None
    if asked is None and _OTHERWISE.fullmatch(text):
        return None
    return text
