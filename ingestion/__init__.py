"""A file comes in; its blocks, and from them its chunks with page, boxes, heading path and language, go out.

Reading happens in a sandboxed child process, because files are hostile territory.
This room does not know HTTP, users, or where vectors are stored.
"""

__all__: list[str] = []
