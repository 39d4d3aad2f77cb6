"""Restoring what somebody changed, and who may read what was backed up."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from app.backup import restore
from app.settings import Settings
from app.store.store import Store
from core.errors import InvalidInput


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    "foreign",
    [
        entry("blobs/ab", tarfile.SYMTYPE, "artefacts"),
        entry("blobs/ab/cd", tarfile.LNKTYPE, "footnote.sqlite"),
        entry("blobs/pipe", tarfile.FIFOTYPE),
        entry("../outside"),
        entry("blobs/../../outside"),
        entry("/blobs/outside"),
        entry("jobs.sqlite"),
        entry("blobs/tmp/.hidden"),
    ],
    ids=lambda each: f"{each.type.decode()} {each.name}",
)
def test_a_backup_with_anything_else_in_it_is_refused_and_leaves_nothing(
    tmp_path: Path, foreign: tarfile.TarInfo
) -> None:
    with tarfile.open(tmp_path / "backup.tar", "w") as archive:
        for each in (entry("footnote-backup.json"), foreign, entry("footnote.sqlite")):
            archive.addfile(each, io.BytesIO())
    (tmp_path / "home").mkdir()

    with pytest.raises(InvalidInput, match="no backup holds"):
        restore(Settings(data_dir=tmp_path / "home" / "data"), tmp_path / "backup.tar", lambda done, total: None)

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["backup.tar", "home"]


async def test_a_backup_is_its_makers_alone_and_comes_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    blob = data / "blobs" / "ab" / ("ab" + "0" * 62)
    blob.parent.mkdir(parents=True)
    blob.write_text("bytes")
    async with await Store.open(f"sqlite:///{data / 'footnote.sqlite'}") as store:
        await store.collections.create("handbook")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    subprocess.run(
        [sys.executable, "-m", "app.cli", "backup", str(tmp_path / "backup.tar")],
        env={**kept, "FOOTNOTE_DATA_DIR": str(data)},
        umask=0o022,
        check=True,
        timeout=120,
    )

    assert stat.S_IMODE((tmp_path / "backup.tar").stat().st_mode) == 0o600
    again = Settings(data_dir=tmp_path / "again")
    restore(again, tmp_path / "backup.tar", lambda done, total: None)
    assert (again.data_dir / blob.relative_to(data)).read_text() == "bytes"
    async with await Store.open(f"sqlite:///{again.data_dir / 'footnote.sqlite'}") as store:
        assert [each.name for each in await store.collections.list()] == ["default", "handbook"]
