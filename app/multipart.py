"""Reads a multipart/form-data body part by part as it arrives (RFC 7578), so that no file is ever whole in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from core.errors import InvalidInput

_MAX_HEADERS = 16 * 1024
_MAX_PARTS = 200


@dataclass(frozen=True, kw_only=True)
class Part:
    """A field or file of a form: its name, the file's name if it is one, and its bytes as they arrive."""

    name: str
    filename: str | None
    data: AsyncIterator[bytes]


@dataclass(kw_only=True)
class _Header:
    name: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)


_Event = tuple[str, bytes]


class Multipart:
    """The parts of one body, in order. A part's data must be read before the next part; what is left of it is skipped.

    Raises `InvalidInput` for a body that is no well-formed form.
    """

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary or len(boundary) > 256:
            raise InvalidInput("Send the file as multipart/form-data, in a field named `file`.")
        self._body = body
        self._events: deque[_Event] = deque()
        self._header = _Header()
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._part_headers: deque[dict[bytes, bytes]] = deque()
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._collect(self._header.name, data[start:end]),
                "on_header_value": lambda data, start, end: self._collect(self._header.value, data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": lambda data, start, end: self._events.append(("data", data[start:end])),
                "on_part_end": lambda: self._events.append(("end", b"")),
                "on_end": self._end,
            },
        )

    async def parts(self) -> AsyncIterator[Part]:
        """Each part as its headers are complete."""
        count = 0
        while (event := await self._next()) is not None:
            if event[0] != "part":
                continue
            count += 1
            if count > _MAX_PARTS:
                raise InvalidInput(f"A form has at most {_MAX_PARTS} fields.")
            yield self._part(self._part_headers.popleft())

    def _part(self, headers: dict[bytes, bytes]) -> Part:
        disposition, options = parse_options_header(headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if disposition != b"form-data" or name is None:
            raise InvalidInput("A part of the form has no name.")
        filename = options.get(b"filename")
        return Part(name=_decode(name), filename=None if filename is None else _decode(filename), data=self._data())

    async def _data(self) -> AsyncIterator[bytes]:
        while (event := await self._next()) is not None and event[0] == "data":
            yield event[1]

    async def _next(self) -> _Event | None:
        """The next event, None at the end of a complete form."""
        while not self._events:
            if self._ended:
                return None
            piece = await anext(self._body, None)
            if piece is None:
                raise InvalidInput("The form ends in the middle; the upload was cut off.")
            try:
                self._parser.write(piece)
            except FormParserError:
                raise InvalidInput("The body is no well-formed multipart/form-data.") from None
        return self._events.popleft()

    def _begin(self) -> None:
        self._headers = {}
        self._header_bytes = 0

    def _collect(self, target: bytearray, piece: bytes) -> None:
        self._header_bytes += len(piece)
        if self._header_bytes > _MAX_HEADERS:
            raise InvalidInput("The headers of a form field are too long.")
        target += piece

    def _header_end(self) -> None:
        self._headers[bytes(self._header.name).lower()] = bytes(self._header.value)
        self._header = _Header()

    def _headers_finished(self) -> None:
        self._part_headers.append(self._headers)
        self._events.append(("part", b""))

    def _end(self) -> None:
        self._ended = True


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
