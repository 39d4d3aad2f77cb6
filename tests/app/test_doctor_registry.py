"""What doctor says of the registry: where it is, or what keeps it from there."""

from __future__ import annotations

from pathlib import Path

from app.cli.doctor import _registry
from app.settings import Settings
from finetune.settings import FinetuneSettings
from tests.s3_server import S3


def test_it_says_where_versions_are_kept_and_what_keeps_them_from_it(s3: S3, tmp_path: Path) -> None:
    def told(**given: str) -> list[tuple[str, str]]:
        finetune = FinetuneSettings(registry=s3.settings("doctor", **given))
        return [(each.state, each.says) for each in _registry(Settings(data_dir=tmp_path, finetune=finetune))]

    assert told() == [("ok", f"s3://models/doctor/ at {s3.url}")]
    [(state, says)] = told(bucket="no-such-bucket")
    assert (state, "There is no bucket" in says) == ("warning", True)
    assert list(_registry(Settings(data_dir=tmp_path))) == []
