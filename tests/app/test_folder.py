"""One server a data folder, and no key for whoever comes after a killed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.folder import DataFolder, noted_address
from core.errors import ConfigurationError


def test_a_second_server_is_told_where_the_first_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.folder._PATIENCE", 0.1)
    with DataFolder(tmp_path) as folder:
        folder.announce("http://127.0.0.1:4711")
        assert noted_address(tmp_path) == "http://127.0.0.1:4711"
        with pytest.raises(ConfigurationError, match="4711"), DataFolder(tmp_path):
            pass
    assert noted_address(tmp_path) is None


def test_the_note_of_a_killed_server_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"url": "http://127.0.0.1:4711", "pid": 1}')
    assert noted_address(tmp_path) is None


@pytest.mark.parametrize("note", ["", "{}", "not json", "[]"])
def test_a_torn_note_is_no_server(tmp_path: Path, note: str) -> None:
    (tmp_path / "server.json").write_text(note)
    assert noted_address(tmp_path) is None
