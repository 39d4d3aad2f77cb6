"""Answers questions and works on tasks: in statements that cite their sources and were held against them.

In come a question or a task, its conversation and the ports for searching, reading, embedding and generating; out go
events, steps and an answer. It does not know which model writes, which index searches, or HTTP.
"""

__all__: list[str] = []
