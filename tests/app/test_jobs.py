"""What jobs conclude from what they computed."""

from __future__ import annotations

from app.jobs import main_language
from core.types import Chunk


def test_the_language_of_most_of_the_text_is_the_document_s() -> None:
    chunks = [
        Chunk(ordinal=0, text="Short.", language="en"),
        Chunk(ordinal=1, text="Ja.", language="de"),
        Chunk(ordinal=2, text="Ein längerer Absatz auf Deutsch.", language="de"),
        Chunk(ordinal=3, text="Brief.", language="en"),
    ]
    assert main_language(chunks) == "de"
    assert main_language([]) is None
