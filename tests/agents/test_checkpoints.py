"""Where runs are kept: the same on every saver, and told when it cannot be written."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from agents.checkpoints import Checkpoints, open_checkpoints
from agents.settings import BudgetSettings
from agents.state import needed
from core.errors import ConfigurationError, StoreUnavailable
from tests.agents.runs import LEAVE, Rules, Script, agents_of, call, events_of, request, say, search, state_of, tool_of
from tests.conftest import Postgres


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def checkpoints(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Checkpoints]:
    if request.param == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        with postgres.database() as url:
            async with open_checkpoints(url) as first, open_checkpoints(url) as saver:  # two servers share one database
                assert first is not saver
                yield saver
        return
    url = "memory:" if request.param == "memory" else f"sqlite+aiosqlite:///{tmp_path / 'runs.sqlite'}"
    async with open_checkpoints(url) as saver:
        yield saver


async def test_a_run_waits_goes_on_and_is_forgotten(checkpoints: Checkpoints) -> None:
    script = Script(call("search_documents", text="a"), call("send", text="x"), say((LEAVE, ["1"])), say())
    tools = [search(), tool_of("send", lambda a, c: "Sent.", effect="sends")]
    agents = agents_of(script, checkpoints, *tools, rules=Rules(send="ask"))
    assert (await state_of(agents, request()))["status"] == "interrupted"
    state = await state_of(agents, request(None, resume={"decisions": [{"type": "approve"}], "step": 2}))
    assert [each["decision"] for each in state["values"]["steps"]] == [None, "approve", None]
    assert (await state_of(agents, request("More?", run_id="r2")))["values"]["sources"] == []
    kept = [len(each.values["steps"]) for each in await agents.history("t", limit=100)]
    assert kept[0] == 1
    assert max(kept) == 3
    await agents.forget("t")
    assert await agents.state("t") is None
    await agents.forget("t")


async def test_a_checkpoint_holds_what_it_added(tmp_path: Path) -> None:
    file = tmp_path / "runs.sqlite"
    long = "x" * 7_000
    steps = [call("tell", text=str(number)) for number in range(12)]
    async with open_checkpoints(f"sqlite:///{file}") as saver:
        agents = agents_of(Script(*steps, say()), saver, tool_of("tell", lambda a, c: long))
        await events_of(agents, request())
    with sqlite3.connect(file) as connection:
        [kept] = connection.execute(
            "SELECT (SELECT sum(length(checkpoint)) FROM checkpoints) + (SELECT sum(length(value)) FROM writes)"
        ).fetchone()
    assert kept < 6 * 12 * len(long)  # each text a few times, not once for every node that followed


async def test_what_no_database_takes_is_left_out(checkpoints: Checkpoints) -> None:
    script = Script(call("tell"), say(("It is.", ["1"])))
    agents = agents_of(script, checkpoints, tool_of("tell", lambda a, c: "half \ud800 and nought \x00"))
    values = (await state_of(agents, request("Why \ud800?")))["values"]
    assert values["sources"][0]["text"] == "half ? and nought \x00"
    assert values["messages"][0]["content"] == "Why ??"


async def test_a_checkpoint_makes_no_objects(checkpoints: Checkpoints) -> None:
    serde = checkpoints.serde  # type: ignore[attr-defined]
    kept = JsonPlusSerializer().dumps_typed({"path": BudgetSettings()})
    assert isinstance(serde.loads_typed(kept)["path"], dict)


async def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "runs.sqlite"
    async with open_checkpoints(f"sqlite:///{file}") as saver:
        agents = agents_of(Script(call("tell"), say()), saver, tool_of("tell", lambda a, c: "x"))
        with sqlite3.connect(file) as connection:
            connection.execute("DROP TABLE checkpoints")
        with pytest.raises(StoreUnavailable, match="cannot be written"):
            await saver.adelete_thread("t")
        assert agents.agents()


async def test_a_database_that_is_gone_is_told(postgres: Postgres) -> None:
    with postgres.database() as url:
        async with open_checkpoints(url) as saver:
            agents = agents_of(Script(say()), saver)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DROP TABLE checkpoints")
            with pytest.raises(StoreUnavailable, match="does not answer"):
                await state_of(agents, request())


async def test_another_database_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sqlite: or postgresql:"):
        async with open_checkpoints("mysql://host/name"):
            pass


def test_writes_are_kept_all_or_none() -> None:
    assert needed([("budget", 1), ("steps", [])])
    assert needed([("__interrupt__", 1)])
    assert not needed([("budget", 1), ("branch:to:act", None)])
