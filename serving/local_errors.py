"""What torch and transformers raise, in this tree's errors."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from core.errors import FootnoteError, GeneratorUnavailable

log = logging.getLogger("footnote.generator")

NO_MEMORY = (
    "The model does not fit into memory beside what else is there. Take a smaller one, a smaller "
    "FOOTNOTE_SERVING__LOCAL__WINDOW, or quantized weights."
)


class Stopped(Exception):  # nothing went wrong
    """Whoever asked has gone."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raises `GeneratorUnavailable` for whatever comes from below; errors of this tree and `Stopped` pass."""
    try:
        yield
    except (FootnoteError, Stopped):
        raise
    except Exception as error:
        if not is_memory(error):
            log.exception("the local model failed")
            raise GeneratorUnavailable(
                f"The model failed ({type(error).__name__}). Ask again; if it stays so, the server's log says why."
            ) from error
        log.warning("no memory for the local model: %s", error)
    else:
        return
    # Only here, outside of the handler, nothing holds what was on the device any more.
    _give_back()
    raise GeneratorUnavailable(NO_MEMORY)


def is_memory(error: Exception) -> bool:
    """Whether memory was wanting, a GPU's or the machine's, which torch tells as a mere `RuntimeError`."""
    import torch

    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or ("alloc" in said and "memory" in said)


def _give_back() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
