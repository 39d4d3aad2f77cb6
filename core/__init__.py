"""The words every room shares: types, ports and the error tree.

In comes nothing, out go the names that the rooms hand to one another.
It knows no third-party package and no room.
"""

__all__ = ["errors", "ports", "types"]

from core import errors, ports, types
