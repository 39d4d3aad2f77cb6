"""The registry in S3 when something is wrong: nothing half published is ever seen, and each fault is a sentence."""

from __future__ import annotations

import json
import os
import socket
import uuid
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError, DiskFull, NotFound, StoreUnavailable
from finetune.bucket_registry import BucketRegistry
from finetune.registry import Registry, Version
from tests.contracts.test_versions import CARD, adapter, model
from tests.s3_server import S3, Wire

LARGE = os.urandom(1 << 20)


@pytest.fixture
def prefix() -> str:
    return f"faults/{uuid.uuid4().hex}"


@pytest.fixture
def place(s3: S3, prefix: str, tmp_path: Path) -> BucketRegistry:
    return BucketRegistry(s3.settings(prefix), tmp_path / "cache")


@pytest.fixture
def version(place: BucketRegistry, tmp_path: Path) -> Version:
    return place.publish("a", "adapter", adapter(tmp_path / "one", LARGE), CARD, "", now=1.0)


def file_key(s3: S3, prefix: str, ending: str) -> str:
    [key] = [key for key in s3.keys(prefix) if key.endswith(ending)]
    return f"{prefix}/{key}"


def test_an_upload_that_is_cut_publishes_nothing_and_can_be_made_again(s3: S3, prefix: str, tmp_path: Path) -> None:
    source = adapter(tmp_path / "one", LARGE)
    with Wire(to=s3.port, up=300_000).strung() as wire:
        cut = BucketRegistry(s3.settings(prefix, endpoint=f"http://127.0.0.1:{wire.port}"), tmp_path / "cache")
        with pytest.raises(StoreUnavailable, match="does not answer"):
            cut.publish("a", "adapter", source, CARD, "")
        assert wire.cuts
        assert cut.versions() == []
        assert not [key for key in s3.keys(prefix) if key.startswith("versions/")]
        wire.up = None
        version = cut.publish("a", "adapter", source, CARD, "")
        assert cut.verify(version.name) == []


