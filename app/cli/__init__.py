"""The `footnote` command: everything the HTTP API does, from a terminal, and what an administrator needs besides.

Exit codes: 0 done · 1 something failed and was said · 2 wrong usage · 3 the server cannot be reached · 4 not found ·
78 settings that cannot work.
"""

__all__ = ["main"]

from app.cli.main import main
