"""E-mail (RFC 5322 with MIME) to blocks: subject, who and when, the text, then each attachment under its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from core.errors import DocumentUnreadable, PasswordProtected
from core.types import Block
from ingestion.readers.base import Item, Meta, Notice, ReadContext
from ingestion.readers.encoding import decode, html_charset
from ingestion.readers.html import blocks_of
from ingestion.readers.seam import parsing
from ingestion.readers.text import text_blocks
from ingestion.readers.words import one_line

_MOST_PARTS: Final = 2_000
_PEOPLE: Final = ("From", "To", "Cc")
_MOST_ADDRESSES: Final = 1_000
_SURELY_WHOLE: Final = 4_000
"""A plain form of this many characters is taken for the whole text without looking at the HTML form."""
_SIGNATURES: Final = frozenset(
    {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
)
_TEXTS: Final = frozenset({"text/plain", "text/html", "application/xhtml+xml"})
_QUOTED: Final = re.compile(r"(?:>[ ]?)+")


@dataclass(kw_only=True, slots=True)
class _Parts:
    """A message taken apart: what is read as its text, and what hangs on it."""

    texts: list[EmailMessage] = field(default_factory=list)
    attachments: list[EmailMessage] = field(default_factory=list)
    cut: bool = False


def read(path: Path, context: ReadContext) -> Iterator[Item]:
    """Reads an .eml file. Its title is the subject. Pictures inside the text are left out, attached ones are read."""
    with parsing("e-mail"):
        with path.open("rb") as file:
            message: EmailMessage = BytesParser(policy=default).parse(file)
        if message.get_content_type() == "multipart/encrypted" or _is_sealed(message):
            raise PasswordProtected("The e-mail is encrypted. Save it decrypted and upload that.")
        subject = _header(message, "Subject")
        if subject:
            yield Meta(title=subject)
            yield Block(kind="heading", text=subject, level=1)
        if people := _envelope(message):
            yield Block(kind="paragraph", text=people)
        parts = _take_apart(message)
        for part in parts.texts:
            yield from _text(part)
        for number, part in enumerate(parts.attachments, start=1):
            yield from _attachment(part, number, context)
        if parts.cut:
            yield Notice(text=f"The e-mail has more than {_MOST_PARTS} parts; the rest was left out.")


def _is_sealed(message: EmailMessage) -> bool:
    kind = str(message.get_param("smime-type") or "").lower()
    sealed = kind in ("enveloped-data", "authenveloped-data")
    return message.get_content_type() in ("application/pkcs7-mime", "application/x-pkcs7-mime") and sealed


def _header(message: EmailMessage, name: str) -> str:
    """A header in plain words; the raw value where it is too malformed for the parser."""
    try:
        value = str(message.get(name) or "")
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        value = str(raw)
    return one_line(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _envelope(message: EmailMessage) -> str:
    lines = [f"{name}: {value}" for name in _PEOPLE if (value := _header(message, name)[: 80 * _MOST_ADDRESSES])]
    if date := _header(message, "Date"):
        with suppress(TypeError, ValueError, IndexError, OverflowError):  # a malformed date is shown as it stands
            date = parsedate_to_datetime(date).isoformat(" ", "minutes")
        lines.append(f"Date: {date}")
    return "\n".join(lines)


def _take_apart(message: EmailMessage) -> _Parts:
    """The message's leaves in order, by a stack of our own: parts may lie a thousand deep."""
    found = _Parts()
    stack: list[EmailMessage] = [message]
    for _ in range(_MOST_PARTS):
        if not stack:
            return found
        part = stack.pop()
        kind = part.get_content_type()
        if part is not message and (_is_attached(part) or kind == "message/rfc822"):
            if kind not in _SIGNATURES:
                found.attachments.append(part)
        elif kind == "multipart/alternative":
            stack.extend(reversed(_best(_children(part))))
        elif part.is_multipart():
            stack.extend(reversed(_children(part)))
        elif kind in _TEXTS or kind.startswith("multipart/"):  # a multipart without parts is text behind a wrong header
            found.texts.append(part)
        elif not kind.startswith("image/") and kind not in _SIGNATURES and kind != "text/calendar":
            found.attachments.append(part)
    found.cut = True
    return found


