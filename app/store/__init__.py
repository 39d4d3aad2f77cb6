"""The database of record and the blobs: what Footnote knows when everything else is gone.

In come uploads, chunks, jobs, answers and feedback; out come the same as frozen records, read on behalf of a principal.
It does not know HTTP, the index or how any document is read: it holds the truth that those are copies of.
"""

__all__: list[str] = []
