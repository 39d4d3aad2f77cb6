"""The seam between the readers and other people's parsers: whatever those raise leaves as one sentence for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import BrokenFile, FootnoteError, ParserLimit


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """Turns whatever goes wrong inside into `BrokenFile` or `ParserLimit`; `what` names the file: "Word document".

    Parsers of hostile files raise nearly every exception there is (KeyError, AttributeError, struct.error, …), so all
    of them are caught here and nowhere else. `MemoryError` passes: the child that reads knows what to say of it.
    """
    try:
        yield
    except (FootnoteError, MemoryError):
        raise
    except RecursionError as error:
        raise ParserLimit(f"The {what} is nested too deeply to be read. Simplify it and upload it again.") from error
    except Exception as error:
        raise BrokenFile(
            f"The {what} is damaged and could not be read. Open it, save it again and upload the new copy."
        ) from error
