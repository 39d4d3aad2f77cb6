"""The composition root: HTTP, command line, jobs, state and the wiring of the rooms.

In come requests, files and settings; out go answers, job states and streams of events.
It does not know how any room does its work.
"""

__all__: list[str] = []
