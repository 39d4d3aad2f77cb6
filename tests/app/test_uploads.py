"""What may stand in the upload form's fields."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.uploads import Form, filename, gathered, groups, metadata
from core.errors import InvalidInput


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("leave.txt", "leave.txt"),
        (" Handbuch für Übersicht (2).pdf ", "Handbuch für Übersicht (2).pdf"),
        ("u\u0308.txt", "ü.txt"),
        ("..hidden..txt", "..hidden..txt"),
        ("休暇.pdf", "休暇.pdf"),
        ("ä" * 127, "ä" * 127),
    ],
)
def test_names_are_kept_composed(given: str, kept: str) -> None:
    assert filename(given) == kept


@pytest.mark.parametrize(
    "name", [None, "", "  ", "..", ".", "a/b", "/a", "..\\a", "a\nb", "a\x00", "a\u200fb", "ä" * 128]
)
def test_names_that_point_elsewhere_are_refused(name: str | None) -> None:
    with pytest.raises(InvalidInput):
        filename(name)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["hr"], ("hr",)),
        (["hr, sales", "hr"], ("hr", "sales")),
        (['["hr", "a, b"]'], ("hr", "a, b")),
        ([""], None),
        (["[]"], None),
        ([" , "], None),
    ],
)
def test_groups(values: list[str], found: tuple[str, ...] | None) -> None:
    assert groups(values) == found


def test_metadata_keeps_types() -> None:
    assert metadata('{"a": "x", "b": 1, "c": 1.5, "d": true, "": 0}'.replace(', "": 0', "")) == {
        "a": "x",
        "b": 1,
        "c": 1.5,
        "d": True,
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "\\ud800"}',
        '{"a": "\\u001b[2J"}',
        '{"a": "x\\u0000"}',
        '{"": 1}',
        '{"a": 1e999}',
        '{"a": 99999999999999999999}',
        '{"a\\u0000": 1}',
        "null",
        "1",
    ],
)
def test_metadata_that_could_not_be_kept(text: str) -> None:
    with pytest.raises(InvalidInput):
        metadata(text)


def test_absent_and_blank_are_told_apart_where_it_matters() -> None:
    form = Form()
    assert (form.collection, form.groups, form.metadata, form.one("title")) == ("default", None, None, None)
    form.add("groups", "")
    form.add("title", "  ")
    assert (form.groups, form.one("title")) == (None, None)


async def test_pieces_are_gathered() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(10):
            yield bytes([number]) * 3

    found = [piece async for piece in gathered(pieces(), 7)]
    assert b"".join(found) == b"".join(bytes([n]) * 3 for n in range(10))
    assert [len(piece) for piece in found] == [9, 9, 9, 3]