def test_a_publisher_that_dies_leaves_files_that_nobody_sees_and_that_are_swept(
    s3: S3, prefix: str, place: BucketRegistry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = f"files/{uuid.uuid4().hex}/adapter_model.safetensors"
    s3.client().put_object(Bucket=s3.bucket, Key=f"{prefix}/{left}", Body=b"half of it")
    assert [each.name for each in place.versions()] == [version.name]
    place.sweep()
    assert left in s3.keys(prefix)  # it may still be at it
    monkeypatch.setattr("finetune.bucket_registry.DAY", -60.0)
    place.sweep()
    assert left not in s3.keys(prefix)
    assert place.verify(version.name) == []


def test_a_download_that_is_cut_is_never_used(s3: S3, prefix: str, version: Version, tmp_path: Path) -> None:
    with Wire(to=s3.port, down=300_000).strung() as wire:
        cut = BucketRegistry(s3.settings(prefix, endpoint=f"http://127.0.0.1:{wire.port}"), tmp_path / "other")
        with pytest.raises(StoreUnavailable):
            cut.sound(version.name)
        assert wire.cuts
        assert list((tmp_path / "other").iterdir()) == []
        wire.down = None
        found = cut.sound(version.name)
    assert (found.folder / "adapter_model.safetensors").read_bytes() == LARGE


def test_objects_that_were_changed_are_gone_or_were_added_are_named(
    s3: S3, prefix: str, place: BucketRegistry, version: Version, tmp_path: Path
) -> None:
    weights, client = file_key(s3, prefix, "adapter_model.safetensors"), s3.client()
    other = BucketRegistry(s3.settings(prefix), tmp_path / "other")
    client.put_object(Bucket=s3.bucket, Key=weights, Body=b"others")
    client.put_object(Bucket=s3.bucket, Key=f"{weights}.new", Body=b"x")
    wrong = ["adapter_model.safetensors was changed", "adapter_model.safetensors.new was added"]
    assert place.verify(version.name) == wrong
    with pytest.raises(ConfigurationError, match=r"adapter_model\.safetensors was changed"):
        other.sound(version.name)
    client.delete_object(Bucket=s3.bucket, Key=weights)
    assert other.verify(version.name)[0] == "adapter_model.safetensors is missing"
    with pytest.raises(ConfigurationError, match="is missing"):
        other.sound(version.name)
    assert list((tmp_path / "other").iterdir()) == []


def test_a_fetched_copy_that_was_changed_is_fetched_again(place: BucketRegistry, version: Version) -> None:
    folder = place.sound(version.name).folder
    (folder / "adapter_model.safetensors").write_bytes(b"others")
    assert (place.sound(version.name).folder / "adapter_model.safetensors").read_bytes() == LARGE
    (folder / "version.json").write_text("{torn")
    assert Registry(root=folder.parent).verify(place.sound(version.name).name) == []


def test_without_room_for_a_copy_that_is_said(s3: S3, prefix: str, version: Version, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DiskFull, match="cannot be fetched into"):
        BucketRegistry(s3.settings(prefix), tmp_path / "file" / "fetched").sound(version.name)


def test_a_version_that_goes_while_it_is_fetched_is_no_damage(
    s3: S3, prefix: str, version: Version, tmp_path: Path
) -> None:
    class Leaving(BucketRegistry):
        def _fetch(self, record: Any) -> None:
            BucketRegistry(s3.settings(prefix), tmp_path / "another").remove(version.name)
            super()._fetch(record)

    with pytest.raises(NotFound):
        Leaving(s3.settings(prefix), tmp_path / "other").sound(version.name)


@pytest.mark.parametrize(
    "change",
    [
        {"at": "../../elsewhere"}, {"kind": "pickle"}, {"card": "none"}, {"made_at": "long ago"},
        {"files": {"../../etc/passwd": {"sha256": "0" * 64, "bytes": 1}}},
        {"files": {"adapter_config.json": {"sha256": "0" * 64, "bytes": 1}}},
    ],
    ids=["place", "kind", "card", "time", "path", "digest"],
)  # fmt: skip
def test_a_record_that_somebody_wrote_is_believed_nothing(
    s3: S3, prefix: str, place: BucketRegistry, version: Version, tmp_path: Path, change: dict[str, object]
) -> None:
    other = place.publish("b", "model", model(tmp_path / "two"), CARD, "")
    key, client = f"{prefix}/versions/{version.name}.json", s3.client()
    said = json.loads(client.get_object(Bucket=s3.bucket, Key=key)["Body"].read())
    client.put_object(Bucket=s3.bucket, Key=key, Body=json.dumps({**said, **change}).encode())
    assert [each.name for each in place.versions()] == [other.name]
    with pytest.raises(NotFound, match="damaged"):
        place.sound(version.name)


def test_wrong_credentials_are_told(s3: S3, place: BucketRegistry) -> None:
    with s3.locked(), pytest.raises(StoreUnavailable, match=r"refuses these credentials \(InvalidAccessKeyId\)"):
        place.versions()


def test_without_credentials_that_is_said(s3: S3, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "EC2_METADATA_DISABLED": "true",
        "CONFIG_FILE": "/dev/null",
        "SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    settings = s3.settings(prefix, access_key_id=None, secret_access_key=None)
    with pytest.raises(StoreUnavailable, match="no credentials"):
        BucketRegistry(settings, tmp_path / "none").check()


def test_no_bucket_is_told(s3: S3, prefix: str, tmp_path: Path) -> None:
    none = BucketRegistry(s3.settings(prefix, bucket="no-such-bucket"), tmp_path / "none")
    with pytest.raises(StoreUnavailable, match="There is no bucket"):
        none.check()
    with pytest.raises(StoreUnavailable, match="There is no bucket"):
        none.publish("a", "adapter", adapter(tmp_path / "two"), CARD, "")


def test_a_server_that_is_gone_is_told(s3: S3, prefix: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings = s3.settings(prefix, endpoint=f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(StoreUnavailable, match="does not answer"):
            BucketRegistry(settings, tmp_path / "none").versions()
