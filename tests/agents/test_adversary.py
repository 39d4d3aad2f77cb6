"""A scripted adversary tries each tool's worst arguments: every call ends in a refusal or in a bounded observation."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from agents.settings import DatabaseSettings, DocumentToolSettings, HttpSettings, PythonSettings, WebSettings
from agents.tools.base import Observation, Tool, ToolContext, call
from agents.tools.calculate import calculate_tool
from agents.tools.database import database_tool
from agents.tools.find import find_tool
from agents.tools.http import http_tool
from agents.tools.listing import list_tool
from agents.tools.python import python_tool
from agents.tools.read import read_tool
from agents.tools.search import search_tool
from agents.tools.web import web_tool
from core.types import EVERYONE, Principal, SearchRequest, SearchResult
from tests.agents import adversary
from tests.agents.library import ShelfLibrary
from tests.agents.tools.test_calculate import HOSTILE as EXPRESSIONS
from tests.agents.tools.test_http_inside import FORMS, Names
from tests.agents.tools.test_sql_guard import BOTH, HOSTILE_SQLITE
from tests.agents.tools.web_server import WebServer, reply, web_server

CONTEXT = ToolContext(principal=Principal(id="eve", groups=frozenset({EVERYONE})), run_id="run-1")
REFUSED = {"refused", "invalid_arguments"}
SMALL = PythonSettings(seconds=120, cpu_seconds=1, memory_bytes=1 << 28, scratch_bytes=8 << 20, max_chars=5_000)
WIDE = PythonSettings(seconds=120, cpu_seconds=60, memory_bytes=768 << 20, scratch_bytes=8 << 20)
STATEMENTS = [*BOTH[20::14], *HOSTILE_SQLITE[::9], "SELECT * FROM secrets; DROP TABLE secrets",
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n",
              "SELECT group_concat(a.x || b.x || c.x) FROM wide a, wide b, wide c"]  # fmt: skip


class NoSearcher:
    async def search(self, request: SearchRequest) -> SearchResult:
        return SearchResult(hits=(), timings_ms={})


@pytest.fixture(scope="module", autouse=True)
def lives() -> Iterator[None]:
    """The process that answers people outlives all of it, with little more memory and no process left behind."""
    before = psutil.Process().memory_info().rss
    yield
    children = psutil.Process().children(recursive=True)
    left = [each for each in children if each.status() != psutil.STATUS_ZOMBIE and "bwrap" in each.name()]
    assert not left
    assert psutil.Process().memory_info().rss - before < 300 << 20


@pytest.fixture
def library() -> ShelfLibrary:
    made = ShelfLibrary()
    made.add("open", "Everybody may read this.")
    made.add("secret", "The board may read this.", groups=("board",), title="The secret")
    return made


@pytest.fixture
async def engine() -> AsyncIterator[WebServer]:
    async with web_server() as made:
        yield made


Made = Callable[..., dict[str, Tool[Any]]]


@pytest.fixture
def tools(library: ShelfLibrary, tmp_path: Path) -> dict[str, Tool[Any]]:
    """Every tool that the house has, over nothing that could be reached."""
    path = tmp_path / "secrets.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("CREATE TABLE secrets (a); INSERT INTO secrets VALUES (1); CREATE TABLE wide (x)")
        connection.executemany("INSERT INTO wide VALUES (?)", [("x" * 1_000,)] * 300)
    connection.close()
    documents = DocumentToolSettings()
    made = [
        search_tool(NoSearcher(), documents), read_tool(library, documents), find_tool(library, documents),
        list_tool(library, documents), calculate_tool(), python_tool(SMALL), web_tool(WebSettings(url="http://127.0.0.1:1")),
        database_tool(DatabaseSettings(connections={"house": {"url": f"sqlite:///{path}"}}, seconds=5)),
        http_tool(HttpSettings(hosts=("docs.example",), plain_http=True), resolver=Names(docs_example=[["127.0.0.1"]])),
        http_tool(HttpSettings(hosts=("*",), plain_http=True), resolver=Names(docs_example=[["10.0.0.1"]])),
    ]  # fmt: skip
    names = [tool.name for tool in made[:-1]] + ["http_request, any host"]
    return dict(zip(names, made, strict=True))


def is_bounded(seen: Observation) -> bool:
    return len(seen.text) < 25_000 and len(json.dumps(dict(seen.data), default=str)) < 5_000_000


# ---- the sandbox ---------------------------------------------------------------------------------------------------


async def test_every_wall_of_the_sandbox_stands(
    tmp_path: Path, engine: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in one program: a wall that falls would let the ones after it be tried from outside as well."""
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    monkeypatch.setenv("FOOTNOTE_SECRET", "s3cret")
    walls = [each for each in adversary.WALLS if platform.machine() == "x86_64" or not each.startswith("kernel(")]
    head = f"WALLS, PORT, SECRET_FILE = {walls!r}, {engine.port}, {str(secret)!r}\n"
    code = head + adversary.PRELUDE
    tool = python_tool(WIDE)
    fields = tool.arguments.model_construct(code=code)  # longer than an agent may write
    seen = await tool.run(fields, CONTEXT)
    assert seen.text.strip() == f"[] {len(walls)}"
    assert not engine.asked


