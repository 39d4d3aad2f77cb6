"""Writes: messages and a JSON schema become JSON under that schema, in pieces or whole, with the name of who wrote it.

In come generation requests; out go generations from the documents' own sentences or, by other adapters, from a model.
It does not know documents, users or HTTP.
"""

__all__: list[str] = []
