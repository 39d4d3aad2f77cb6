"""A command's way to a server that cannot work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from app.cli.client import why_not
from app.cli.output import Exit


def test_settings_that_cannot_work_end_the_command_in_their_own_words(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    missing = str(tmp_path / "no-model")
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", "search", "anything", "--json"],
        env={**kept, "FOOTNOTE_DATA_DIR": str(tmp_path / "data"), "FOOTNOTE_RETRIEVAL__EMBEDDER__MODEL": missing},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == Exit.CONFIGURATION, ended.stderr
    assert ended.stdout == ""
    assert f"error: The embedding model in {missing}" in " ".join(ended.stderr.split()), ended.stderr


def test_the_reason_is_the_server_s_own() -> None:
    state = {"parts": {"database": {"ok": True, "detail": None}, "index": {"ok": False, "detail": "It is gone."}}}
    assert why_not(state) == "It is gone."
    assert why_not({}) == "The server does not say why."
