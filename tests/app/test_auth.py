"""Keys and where a server may listen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.auth import LOCAL, Keys, check_bind, is_loopback
from app.settings import ApiKey, AuthSettings, HttpSettings, Settings
from core.errors import ConfigurationError, Forbidden, Unauthenticated
from core.types import EVERYONE

SECRET = "0123456789abcdef"


def test_without_keys_the_caller_is_the_owner() -> None:
    keys = Keys(AuthSettings())
    assert keys.principal(None) == keys.principal("anything") == LOCAL
    assert LOCAL.admin
    assert not keys.required


def test_a_key_stands_for_its_principal() -> None:
    keys = Keys(AuthSettings(keys=(ApiKey(key=SECRET, id="ana", groups=("hr",)), ApiKey(key="b" * 16, id="ben"))))
    ana = keys.principal(SECRET)
    assert (ana.id, ana.groups, ana.admin) == ("ana", frozenset({"hr", EVERYONE}), False)
    assert keys.principal("b" * 16).id == "ben"
    for token in (None, "", SECRET[:-1], SECRET + " ", SECRET.upper(), "\udce4"):
        with pytest.raises(Unauthenticated):
            keys.principal(token)


def test_one_key_cannot_stand_for_two() -> None:
    with pytest.raises(ConfigurationError, match="ben"):
        Keys(AuthSettings(keys=(ApiKey(key=SECRET, id="ana"), ApiKey(key=SECRET, id="ben"))))


def test_a_name_may_have_several_keys_of_the_same_rights() -> None:
    first, second = (
        ApiKey(key=SECRET, id="ana", groups=("hr", "it")),
        ApiKey(key="b" * 16, id="ana", groups=("it", "hr")),
    )
    keys = Keys(AuthSettings(keys=(first, second)))
    assert keys.principal(SECRET) == keys.principal("b" * 16)


@pytest.mark.parametrize("other", [{"groups": ("sales",)}, {"groups": ("hr", "sales")}, {"admin": True}, {}])
def test_a_name_cannot_stand_for_two_callers(other: dict[str, Any]) -> None:
    first = ApiKey(key=SECRET, id="ana", groups=("hr",))
    with pytest.raises(ConfigurationError, match="ana") as caught:
        Keys(AuthSettings(keys=(first, ApiKey(key="b" * 16, id="ana", **other))))
    assert "b" * 16 not in caught.value.message


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.example", False),
        ("docs.example", False),
        ("", False),
    ],
)
def test_only_loopback_is_open(tmp_path: Path, host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    keyless = Settings(data_dir=tmp_path, http=HttpSettings(host=host))
    if loopback:
        check_bind(keyless)
    else:
        with pytest.raises(ConfigurationError, match="FOOTNOTE_AUTH__KEYS"):
            check_bind(keyless)
    check_bind(keyless.model_copy(update={"auth": AuthSettings(keys=(ApiKey(key=SECRET, id="ana"),))}))


def test_a_key_for_the_figures_stands_for_no_caller() -> None:
    with pytest.raises(ValidationError, match="metrics_only"):
        ApiKey(key=SECRET, id="prometheus", metrics_only=True, admin=True)
    keys = Keys(AuthSettings(keys=(ApiKey(key=SECRET, id="prometheus", metrics_only=True),)))
    assert keys.required
    assert keys.scrapes(SECRET)
    assert not keys.scrapes("b" * 16)
    assert not keys.scrapes(None)
    for take in (keys.principal, keys.session):
        with pytest.raises(Forbidden):
            take(SECRET)
    with pytest.raises(Unauthenticated):
        keys.principal(None)
    with pytest.raises(ConfigurationError, match="twice"):
        Keys(AuthSettings(keys=(ApiKey(key=SECRET, id="a", metrics_only=True), ApiKey(key=SECRET, id="b"))))
