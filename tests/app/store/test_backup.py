"""Backups: a consistent copy while the original is in use."""

from __future__ import annotations

import asyncio

import pytest

from app.store.store import Store
from core.errors import ConfigurationError, Conflict


async def test_a_backup_taken_while_others_write_opens_as_a_store(store, tmp_path):
    writing = asyncio.gather(*(store.collections.create(f"c{number}") for number in range(20)))
    await store.backup_to(tmp_path / "copy.sqlite")
    await writing
    await store.backup_to(tmp_path / "whole.sqlite")
    assert sorted(path.name for path in tmp_path.glob("*copy*")) == ["copy.sqlite"]
    async with await Store.open(f"sqlite:///{tmp_path / 'whole.sqlite'}") as copy:
        assert len(await copy.collections.list()) == 21
        assert await copy.generations.active() == await store.generations.active()


async def test_nothing_is_overwritten(store, tmp_path):
    (tmp_path / "copy.sqlite").write_text("precious")
    with pytest.raises(Conflict):
        await store.backup_to(tmp_path / "copy.sqlite")
    assert (tmp_path / "copy.sqlite").read_text() == "precious"


async def test_postgresql_has_its_own_tools(store, tmp_path, monkeypatch):
    from app.store.database import Database

    elsewhere = Store(Database("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(ConfigurationError, match="pg_dump"):
        await elsewhere.backup_to(tmp_path / "copy.sqlite")
    await elsewhere.close()
