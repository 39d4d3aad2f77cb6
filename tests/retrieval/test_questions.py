"""What a model reads of a question that is too long: its beginning and its end, and no more than is allowed."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from core.types import Vectors
from retrieval.questions import ShortQuestions, shortened


class Letters:
    """Each character but white space is a token, between two special ones."""

    max_tokens = 256

    def __init__(self) -> None:
        self.counted = 0

    def count(self, texts: Sequence[str]) -> list[int]:
        self.counted += len(texts)
        return [len("".join(text.split())) + 2 for text in texts]


class Recording:
    """An embedder that keeps what it was asked for."""

    fingerprint, size = "letters-1", 2

    def __init__(self) -> None:
        self.tokens = Letters()
        self.asked: list[str] = []

    async def query(self, text: str) -> Vectors:
        self.asked.append(text)
        return Vectors(data=b"\0" * 8, size=2)

    async def passages(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return Vectors(data=b"\0" * 8 * len(texts), size=2)


def test_a_short_question_is_left_alone_and_not_even_counted() -> None:
    embedder = Recording()
    for question in ("", "How many days?", "x" * 100):
        assert shortened(question, embedder, 100) == question
    assert embedder.tokens.counted == 0


def test_many_characters_of_few_tokens_are_left_alone() -> None:
    question = "a" + " " * 500 + "b" * 99
    assert shortened(question, Recording(), 100) == question


def test_beginning_and_end_are_kept() -> None:
    question = "What is the notice period? " + "This is the contract's text. " * 100 + "Answer in days, please."
    brief = shortened(question, Recording(), 400)
    assert brief.startswith("What is the notice period? This is")
    assert brief.endswith("Answer in days, please.")
    assert 250 < Letters().count([brief])[0] <= 402


@pytest.mark.parametrize("text", ["x" * 4000, "a " * 2000, "." * 4000, "字" * 4000, " ".join(["word" * 20] * 50)])
def test_whatever_the_text_no_more_is_kept(text: str) -> None:
    brief = shortened(text, Recording(), 300)
    assert 150 < Letters().count([brief])[0] - 2 <= 300
    head, tail = text[: len(brief) // 3], text[-(len(brief) // 3) :]
    assert brief.startswith(head)
    assert brief.endswith(tail.strip())


def test_random_questions_keep_their_ends() -> None:
    rng = random.Random(7)
    for _ in range(200):
        text = "".join(rng.choice("abc    \n.字") for _ in range(rng.randint(0, 900))).strip()
        most = rng.choice([100, 300])
        brief = shortened(text, Recording(), most)
        assert Letters().count([brief])[0] - 2 <= most or brief == text
        assert (brief == text) == (Letters().count([text])[0] - 2 <= most)
        assert (brief[:1], brief[-1:]) == (text[:1], text[-1:])


def test_something_is_kept_however_little_is_allowed() -> None:
    assert shortened("字" * 4000, Recording(), 16) == "字" * 48


async def test_only_questions_are_shortened() -> None:
    inner = Recording()
    embedder = ShortQuestions(inner, 50)
    long = "word " * 100
    await embedder.query("short")
    await embedder.query(long)
    await embedder.passages([long])
    assert inner.asked[0] == "short"
    assert len(inner.asked[1]) < 100
    assert inner.asked[2] == long
    assert (embedder.fingerprint, embedder.size, embedder.tokens) == ("letters-1", 2, inner.tokens)
