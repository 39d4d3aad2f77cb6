"""How near two texts are, word by word."""

from __future__ import annotations

import re
import string
from collections import Counter

WORDS = 1_000
"""Words of a text that are compared: an output that never ends must not take hours."""
_WORD = re.compile(r"\w+")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normal(text: str) -> str:
    """Lower case, without marks, articles and white space more than one."""
    bare = "".join(each for each in text.lower() if each not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def lcs_f1(text: str, reference: str) -> float:
    """F1 of the longest common subsequence of the two texts' words."""
    left, right = words_of(text)[:WORDS], words_of(reference)[:WORDS]
    if not left or not right:
        return float(not left and not right)
    if not (Counter(left) & Counter(right)):
        return 0.0
    row = [0] * (len(right) + 1)
    for word in left:
        before = 0
        for place, other in enumerate(right, start=1):
            above = row[place]
            row[place] = before + 1 if word == other else max(above, row[place - 1])
            before = above
    return 2 * row[-1] / (len(left) + len(right))


def words_of(text: str) -> list[str]:
    """Its words in lower case."""
    return _WORD.findall(text.lower())
