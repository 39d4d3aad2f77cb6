"""What kind of file this is, by its content. The name decides only among kinds of text.

A file whose extension contradicts its content is read by its content. Signatures are those of the formats' own
specifications: ISO 32000 (PDF), PNG, JPEG, ECMA-376 part 2 (OOXML), OCF 3.3 (EPUB), [MS-CFB] (OLE), RFC 5322 (mail).
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import Final

from core.errors import BrokenFile, EmptyFile, PasswordProtected, UnsupportedType
from ingestion.archives import open_archive
from ingestion.readers.encoding import find_encoding
from ingestion.readers.limits import MIB, ReadLimits
from ingestion.readers.registry import DOCX, PPTX, SUPPORTED, XLSX

_HEAD = 64 * 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF = re.compile(rb"(?:^|[\r\n\x00-\x08\xef\xbb\xbf])[ \t]*%PDF-\d", re.DOTALL)

_PDF_WITHOUT_HEADER = re.compile(rb"%[\x80-\xff]{4}\s+\d+ \d+ obj\s*<<")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]")

_OOXML: Final = (
    (rb"wordprocessingml\.(?:document|template)\.main\+xml|ms-word\.(?:document|template)\.macroEnabled", DOCX),
    (rb"presentationml\.(?:presentation|slideshow|template)\.main\+xml|ms-powerpoint\.\w+\.macroEnabled\.main", PPTX),
    (rb"spreadsheetml\.(?:sheet|template)\.main\+xml|ms-excel\.(?:sheet|template)\.macroEnabled", XLSX),
)
_REFUSED: Final = (
    (b"{\\rtf", "This is a Rich Text file. Save it as .docx and upload that."),
    (b"%!PS", "This is a PostScript file. Save it as PDF and upload that."),
    (b"GIF8", "GIF images cannot be read. Save the image as PNG or JPEG and upload that."),
    (b"II*\0", "TIFF images cannot be read. Save the scan as PDF, PNG or JPEG and upload that."),
    (b"MM\0*", "TIFF images cannot be read. Save the scan as PDF, PNG or JPEG and upload that."),
    (b"\x1f\x8b", "This is a compressed file. Unpack it and upload what is inside."),
    (b"Rar!", "This is an archive. Unpack it and upload the files inside."),
    (b"7z\xbc\xaf", "This is an archive. Unpack it and upload the files inside."),
)
_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)[\s>]", re.I | re.S
)
_HTML_TAG = re.compile(r"</?(?:html|body|head|div|p|h[1-6]|table|ul|ol|span|article)\b[^>]*>", re.I)
_HEADER_LINE = re.compile(r"^([A-Za-z][A-Za-z0-9-]*):[ \t]?", re.M)
_MAIL_ONLY = {"message-id", "received", "mime-version", "return-path", "delivered-to", "dkim-signature"}
_MAIL_ANY = _MAIL_ONLY | {"from", "to", "cc", "date", "subject", "reply-to", "content-type", "sender"}
_MARKDOWN = re.compile(r"^(?:#{1,6} \S|```|\s*[-*] \[[ xX]\] |\|.*\|\s*$|.*\]\((?:https?:|/|#|\.)[^)]*\))", re.M)
_NAMED: Final = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".log": "text/plain",
}


def detect(path: Path, filename: str) -> str:
    """The file's media type, always one that `readers.registry.READERS` names.

    Raises `EmptyFile`; `UnsupportedType`, which says what to do instead; `PasswordProtected` for encrypted Office
    files; `BrokenFile` for an archive that cannot be opened.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise EmptyFile("The file is empty.")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _inside_zip(path)
    if head.startswith(_OLE):
        raise _ole(path)
    if _PDF.search(head[:1024]) or _PDF_WITHOUT_HEADER.match(head):
        return "application/pdf"
    for signature, advice in _REFUSED:
        if head.startswith(signature):
            raise UnsupportedType(advice)
    text = head.decode(find_encoding(head, whole=len(head) < _HEAD), errors="replace")
    if _is_binary(text):
        raise UnsupportedType(f"This kind of file cannot be read. Supported are {SUPPORTED}.")
    return _kind_of_text(text, filename)


def _inside_zip(path: Path) -> str:
    with open_archive(path, ReadLimits()) as archive:
        names = set(archive.names())
        if "mimetype" in names:
            kind = archive.head("mimetype", 200).decode("latin-1").strip()
            if kind == "application/epub+zip":
                return kind
            if kind.startswith("application/vnd.oasis.opendocument"):
                raise UnsupportedType("OpenDocument files cannot be read. Save it as .docx, .xlsx or .pptx instead.")
        if "[Content_Types].xml" in names:
            types = archive.head("[Content_Types].xml", MIB)
            for pattern, media_type in _OOXML:
                if re.search(pattern, types):
                    return media_type
    raise UnsupportedType("This is an archive. Unpack it and upload the files inside.")


def _ole(path: Path) -> Exception:
    """The error for a compound file: an encrypted Office document, or one of the formats of before 2007."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find("EncryptedPackage".encode("utf-16-le")) >= 0:
            return PasswordProtected("The file is protected by a password. Upload it without the protection.")
        for name, kind, instead in (
            ("WordDocument", "an old Word file (.doc)", ".docx"),
            ("PowerPoint Document", "an old PowerPoint file (.ppt)", ".pptx"),
            ("Workbook", "an old Excel file (.xls)", ".xlsx"),
            ("__substg1.0_", "an Outlook message (.msg)", ".eml"),
        ):
            if content.find(name.encode("utf-16-le")) >= 0:
                return UnsupportedType(f"This is {kind}. Save it as {instead} and upload that.")
    return BrokenFile("This is an old Office file and it is damaged. Save it as .docx, .xlsx or .pptx and upload that.")


def _is_binary(text: str) -> bool:
    """Whether more than one character in two hundred is one that no text has."""
    return len(_UNPRINTABLE.findall(text)) * 200 > len(text)


def _kind_of_text(text: str, filename: str) -> str:
    suffix = Path(filename.lower()).suffix
    text = text.lstrip("\ufeff")
    if _HTML_START.match(text) or (suffix in {".html", ".htm", ".xhtml"} and _HTML_TAG.search(text)):
        return "text/html"
    if _is_mail(text, suffix):
        return "message/rfc822"
    if suffix in _NAMED:
        return _NAMED[suffix]
    if _is_csv(text):
        return "text/csv"
    return "text/markdown" if len(_MARKDOWN.findall(text)) >= 2 else "text/plain"


def _is_mail(text: str, suffix: str) -> bool:
    """Whether the text begins with a block of header fields as RFC 5322 has them."""
    block = re.split(r"\r?\n\r?\n", text.lstrip(), maxsplit=1)[0]
    lines = block.splitlines()
    if lines and lines[0].startswith("From "):
        lines = lines[1:]
    if not lines or not all(line[:1] in " \t" or _HEADER_LINE.match(line) for line in lines):
        return False
    fields = {match[1].lower() for line in lines if (match := _HEADER_LINE.match(line))}
    known = len(fields & _MAIL_ANY)
    return known >= 2 and (bool(fields & _MAIL_ONLY) or suffix == ".eml" or {"from", "date", "subject"} <= fields)


def _is_csv(text: str) -> bool:
    """Whether the first lines hold the same number, two or more, of one separator."""
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    if len(lines) < 3:
        return False
    lines = lines[:-1] if len(lines) > 3 else lines  # the last may be cut off
    return any(len(counts := {line.count(mark) for line in lines}) == 1 and counts.pop() >= 2 for mark in ",;\t")
