"""Learns from feedback: what people said of answers will become an adapter that a gate let through.

In come feedback and examples; out go adapter versions. It does not know HTTP or the live index.
"""

__all__: list[str] = []
