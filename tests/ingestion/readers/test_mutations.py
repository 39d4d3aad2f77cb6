"""Whatever is done to a valid file, reading it ends in blocks or in one error of ours."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

from core.errors import BrokenFile, FootnoteError
from core.types import Block

MUTATIONS = 60


def mutated(data: bytes, chance: random.Random) -> bytes:
    """`data` cut, overwritten, repeated or with bytes put in, at one to five places."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(damaged) + 1)
        length = chance.choice((1, 1, 2, 8, 64))
        match chance.randrange(6):
            case 0:
                del damaged[at : at + length]
            case 1:
                damaged[at : at + length] = chance.randbytes(length)
            case 2:
                damaged[at:at] = chance.choice(
                    (b"\0", b"<", b">", b'"', b"&", b"\n\n", b"--", b"\xff", b"<table>", b"]]>", b"=?")
                )
            case 3:
                damaged[at:at] = damaged[at : at + length] * 3
            case 4 if chance.random() < 0.2:
                del damaged[at:]
            case _ if at < len(damaged):
                damaged[at] ^= 1 << chance.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("kind", ["html", "text", "markdown", "csv", "docx", "pptx", "xlsx", "mail", "epub"])
def test_mutated_files(read, samples, kind):
    chance = random.Random(f"{kind}-7")
    outcomes = set()
    for _ in range(MUTATIONS):
        try:
            reading = read(kind, mutated(samples[kind], chance))
            outcomes.add(all(isinstance(block, Block) for block in reading.blocks))
        except FootnoteError as error:
            outcomes.add(error.message.endswith("."))
    assert outcomes == {True}


@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx", "epub"])
def test_mutated_members_of_archives(read, samples, rezip, kind):
    """Damage inside the members, which the checksums of a damaged archive would hide."""
    chance = random.Random(f"{kind}-members")
    with zipfile.ZipFile(io.BytesIO(samples[kind])) as archive:
        members = {
            name: archive.read(name)
            for name in archive.namelist()
            if name.endswith((".xml", ".opf", ".xhtml", ".rels"))
        }
    outcomes = set()
    for _ in range(MUTATIONS):
        name = chance.choice(sorted(members))
        try:
            read(kind, rezip(samples[kind], {name: mutated(members[name], chance)}))
            outcomes.add(True)
        except FootnoteError as error:
            outcomes.add(error.message.endswith("."))
    assert outcomes == {True}


OTHERS = [b"", b"\0" * 1000, bytes(range(256)) * 20, b"PK\x05\x06" + b"\0" * 18]


@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx", "epub"])
@pytest.mark.parametrize("data", OTHERS)
def test_archives_that_are_none(read, kind, data):
    with pytest.raises(BrokenFile):
        read(kind, data)


@pytest.mark.parametrize("kind", ["html", "text", "markdown", "csv", "mail"])
@pytest.mark.parametrize("data", OTHERS)
def test_bytes_that_are_no_text(read, kind, data):
    assert all(isinstance(block, Block) and block.text for block in read(kind, data).blocks)
