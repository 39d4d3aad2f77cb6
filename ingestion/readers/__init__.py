"""One reader a family of formats: a file of a known media type comes in, its blocks go out in reading order.

A reader runs inside the sandboxed child and raises errors of `core.errors` only.
It does not know chunks, embeddings, or where the file came from.
"""

__all__ = ["Item", "Meta", "Notice", "Progress", "ReadContext", "ReadLimits", "Reader"]

from ingestion.readers.base import Item, Meta, Notice, Progress, ReadContext, Reader
from ingestion.readers.limits import ReadLimits
