"""What the server loads before it listens."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_heavy_is_loaded_before_the_server_listens() -> None:
    heavy = {"sqlalchemy", "langgraph", "dbos", "mcp", "presidio_analyzer", "numpy", "openvino", "torch", "trl"}
    program = f"import sys, app.main; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
