"""The form parser: however the bytes are cut, the parts are the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.multipart import Multipart
from core.errors import InvalidInput

KIND = "multipart/form-data; boundary=XX"
FORM = (
    '--XX\r\nContent-Disposition: form-data; name="title"\r\n\r\nÜber\r\n'
    '--XX\r\nContent-Disposition: form-data; name="file"; filename="näch.txt"\r\nContent-Type: text/plain\r\n\r\n'
    "one\r\n--X not a boundary\r\n--XY\r\ntwo\r\n"
    "--XX\r\ncontent-disposition: form-data; name=last\r\n\r\n\r\n--XX--\r\n"
).encode()
PARTS = [("title", None, "Über"), ("file", "näch.txt", "one\r\n--X not a boundary\r\n--XY\r\ntwo"), ("last", None, "")]


async def _pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def _all(data: bytes, size: int = 1 << 16, kind: str = KIND) -> list[tuple[str, str | None, str]]:
    found = []
    async for part in Multipart(kind, _pieces(data, size)).parts():
        text = b"".join([piece async for piece in part.data]).decode()
        found.append((part.name, part.filename, text))
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1 << 16])
async def test_any_cut_gives_the_same_parts(size: int) -> None:
    assert await _all(FORM, size) == PARTS


async def test_what_is_not_read_of_a_part_is_skipped() -> None:
    assert [part.name async for part in Multipart(KIND, _pieces(FORM, 5)).parts()] == ["title", "file", "last"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", KIND),
        (b"no boundary at all", KIND),
        (FORM[:120], KIND),
        (FORM.removesuffix(b"--XX--\r\n"), KIND),
        (b"--XX\r\nno header\r\n\r\nx\r\n--XX--", KIND),
        (b"--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--", KIND),
        (b"--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--XX--", KIND),
        (b'--XX\r\nX: "' + b"x" * 20_000 + b'"\r\n\r\nx\r\n--XX--', KIND),
        (b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n" * 201 + b"--XX--", KIND),
        (FORM, "multipart/form-data"),
        (FORM, "multipart/mixed; boundary=XX"),
        (FORM, "multipart/form-data; boundary=" + "X" * 300),
        (FORM, ""),
    ],
)
async def test_what_is_no_form_is_said_so(data: bytes, kind: str) -> None:
    with pytest.raises(InvalidInput):
        await _all(data, kind=kind)
