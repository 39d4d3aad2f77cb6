"""Learns from feedback: what people said of answers becomes examples, and examples an adapter that a gate let through.

In come logged answers with feedback, and files of examples; out go datasets and adapter versions. It does not know HTTP
or the live index.
"""

__all__: list[str] = []
