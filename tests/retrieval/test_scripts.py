"""A question goes to the embedder only when the embedder can read it."""

from __future__ import annotations

import pytest

from retrieval.scripts import reader_of
from retrieval.settings import EmbedderSettings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How many days of leave?", True),
        ("Wie viele Tage Urlaub für Müller?", True),
        ("ما هي عاصمة بولندا؟", False),
        ("谁是沃尔玛的创始人？", False),
        ("Was ist der Preis von 東京?", True),
        ("2024?", True),
        ("", True),
    ],
)
def test_latin_is_told_from_other_scripts(text: str, expected: bool) -> None:
    assert reader_of(("Latin",))(text) is expected
    assert reader_of(())(text)


def test_the_packaged_model_reads_latin_and_others_everything() -> None:
    assert EmbedderSettings().read_scripts == ("Latin",)
    assert EmbedderSettings(model="BAAI/bge-m3").read_scripts == ()
    assert EmbedderSettings(scripts=("Cyrillic",)).read_scripts == ("Cyrillic",)
