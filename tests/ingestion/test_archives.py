"""Archives that lie, swell and break."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from core.errors import BrokenFile, ParserLimit, PasswordProtected
from ingestion.archives import open_archive
from ingestion.readers.limits import MIB, ReadLimits

LIMITS = ReadLimits(max_expanded_bytes=64 * MIB, max_archive_entries=100, max_compression_ratio=100)


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return path


def with_declared_size(path: Path, size: int) -> Path:
    """The same archive, every header of which says that its members unfold to `size` bytes."""
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset : at + offset + 4] = struct.pack("<I", size)
            at = data.find(signature, at + 4)
    path.write_bytes(data)
    return path


def test_members_are_read(tmp_path: Path) -> None:
    with open_archive(archive(tmp_path / "a.zip", {"x/a.xml": b"<a/>", "b.txt": b"bee"}), LIMITS) as opened:
        assert opened.names() == ["x/a.xml", "b.txt"]
        assert opened.read("b.txt") == b"bee"
        assert opened.head("x/a.xml", 2) == b"<a"
        assert opened.verify_all() == 7


def test_a_missing_member_is_a_broken_file(tmp_path: Path) -> None:
    with open_archive(archive(tmp_path / "a.zip", {"a": b""}), LIMITS) as opened, pytest.raises(BrokenFile):
        opened.read("b")


def test_a_bomb_is_stopped_by_its_ratio(tmp_path: Path) -> None:
    with open_archive(archive(tmp_path / "a.zip", {"a": bytes(40 * MIB)}), LIMITS) as opened:
        with pytest.raises(ParserLimit):
            opened.read("a")
        with pytest.raises(ParserLimit):
            opened.verify_all()


def test_a_bomb_of_many_members_is_stopped_by_their_sum(tmp_path: Path) -> None:
    limits = ReadLimits(max_expanded_bytes=4 * MIB)
    path = archive(tmp_path / "a.zip", {f"{n}": bytes(MIB) for n in range(8)})
    with open_archive(path, limits) as opened, pytest.raises(ParserLimit):
        opened.verify_all()


def test_what_an_archive_declares_is_not_believed(tmp_path: Path) -> None:
    path = with_declared_size(archive(tmp_path / "a.zip", {"a": bytes(40 * MIB)}), 10)
    with open_archive(path, LIMITS) as opened, pytest.raises((ParserLimit, BrokenFile)):
        opened.verify_all()


def test_too_many_members(tmp_path: Path) -> None:
    with pytest.raises(ParserLimit):
        open_archive(archive(tmp_path / "a.zip", {str(n): b"" for n in range(101)}), LIMITS)


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a": b"secret"})
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\x03\x04") + 6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with open_archive(path, LIMITS) as opened, pytest.raises(PasswordProtected):
        opened.read("a")


@pytest.mark.parametrize("damage", ["no archive", "cut off", "garbled"])
def test_damaged_archives(tmp_path: Path, damage: str) -> None:
    path = archive(tmp_path / "a.zip", {"a": bytes(range(256)) * 400})
    data = bytearray(path.read_bytes())
    if damage == "garbled":
        data[60:90] = b"\xff" * 30
    path.write_bytes(
        {"no archive": b"PK\x03\x04 nothing", "cut off": bytes(data[: len(data) // 2])}.get(damage, bytes(data))
    )
    with pytest.raises(BrokenFile), open_archive(path, LIMITS) as opened:
        opened.verify_all()
