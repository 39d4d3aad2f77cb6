"""Answers questions: a conversation becomes an answer whose statements cite their sources and were held against them.

In come a question, its conversation and the ports for searching, embedding and generating; out go events and an answer.
It does not know which model writes, which index searches, or HTTP.
"""

__all__: list[str] = []
