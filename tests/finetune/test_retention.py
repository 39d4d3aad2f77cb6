"""Old versions go by a rule: the newest, the young and those in use stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune.registry import DAY, Version
from finetune.retention import decide, named_in
from finetune.settings import RegistrySettings

NOW = 1_000 * DAY


def version(title: str, age: float, kind: Any = "adapter") -> Version:
    """One that is so many days old, which is its digest, too."""
    name = f"{title}@{int(age):016x}"
    return Version(name=name, kind=kind, folder=Path("/none"), made_at=NOW - age * DAY, size=1)


def gone(versions: list[Version], keep: int, days: float, **in_use: str) -> list[float]:
    rule = RegistrySettings(keep=keep, days=days)
    used = {f"a@{int(age[1:]):016x}": why for age, why in in_use.items()}
    return [int(each.name[-16:], 16) for each in decide(versions, rule, used, NOW) if each.goes]


def test_the_newest_of_each_title_and_kind_stay() -> None:
    versions = [version("a", age) for age in range(100, 105)]
    assert gone(versions, keep=2, days=90) == [102, 103, 104]
    assert gone([*versions, version("b", 200), version("a", 300, "reward")], keep=2, days=90) == [102, 103, 104]
    assert gone(list(reversed(versions)), keep=4, days=90) == [104]


def test_the_young_stay_however_many_they_are() -> None:
    versions = [version("a", age) for age in (1, 2, 3, 89, 90, 91)]
    assert gone(versions, keep=1, days=90) == [90, 91]
    assert gone(versions, keep=1, days=0) == [2, 3, 89, 90, 91]


def test_those_in_use_stay_and_do_not_count() -> None:
    versions = [version("a", age) for age in range(100, 105)]
    assert gone(versions, keep=2, days=90, _101="it is loaded", _104="ana pinned it") == [103]


def test_nothing_goes_where_all_are_kept() -> None:
    assert gone([version("a", age) for age in range(100, 105)], keep=0, days=0) == []


def test_why_is_said() -> None:
    rule = RegistrySettings(keep=1, days=90)
    versions = [version("a", age) for age in (1, 2, 100, 101)]
    said = [each.why for each in decide(versions, rule, {versions[3].name: "it is loaded"}, NOW)]
    assert said == [
        "one of the newest 1 of its title", "not yet 90 days old",
        "1 newer ones of its title, and it is older than 90 days", "it is loaded",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "model: /data/finetune/registry/a.b-c@0123456789abcdef\n", '{"path": "a.b-c@0123456789abcdef/model"}',
        "a.b-c@0123456789abcdef",
    ],
)  # fmt: skip
def test_names_are_found_in_paths(text: str) -> None:
    assert named_in(text) == {"a.b-c@0123456789abcdef"}


def test_other_words_are_no_names() -> None:
    assert named_in("ana@example.org a@0123 a@0123456789abcdef0 @0123456789abcdef") == set()
