"""E-books to blocks."""

from __future__ import annotations

import pytest

from core.errors import BrokenFile, FootnoteError, PasswordProtected

PAGE = '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{}</body></html>'


def test_chapters_in_the_order_of_the_spine(read, make_epub):
    book = make_epub(
        {
            "z.xhtml": PAGE.format('<h1>One</h1><p>First&nbsp;text<a id="q"/> goes on</p><aside>A note</aside>'),
            "a.xhtml": PAGE.format("<h1>Two</h1><ol><li>point</li></ol>"),
        }
    )
    reading = read("epub", book)
    assert reading.title == "The Book"
    assert reading.shape == [
        ("h1", "One"),
        ("paragraph", "First text goes on"),
        ("paragraph", "A note"),
        ("h1", "Two"),
        ("list_item", "1. point"),
    ]


def test_external_entities_are_not_resolved(read, make_epub, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("TOP-SECRET")
    dtd = f'<!DOCTYPE html [<!ENTITY x SYSTEM "file://{secret}">]>'
    assert read("epub", make_epub({"a.xhtml": f"{dtd}<html><body><p>a &x; b</p></body></html>"})).texts == ["a &x; b"]
    attack = f"{dtd}<package><metadata><title>&x;</title></metadata></package>"
    with pytest.raises(BrokenFile):
        read("epub", make_epub({"a.xhtml": "<p>x</p>"}, **{"OEBPS/book.opf": attack}))


def test_copy_protection_is_said_and_scrambled_fonts_are_not(read, make_epub):
    def encryption(algorithm):
        return (
            '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData '
            f'xmlns="http://www.w3.org/2001/04/xmlenc#"><EncryptionMethod Algorithm="{algorithm}"/>'
            "</EncryptedData></encryption>"
        )

    chapter = {"a.xhtml": "<p>text</p>"}
    with pytest.raises(PasswordProtected, match="copy protection"):
        read(
            "epub",
            make_epub(
                chapter, **{"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes256-cbc")}
            ),
        )
    fonts = make_epub(chapter, **{"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")})
    assert read("epub", fonts).texts == ["text"]


def test_missing_chapters_are_told(read, make_epub, rezip):
    book = make_epub({"a.xhtml": "<p>text</p>"})
    package = (
        '<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/><item id="b" '
        'href="../../etc/passwd" media-type="text/html"/></manifest><spine><itemref idref="a"/><itemref idref="b"/>'
        '<itemref idref="c"/></spine></package>'
    )
    reading = read("epub", rezip(book, {"OEBPS/book.opf": package}))
    assert reading.texts == ["text"]
    assert reading.notices == ["1 of 2 chapters are missing from the file."]


@pytest.mark.parametrize(
    "members",
    [
        {"META-INF/container.xml": "<container/>"},
        {"META-INF/container.xml": "<broken"},
        {"META-INF/container.xml": '<c><rootfile full-path="nowhere.opf"/></c>'},
        {"OEBPS/book.opf": "<broken"},
    ],
)
def test_broken_books_end_in_one_error(read, make_epub, rezip, members):
    with pytest.raises(FootnoteError):
        read("epub", rezip(make_epub({"a.xhtml": "<p>text</p>"}), members))
