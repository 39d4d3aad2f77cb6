"""Versions that never change: named by their files, as serving names them; damage is noticed; old ones go by a rule."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError, InvalidInput, NotFound
from finetune.registry import Registry, trained
from serving.adapters import adapter_name


def adapter(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text('{"r": 8}')
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def model(folder: Path, weights: bytes = b"weights") -> Path:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "1_Pooling" / "config.json").write_text("{}")
    return folder


CARD: dict[str, Any] = {"data": {"dataset": "leave@0123456789abcdef"}, "name": "handbook"}


def test_an_adapter_has_the_name_it_is_served_under(tmp_path: Path) -> None:
    source = adapter(tmp_path / "run" / "model")
    registry = Registry(root=tmp_path / "registry")
    version = registry.publish("handbook", "adapter", source, CARD, "# handbook", now=5.0)
    assert version.name == adapter_name("handbook", source) == adapter_name("handbook", version.folder)
    assert version.folder == tmp_path / "registry" / version.name
    assert (version.title, version.made_at, version.card()) == ("handbook", 5.0, CARD)
    assert (version.folder / "card.md").read_text() == "# handbook"
    assert registry.verify(version.name) == []
    assert registry.sound(version.name) == registry.get(version.name) == version
    assert trained(registry.versions()) == {version.name: ("leave@0123456789abcdef",)}
    assert version.size == len('{"r": 8}') + len(b"weights")


def test_the_same_files_are_one_version(tmp_path: Path) -> None:
    registry = Registry(root=tmp_path / "registry")
    one = registry.publish("a", "adapter", adapter(tmp_path / "one"), CARD, "first", now=1.0)
    two = registry.publish("a", "adapter", adapter(tmp_path / "two"), {}, "second", now=2.0)
    assert one == two
    assert (two.folder / "card.md").read_text() == "first"
    other = registry.publish("a", "adapter", adapter(tmp_path / "three", b"others"), CARD, "", now=3.0)
    assert [each.name for each in registry.versions("a")] == [other.name, one.name]
    assert registry.versions("b") == []
    assert not list(registry.root.glob(".making-*"))


@pytest.mark.parametrize("kind", ["reward", "reranker", "embedder", "model"])
def test_other_kinds_are_all_their_files(tmp_path: Path, kind: Any) -> None:
    registry = Registry(root=tmp_path / "registry")
    version = registry.publish("m", kind, model(tmp_path / "source"), CARD, "")
    assert sorted(version.files) == ["1_Pooling/config.json", "model.safetensors"]
    assert registry.verify(version.name) == []
    (version.folder / "1_Pooling" / "config.json").write_text("[]")
    assert registry.verify(version.name) == ["1_Pooling/config.json was changed"]


def test_damage_is_noticed(tmp_path: Path) -> None:
    registry = Registry(root=tmp_path / "registry")
    version = registry.publish("a", "adapter", adapter(tmp_path / "one"), CARD, "")
    weights = version.folder / "adapter_model.safetensors"
    (version.folder / "new.bin").write_bytes(b"x")
    assert registry.verify(version.name) == ["new.bin was added"]
    (version.folder / "new.bin").unlink()
    weights.write_bytes(b"weighty")
    assert registry.verify(version.name) == ["adapter_model.safetensors was changed"]
    with pytest.raises(ConfigurationError, match="damaged"):
        registry.sound(version.name)
    said = json.loads((version.folder / "version.json").read_text())
    said["files"]["adapter_model.safetensors"] = hashlib.sha256(b"weighty").hexdigest()
    (version.folder / "version.json").write_text(json.dumps(said))
    assert registry.verify(version.name) == ["its name is not that of its files"]
    weights.unlink()
    assert registry.verify(version.name) == ["adapter_model.safetensors is missing"]


def test_what_cannot_be_a_version(tmp_path: Path) -> None:
    registry = Registry(root=tmp_path / "registry")
    with pytest.raises(InvalidInput, match="title"):
        registry.publish("../x", "adapter", adapter(tmp_path / "one"), CARD, "")
    with pytest.raises(ConfigurationError, match=r"adapter_config\.json is missing"):
        registry.publish("x", "adapter", model(tmp_path / "two"), CARD, "")
    with pytest.raises(ConfigurationError, match="holds no model"):
        registry.publish("x", "model", tmp_path / "none", CARD, "")
    with pytest.raises(InvalidInput, match="nothing that is kept"):
        registry.publish("x", "other", tmp_path / "one", CARD, "")  # type: ignore[arg-type]
    for name in ("x@0123456789abcdef", "../../etc", "x"):
        with pytest.raises(NotFound):
            registry.get(name)
