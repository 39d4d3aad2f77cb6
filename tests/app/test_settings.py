"""Settings come from the environment, and wrong ones are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.configuration import page
from app.settings import load_settings
from core.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


def test_a_nested_setting_leaves_its_neighbours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_HTTP__PORT", "9001")
    settings = load_settings()
    assert settings.http.port == 9001
    assert settings.http.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOOTNOTE_HTPP__PORT", "9001"),
        ("FOOTNOTE_HTTP__PROT", "9001"),
        ("FOOTNOTE_HTTP__PORT", "ninety"),
        ("FOOTNOTE_RETRIEVAL__INDEX__SEARCH_TREADS", "3"),
        ("FOOTNOTE_LOG_LEVEL", "loud"),
        ("FOOTNOTE_AUTH__KEYS", '[{"key": "short", "id": "ana"}]'),
        ("FOOTNOTE_AUTH__KEYS", "not json"),
    ],
)
def test_a_wrong_name_or_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert name.split("__")[-1].lower() in caught.value.message.lower()


def test_a_secret_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_AUTH__KEYS", '[{"key": "a-secret-of-sixteen", "id": "ana"}]')
    settings = load_settings()
    assert settings.auth.keys[0].key.get_secret_value() == "a-secret-of-sixteen"
    assert "a-secret-of-sixteen" not in repr(settings)


def test_a_wrong_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_AUTH__KEYS", '[{"key": "short-secret", "id": "ana"}]')
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "short-secret" not in caught.value.message


def test_secrets_come_from_files_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "footnote_auth__keys").write_text('[{"key": "0123456789abcdef", "id": "ana"}]\n')
    (tmp_path / "footnote_log_level").write_text("debug\n")
    (tmp_path / "of_another_program").write_text("x")
    monkeypatch.setenv("FOOTNOTE_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("FOOTNOTE_LOG_LEVEL", "error")
    settings = load_settings()
    assert [(key.id, key.key.get_secret_value()) for key in settings.auth.keys] == [("ana", "0123456789abcdef")]
    assert settings.log_level == "error"


def test_a_secret_file_that_is_misspelt_or_unreadable_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOOTNOTE_SECRETS_DIR", str(tmp_path))
    (tmp_path / "footnote_outh__keys").write_text("[]")
    with pytest.raises(ConfigurationError, match="FOOTNOTE_OUTH__KEYS"):
        load_settings()
    (tmp_path / "footnote_outh__keys").rename(tmp_path / "footnote_auth__keys")
    (tmp_path / "footnote_auth__keys").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="it is not text"):
        load_settings()


def test_the_documentation_lists_every_setting() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text()
    assert written == page(), "run: footnote settings --markdown > docs/configuration.md"


@pytest.mark.parametrize("written", ["8", "512"])
def test_a_rank_of_the_list_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("FOOTNOTE_SERVING__ENGINE__MAX_LORA_RANK", written)
    assert load_settings().serving.engine.max_lora_rank == int(written)
    monkeypatch.setenv("FOOTNOTE_SERVING__ENGINE__MAX_LORA_RANK", "12")
    with pytest.raises(ConfigurationError, match="MAX_LORA_RANK"):
        load_settings()
