"""Types by content; the name decides among kinds of text only."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from core.errors import BrokenFile, EmptyFile, PasswordProtected, UnsupportedType
from ingestion.detect import detect
from ingestion.readers.registry import DOCX, PPTX, READERS, XLSX, reader_for

MAIL = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: Hello\r\nMessage-ID: <1@x>\r\n\r\nText\r\n"
TYPES = (
    '<Types><Override PartName="/x" ContentType="application/vnd.openxmlformats-officedocument.{}.main+xml"/></Types>'
)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "blob"
    path.write_bytes(content)
    return path


def zipped(folder: Path, members: dict[str, str]) -> Path:
    path = folder / "blob"
    with zipfile.ZipFile(path, "w") as made:
        for name, text in members.items():
            made.writestr(name, text)
    return path


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\n", "a.pdf", "application/pdf"),
        (b"%PDF-1.7\n%\xe2\xe3\n", "picture.png", "application/pdf"),
        (b"\xef\xbb\xbf\n%PDF-1.4\n", "a.txt", "application/pdf"),
        (b"%\xe2\xe3\xcf\xd3\n1 0 obj \n<<\n/Type /Catalog", "headerless.pdf", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n....", "a.txt", "image/png"),
        (b"\xff\xd8\xff\xe0....", "a.pdf", "image/jpeg"),
        (b"<!DOCTYPE html><html><body>Hi", "a.txt", "text/html"),
        (b"\n<!-- made by hand -->\n<html lang='en'>", "page", "text/html"),
        (b"<p>A fragment</p>", "a.html", "text/html"),
        (b"<p>A fragment</p>", "a.txt", "text/plain"),
        (MAIL, "letter.txt", "message/rfc822"),
        (b"From: me\nTo: you\n\nno mail", "letter.eml", "message/rfc822"),
        (b"From here to there: a story\n\nIt was late.", "a.txt", "text/plain"),
        (b"How to find %PDF-1.7 in a file\n", "a.txt", "text/plain"),
        (b"# Title\n\nText\n", "a.md", "text/markdown"),
        (b"# Title\n\n## Part\n\nText\n", "README", "text/markdown"),
        (b"# Title\n\n## Part\n\nText\n", "a.txt", "text/plain"),
        (b"a,b,c\n1,2,3\n4,5,6\n7,8,9\n", "export", "text/csv"),
        (b"just one line, with commas, here\n", "a.csv", "text/csv"),
        ("Grüße, a b\n".encode("latin-1"), "a.txt", "text/plain"),
        ("Ünïcode".encode("utf-16"), "a.txt", "text/plain"),
        ("漢字と仮名。".encode(), "notes", "text/plain"),
    ],
)
def test_content_decides(tmp_path: Path, content: bytes, name: str, media_type: str) -> None:
    assert detect(write(tmp_path, content), name) == media_type


@pytest.mark.parametrize(
    ("members", "media_type"),
    [
        ({"[Content_Types].xml": TYPES.format("wordprocessingml.document")}, DOCX),
        ({"[Content_Types].xml": TYPES.format("presentationml.presentation")}, PPTX),
        ({"[Content_Types].xml": TYPES.format("spreadsheetml.sheet")}, XLSX),
        ({"mimetype": "application/epub+zip", "content.opf": ""}, "application/epub+zip"),
    ],
)
def test_archives_are_told_apart(tmp_path: Path, members: dict[str, str], media_type: str) -> None:
    assert detect(zipped(tmp_path, members), "whatever.bin") == media_type


def ole(name: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512) + name.encode("utf-16-le") + bytes(512)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"", EmptyFile, "empty"),
        (ole("WordDocument"), UnsupportedType, r"\.docx"),
        (ole("PowerPoint Document"), UnsupportedType, r"\.pptx"),
        (ole("Workbook"), UnsupportedType, r"\.xlsx"),
        (ole("__substg1.0_001"), UnsupportedType, r"\.eml"),
        (ole("EncryptedPackage"), PasswordProtected, "password"),
        (ole("nothing known"), BrokenFile, "damaged"),
        (b"{\\rtf1 hello}", UnsupportedType, r"\.docx"),
        (b"II*\0 a scan", UnsupportedType, "PNG"),
        (bytes(range(256)) * 20, UnsupportedType, "Supported are PDF"),
        (b"\x7fELF" + bytes(300), UnsupportedType, "Supported are PDF"),
        (b"PK\x03\x04 broken", BrokenFile, "damaged"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(tmp_path: Path, content: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        detect(write(tmp_path, content), "file.docx")


@pytest.mark.parametrize(
    "members", [{"a.txt": "hello"}, {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": ""}]
)
def test_other_archives_are_refused(tmp_path: Path, members: dict[str, str]) -> None:
    with pytest.raises(UnsupportedType):
        detect(zipped(tmp_path, members), "a.docx")


def test_every_registered_reader_can_be_imported() -> None:
    for media_type in READERS:
        assert callable(reader_for(media_type))


def test_an_unknown_media_type() -> None:
    with pytest.raises(UnsupportedType):
        reader_for("video/mp4")
