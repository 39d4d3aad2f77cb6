"""The prompts, each a file named after its task and version: `answer.v1.md`.

In comes nothing; out go texts, read by `agents.prompting`. They know no document and no user.
"""

__all__: list[str] = []
