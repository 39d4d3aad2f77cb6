"""The HTTP routes, one file a noun.

In come requests that were let through, out go JSON, images and event streams; problems are `app.errors`' to tell.
It does not know how anything is stored, searched or generated: it calls the services it is given.
"""

__all__: list[str] = []
