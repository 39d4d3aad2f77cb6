"""An e-mail with an attachment, and an e-book."""

from __future__ import annotations

import io
import zipfile
from email import policy
from email.message import EmailMessage
from html import escape
from pathlib import Path

from office import write_archive
from text import CONTENT, Part, read


def write_eml(name: str, target: Path, attachment: str) -> None:
    """The message of `content/NAME.txt`, whose first lines are its headers, with a CSV file attached."""
    head, _, body = (CONTENT / f"{name}.txt").read_text("utf-8").partition("\n\n")
    message = EmailMessage(policy=policy.SMTP)
    for line in head.split("\n"):
        key, _, value = line.partition(": ")
        message[key] = value
    message["Message-ID"] = "<20260922-framework-2027@baltic-sensor-elements.example>"
    message.set_content(body, cte="quoted-printable")
    data = (CONTENT / f"{attachment}.csv").read_bytes()
    message.add_attachment(data, maintype="text", subtype="csv", filename="price-table-2027.csv")
    message.set_boundary("=_framework_agreement_2027_=")
    target.write_bytes(message.as_bytes())


def write_epub(name: str, target: Path) -> None:
    """An e-book with one file for each second-level heading."""
    parts = read(name)
    title, chapters = parts[0].text, _chapters(parts[1:])
    files = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
    items, spine, entries = "", "", ""
    for number, chapter in enumerate(chapters, start=1):
        files[f"OEBPS/chapter{number:02}.xhtml"] = _xhtml(chapter[0].text, "".join(map(_html, _lists(chapter))))
        items += f'<item id="c{number}" href="chapter{number:02}.xhtml" media-type="application/xhtml+xml"/>'
        spine += f'<itemref idref="c{number}"/>'
        entries += f'<li><a href="chapter{number:02}.xhtml">{escape(chapter[0].text)}</a></li>'
    files["OEBPS/nav.xhtml"] = _xhtml("Contents", f'<nav epub:type="toc"><ol>{entries}</ol></nav>')
    files["OEBPS/book.opf"] = PACKAGE.format(title=escape(title), items=items, spine=spine)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    write_archive(buffer, target)


def _chapters(parts: list[Part]) -> list[list[Part]]:
    chapters: list[list[Part]] = []
    for part in parts:
        if part.kind == "heading" and part.level == 2:
            chapters.append([])
        chapters[-1].append(part)
    return chapters


def _lists(parts: list[Part]) -> list[Part | list[Part]]:
    grouped: list[Part | list[Part]] = []
    for part in parts:
        if part.kind not in ("bullet", "numbered"):
            grouped.append(part)
        elif grouped and isinstance(grouped[-1], list):
            grouped[-1].append(part)
        else:
            grouped.append([part])
    return grouped


def _html(part: Part | list[Part]) -> str:
    if isinstance(part, list):
        tag = "ol" if part[0].kind == "numbered" else "ul"
        return f"<{tag}>" + "".join(f"<li>{escape(item.text)}</li>" for item in part) + f"</{tag}>\n"
    if part.kind == "heading":
        return f"<h{part.level - 1}>{escape(part.text)}</h{part.level - 1}>\n"
    if part.kind == "table":
        rows = [
            "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>\n"
            for tag, row in zip(["th"] + ["td"] * len(part.rows), part.rows, strict=False)
        ]
        return f"<table>\n{''.join(rows)}</table>\n"
    return f"<p>{escape(part.text)}</p>\n"


def _xhtml(title: str, body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops" xml:lang="en">\n<head><title>{escape(title)}</title></head>\n'
        f"<body>\n{body}</body>\n</html>\n"
    )


CONTAINER = (
    '<?xml version="1.0"?>\n<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles>'
    "</container>\n"
)
PACKAGE = (
    '<?xml version="1.0" encoding="utf-8"?>\n<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
    'unique-identifier="id"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">nl-fm-a400'
    "</dc:identifier><dc:title>{title}</dc:title><dc:language>en</dc:language><dc:creator>Nordlicht Instruments GmbH"
    '</dc:creator><meta property="dcterms:modified">2026-01-01T09:00:00Z</meta></metadata><manifest><item id="nav" '
    'href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>{items}</manifest><spine>{spine}</spine>'
    "</package>\n"
)
