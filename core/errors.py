"""The error tree. Adapters translate their vendor's exceptions into it once, at the seam.

FootnoteError
├── InvalidInput               the request is wrong; the message says how to put it right
│   ├── EmptyFile
│   ├── FileTooLarge
│   ├── UnsupportedType
│   ├── InvalidCursor
│   ├── InvalidFilter
│   └── Blocked                a rail does not let it through
├── Unauthenticated            no valid credentials
├── Forbidden                  valid credentials that do not suffice
├── NotFound
├── Conflict                   the state does not allow it
├── DocumentUnreadable         a stored file that cannot be turned into chunks; the reason a job failed
│   ├── PasswordProtected
│   ├── BrokenFile
│   ├── NoText
│   └── ParserLimit            parsing ran over its memory, time or expansion limit
├── Unavailable                a part does not answer now; trying again may help
│   ├── IndexUnavailable
│   ├── EmbedderUnavailable
│   ├── GeneratorUnavailable
│   │   ├── GeneratorBusy      it has as much in hand as it may; asking again later will help
│   │   └── GeneratorRefused   it is well, and does not take this very request; asking again will not help
│   │       └── GeneratorMissing   it does not serve the model or adapter that was asked for
│   ├── StoreUnavailable
│   │   └── DiskFull
│   └── DeadlineExceeded
├── GenerationInvalid          a generator's output broke its schema
└── ConfigurationError         settings that cannot work; the message names the remedy
    └── IndexMismatch          the stored index was built by another embedder or pipeline
"""

from __future__ import annotations

from typing import ClassVar


class FootnoteError(Exception):
    """Base of every error Footnote raises on purpose. `str(error)` is a sentence for the person who sees it."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(FootnoteError):
    code = "invalid_input"


class EmptyFile(InvalidInput):
    code = "empty_file"


class FileTooLarge(InvalidInput):
    code = "file_too_large"


class UnsupportedType(InvalidInput):
    code = "unsupported_type"


class InvalidCursor(InvalidInput):
    code = "invalid_cursor"


class InvalidFilter(InvalidInput):
    code = "invalid_filter"


class Blocked(InvalidInput):
    code = "blocked"


class Unauthenticated(FootnoteError):
    code = "unauthenticated"


class Forbidden(FootnoteError):
    code = "forbidden"


class NotFound(FootnoteError):
    code = "not_found"


class Conflict(FootnoteError):
    code = "conflict"


class DocumentUnreadable(FootnoteError):
    code = "document_unreadable"


class PasswordProtected(DocumentUnreadable):
    code = "password_protected"


class BrokenFile(DocumentUnreadable):
    code = "broken_file"


class NoText(DocumentUnreadable):
    code = "no_text"


class ParserLimit(DocumentUnreadable):
    code = "parser_limit"


class Unavailable(FootnoteError):
    code = "unavailable"


class IndexUnavailable(Unavailable):
    code = "index_unavailable"


class EmbedderUnavailable(Unavailable):
    code = "embedder_unavailable"


class GeneratorUnavailable(Unavailable):
    code = "generator_unavailable"


class GeneratorBusy(GeneratorUnavailable):
    code = "generator_busy"


class GeneratorRefused(GeneratorUnavailable):
    code = "generator_refused"


class GeneratorMissing(GeneratorRefused):
    code = "generator_missing"


class StoreUnavailable(Unavailable):
    code = "store_unavailable"


class DiskFull(StoreUnavailable):
    code = "disk_full"


class DeadlineExceeded(Unavailable):
    code = "deadline_exceeded"


class GenerationInvalid(FootnoteError):
    code = "generation_invalid"


class ConfigurationError(FootnoteError):
    code = "configuration"


class IndexMismatch(ConfigurationError):
    code = "index_mismatch"
