"""Where versions of what was trained are kept: a folder and a bucket keep the same promises."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError, InvalidInput, NotFound
from finetune.bucket_registry import BucketRegistry
from finetune.ports import Versions
from finetune.registry import Registry, trained
from serving.adapters import adapter_name
from tests.s3_server import S3

CARD: dict[str, Any] = {"data": {"dataset": "leave@0123456789abcdef"}, "name": "handbook", "texts": "Größe"}
Open = Callable[[], Versions]


def adapter(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text('{"r": 8}')
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def model(folder: Path) -> Path:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "1_Pooling" / "config.json").write_text("{}")
    return folder


@pytest.fixture(params=["folder", "bucket"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens one and the same place again and again, each time as another server would."""
    if request.param == "folder":
        yield lambda: Registry(root=tmp_path / "registry")
        return
    s3: S3 = request.getfixturevalue("s3")
    settings, number = s3.settings(f"contract/{uuid.uuid4().hex}"), iter(range(100))
    yield lambda: BucketRegistry(settings, tmp_path / f"cache-{next(number)}")


def test_a_version_is_kept_whole_and_found_by_others(opened: Open, tmp_path: Path) -> None:
    source = adapter(tmp_path / "run" / "model")
    one, other = opened(), opened()
    version = one.publish("handbook", "adapter", source, CARD, "# handbook", now=5.0)
    assert version.name == adapter_name("handbook", source)
    assert (version.title, version.kind, version.made_at) == ("handbook", "adapter", 5.0)
    assert version.size == len('{"r": 8}') + len(b"weights")
    assert [each.name for each in other.versions()] == [version.name]
    assert other.get(version.name).card() == CARD
    assert other.verify(version.name) == []
    found = other.sound(version.name)
    assert adapter_name("handbook", found.folder) == version.name
    assert (found.folder / "card.md").read_text() == "# handbook"
    assert json.loads((found.folder / "card.json").read_text()) == CARD
    assert trained(other.versions()) == {version.name: ("leave@0123456789abcdef",)}


def test_the_same_files_are_one_version_and_keep_their_first_card(opened: Open, tmp_path: Path) -> None:
    one = opened().publish("a", "adapter", adapter(tmp_path / "one"), CARD, "first", now=1.0)
    two = opened().publish("a", "adapter", adapter(tmp_path / "two"), {}, "second", now=2.0)
    assert (two.name, two.made_at, two.card()) == (one.name, 1.0, CARD)
    other = opened().publish("a", "adapter", adapter(tmp_path / "three", b"others"), CARD, "", now=3.0)
    assert [each.name for each in opened().versions("a")] == [other.name, one.name]
    assert opened().versions("b") == []


def test_of_many_who_publish_the_same_at_once_one_does(opened: Open, tmp_path: Path) -> None:
    source, start, found = adapter(tmp_path / "one"), threading.Barrier(4), []

    def publish(number: int) -> None:
        place = opened()
        start.wait()
        found.append(place.publish("a", "adapter", source, {"by": number}, str(number)))

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.name for each in found}) == 1
    place = opened()
    [version] = place.versions()
    assert place.verify(version.name) == []
    fetched = place.sound(version.name)
    assert (fetched.folder / "card.md").read_text() == str(version.card()["by"])
    assert {each.card()["by"] for each in found} == {version.card()["by"]}


@pytest.mark.parametrize("kind", ["reward", "reranker", "embedder", "model"])
def test_other_kinds_are_all_their_files(opened: Open, tmp_path: Path, kind: Any) -> None:
    version = opened().publish("m", kind, model(tmp_path / "source"), CARD, "")
    assert sorted(version.files) == ["1_Pooling/config.json", "model.safetensors"]
    fetched = opened().sound(version.name)
    assert (fetched.folder / "1_Pooling" / "config.json").read_text() == "{}"


def test_one_is_removed_with_its_pin(opened: Open, tmp_path: Path) -> None:
    place = opened()
    name = place.publish("a", "adapter", adapter(tmp_path / "one"), CARD, "").name
    kept = place.publish("b", "adapter", adapter(tmp_path / "two"), CARD, "").name
    place.sound(name)
    place.pin(name, "ana")
    place.pin(kept, "ben")
    opened().pin(kept, "cem")
    assert opened().pins() == {name: "ana", kept: "ben"}
    opened().remove(name)
    assert opened().pins() == {kept: "ben"}
    assert [each.name for each in opened().versions()] == [kept]
    for asked in (place.get, place.verify, place.sound, place.remove, place.unpin):
        with pytest.raises(NotFound):
            asked(name)
    with pytest.raises(NotFound):
        place.pin(name, "ana")
    place.unpin(kept)
    assert opened().pins() == {}
    again = opened().publish("a", "adapter", tmp_path / "one", {"again": True}, "")
    assert opened().sound(again.name).card() == {"again": True}


def test_what_cannot_be_a_version(opened: Open, tmp_path: Path) -> None:
    place = opened()
    with pytest.raises(InvalidInput, match="title"):
        place.publish("../x", "adapter", adapter(tmp_path / "one"), CARD, "")
    with pytest.raises(ConfigurationError, match=r"adapter_config\.json is missing"):
        place.publish("x", "adapter", model(tmp_path / "two"), CARD, "")
    with pytest.raises(ConfigurationError, match="holds no model"):
        place.publish("x", "model", tmp_path / "none", CARD, "")
    with pytest.raises(InvalidInput, match="nothing that is kept"):
        place.publish("x", "other", tmp_path / "one", CARD, "")  # type: ignore[arg-type]
    (tmp_path / "two" / "optimizer.pt").write_bytes(b"pickle")
    with pytest.raises(ConfigurationError, match="may hold code"):
        place.publish("x", "model", tmp_path / "two", CARD, "")
    (tmp_path / "two" / "optimizer.pt").unlink()
    (tmp_path / "two" / "notes.txt").symlink_to("/etc/hostname")
    with pytest.raises(ConfigurationError, match="leads out of"):
        place.publish("x", "model", tmp_path / "two", CARD, "")
    assert opened().versions() == []
    for name in ("x@0123456789abcdef", "../../etc", "x"):
        with pytest.raises(NotFound):
            place.get(name)