def _children(part: EmailMessage) -> list[EmailMessage]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, EmailMessage)] if isinstance(payload, list) else []


def _is_attached(part: EmailMessage) -> bool:
    """Whether the part is a file of its own. A picture shown inside the text (by its Content-ID) is not."""
    disposition = part.get_content_disposition()
    if part.get_content_maintype() == "image" and disposition != "attachment":
        return False
    return disposition == "attachment" or bool(_filename(part))


def _best(alternatives: list[EmailMessage]) -> list[EmailMessage]:
    """Of several forms of one text the plain one, unless it holds little of what the HTML form holds."""
    plain = next((part for part in alternatives if part.get_content_type() == "text/plain"), None)
    rich = [part for part in alternatives if part is not plain and part.get_content_type() != "text/calendar"]
    if plain is None or not rich:
        return rich[-1:] or alternatives[:1]
    html = rich[-1]
    if html.get_content_type() == "text/html":
        if len(_decoded(plain)) > _SURELY_WHOLE:
            return [plain]
        written = sum(len(block.text) for block in _html_blocks(html) if isinstance(block, Block))
        return [html] if len(_decoded(plain).strip()) * 4 < written else [plain]
    # HTML with its pictures and perhaps attachments; those must not be lost with the form
    hanging = [part for part in _leaves(html) if _is_attached(part)]
    return [plain, *hanging] if _decoded(plain).strip() else [html]


def _leaves(part: EmailMessage) -> list[EmailMessage]:
    leaves: list[EmailMessage] = []
    stack = [part]
    while stack and len(leaves) < _MOST_PARTS:
        part = stack.pop()
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            stack.extend(reversed(_children(part)))
        else:
            leaves.append(part)
    return leaves


def _payload(part: EmailMessage) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _decoded(part: EmailMessage) -> str:
    return decode(_payload(part), part.get_content_charset())


def _html_blocks(part: EmailMessage) -> Iterator[Item]:
    data = _payload(part)
    for item in blocks_of(decode(data, part.get_content_charset() or html_charset(data))):
        if not isinstance(item, Meta):
            yield item


def _text(part: EmailMessage) -> Iterator[Item]:
    if part.get_content_type() in ("text/html", "application/xhtml+xml"):
        yield from _html_blocks(part)
    else:
        for depth, lines in _by_quote(_decoded(part)):
            for block in text_blocks(lines):
                quoted = "> " * depth
                text = quoted + block.text.replace("\n", "\n" + quoted)
                kind = "paragraph" if block.kind == "heading" else block.kind  # people shout in e-mails
                yield Block(kind=kind, text=text)


def _by_quote(text: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines quoted equally deep, their marks taken off."""
    run: list[str] = []
    current = 0
    for line in text.splitlines():
        mark = _QUOTED.match(line)
        depth = min(mark[0].count(">"), 8) if mark else 0
        if depth != current and run:
            yield current, run
            run = []
        current = depth
        run.append(line[mark.end() :] if mark else line)
    if run:
        yield current, run


def _attachment(part: EmailMessage, number: int, context: ReadContext) -> Iterator[Item]:
    if part.get_content_type() == "message/rfc822":
        inner = next(iter(_children(part)), None)
        if inner is None:
            return
        name = f"{_header(inner, 'Subject') or 'message'}.eml"
        try:
            with parsing("attached e-mail"):
                data = inner.as_bytes(policy=default.clone(refold_source="none"))
        except DocumentUnreadable as error:
            yield Notice(text=f"“{name}” was left out: {error.message}")
            return
    else:
        name = _filename(part) or f"attachment {number}"
        data = _payload(part)
    if not data:
        return
    heading: Block | None = Block(kind="heading", text=f"Attachment: {name}", level=1)
    for item in context.nested(data, name):
        if heading is not None and isinstance(item, Block):
            yield heading
            heading = None
        yield item


def _filename(part: EmailMessage) -> str:
    try:
        name = part.get_filename() or ""
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
        name = ""
    return one_line(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))[:200]
