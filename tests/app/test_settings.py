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


def test_the_documentation_lists_every_setting() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text()
    assert written == page(), "run: footnote settings --markdown > docs/configuration.md"
