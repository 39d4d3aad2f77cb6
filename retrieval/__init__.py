"""Finds passages: a question and a principal become ranked hits, chunks become an index.

In come queries with a principal, and chunks to be embedded and indexed; out go hits, best first, each with its scores.
It does not know files, prompts or HTTP.
"""

__all__: list[str] = []