@pytest.mark.parametrize(("code", "failure", "says"), adversary.ENDINGS, ids=range(len(adversary.ENDINGS)))
async def test_programs_that_try_not_to_end(code: str, failure: str | None, says: str) -> None:
    seen = await call(python_tool(SMALL), {"code": code}, CONTEXT)
    assert seen.failure == failure
    assert says in seen.text
    assert is_bounded(seen)
    assert os.path.realpath(__file__) not in seen.text


# ---- documents, arithmetic, addresses, statements --------------------------------------------------------------------


async def test_no_id_leads_to_another_ones_document(tools: dict[str, Tool[Any]]) -> None:
    for name in adversary.DOCUMENTS:
        for tool, arguments in (
            ("read_document", {"document_id": name}),
            ("read_document", {"document_id": name, "page": 1, "section": name}),
            ("find_in_document", {"document_id": name, "query": "board"}),
        ):
            seen = await call(tools[tool], arguments, CONTEXT)
            assert seen.failure in REFUSED, (tool, name)
            assert "board" not in seen.text
        listed = await call(tools["list_documents"], {"title": name, "after": name, "collection": name}, CONTEXT)
        assert "board" not in listed.text
        assert is_bounded(listed)
    assert "The secret" not in (await call(tools["list_documents"], {}, CONTEXT)).text


async def test_no_expression_does_more_than_arithmetic(tools: dict[str, Tool[Any]]) -> None:
    for expression in EXPRESSIONS:
        assert (await call(tools["calculate"], {"expression": expression}, CONTEXT)).failure in REFUSED, expression


async def test_no_address_leads_inside(tools: dict[str, Tool[Any]]) -> None:
    for url in FORMS:
        for tool in ("http_request", "http_request, any host"):
            assert (await call(tools[tool], {"url": url}, CONTEXT)).failure in REFUSED, (tool, url)


async def test_no_statement_writes_waits_or_fills_the_memory(tools: dict[str, Tool[Any]], tmp_path: Path) -> None:
    for sql in STATEMENTS:
        seen = await call(tools["query_database"], {"connection": "house", "sql": sql}, CONTEXT)
        assert seen.failure is not None or "more" in seen.data, sql
        assert is_bounded(seen), sql
    with sqlite3.connect(tmp_path / "secrets.db") as connection:
        assert connection.execute("SELECT a FROM secrets").fetchall() == [(1,)]
    connection.close()


async def test_a_hostile_engine_brings_bounded_results_or_none(engine: WebServer) -> None:
    tool = web_tool(WebSettings(url=f"http://127.0.0.1:{engine.port}", seconds=60))
    results = [{"title": "x" * 100_000, "url": f"https://a.example/{n}", "content": "y" * 100_000} for n in range(9)]
    for body in (json.dumps({"results": results}).encode(), b"[" * 1_000_000, b'{"results":' * 50_000, b"\xff" * 5_000):
        engine.answers["GET /search?q=x&format=json"] = reply(body, kind="application/json")
        seen = await call(tool, {"query": "x"}, CONTEXT)
        assert is_bounded(seen)
        assert seen.untrusted or seen.failure is not None


async def test_what_no_tool_takes_is_refused_by_all(tools: dict[str, Tool[Any]]) -> None:
    for name, tool in tools.items():
        for arguments in adversary.MALFORMED:
            seen = await call(tool, arguments, CONTEXT)
            if (name, arguments) != ("list_documents", {}):
                assert seen.failure == "invalid_arguments", (name, str(arguments)[:100])
            assert len(seen.text) < 2_000, "what was given is not repeated"


def test_there_are_enough_attacks() -> None:
    alone = [*adversary.WALLS, *(code for code, _, _ in adversary.ENDINGS)]
    assert len(set(alone)) == len(alone) >= 130
    others = len(EXPRESSIONS) + 2 * len(FORMS) + len(STATEMENTS) + 4 * len(adversary.DOCUMENTS)
    assert len(alone) + others + len(adversary.MALFORMED) >= 400
