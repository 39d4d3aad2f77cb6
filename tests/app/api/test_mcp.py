"""The MCP endpoint: driven by the official client over HTTP and on stdio, and by hand where a client would not go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from agents.settings import McpServer, McpSettings
from agents.tools.base import ToolContext, call
from agents.tools.mcp import McpTools
from core.types import Principal


def message(method: str, number: Any = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


async def test_the_official_client_searches_reads_and_asks_under_its_own_key(
    keyed: Any, serve: Any, ana: str, ben: str
) -> None:
    document = await keyed.handbook(client=keyed.as_(ana), groups='["hr"]')
    async with serve(keyed.app) as address:
        for key, sees in ((ana, True), (ben, False)):
            http = create_mcp_http_client(headers={"authorization": f"Bearer {key}"})
            async with http, Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client:
                assert client.server_info is not None
                assert client.server_info.name == "footnote"
                listed = await client.list_tools()
                assert [tool.name for tool in listed.tools] == ["search", "read", "ask"]
                found = await client.call_tool("search", {"query": "How much leave?"})
                assert ("Leave is 28 days." in found.content[0].text) is sees
                read = await client.call_tool("read", {"document_id": document["document_id"]})
                assert read.is_error is not sees
                assert ("28 days" in read.content[0].text) is sees
                asked = await client.call_tool("ask", {"question": "How much leave?"})
                assert asked.structured_content is not None
                assert asked.structured_content["answerable"] is sees
                assert (f"document_id {document['document_id']}" in asked.content[0].text) is sees


async def test_the_official_client_on_stdio_reaches_the_same_server(
    keyed: Any, serve: Any, ana: str, tmp_path: Path
) -> None:
    await keyed.handbook(client=keyed.as_(ana))
    async with serve(keyed.app) as address:
        environment = {"FOOTNOTE_URL": address, "FOOTNOTE_KEY": ana, "FOOTNOTE_DATA_DIR": str(tmp_path / "none")}
        program = StdioServerParameters(command=sys.executable, args=["-m", "app.cli", "mcp"], env=environment)
        async with Client(program) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["search", "read", "ask"]
            found = await client.call_tool("search", {"query": "How much leave?"})
            assert "Leave is 28 days." in found.content[0].text
            wrong = await client.call_tool("search", {"query": "x", "nonsense": 1})
            assert wrong.is_error


async def test_an_answer_bears_its_footnotes(world: Any) -> None:
    document = await world.handbook()
    asked = {"question": "How much leave?"}
    reply = await world.http.post("/mcp", json=message("tools/call", name="ask", arguments=asked))
    text = reply.json()["result"]["content"][0]["text"]
    assert text.startswith("Leave is 28 days. [1] Leave may be carried over. [2]\n[1] ")
    assert text.count(document["document_id"]) == 2
    none = await world.http.post("/mcp", json=message("tools/call", name="ask", arguments={"question": "Who won?"}))
    assert none.json()["result"]["content"][0]["text"] == "The documents do not answer this."


WRONG = [
    ([], -32600),
    ([message("ping")], -32600),
    ("x", -32600),
    ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, -32600),
    ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600),
    ({"jsonrpc": "2.0", "id": {"a": 1}, "method": "ping"}, -32600),
    ({"jsonrpc": "2.0", "id": 1, "method": 3}, -32600),
    ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, -32602),
    (message("resources/list"), -32601),
    (message("server/discover"), -32601),
    (message("tools/call"), -32602),
    (message("tools/call", name="run_python", arguments={"code": "1"}), -32602),
    (message("tools/call", name="search", arguments=[1]), -32602),
]


async def test_what_is_no_request_is_an_error_of_the_protocol(world: Any) -> None:
    for sent, code in WRONG:
        reply = await world.http.post("/mcp", json=sent)
        assert (reply.status_code, reply.json()["error"]["code"]) == (200, code), sent


UNDONE = [
    ("search", {}, "query"),
    ("search", {"query": "x", "extra": 1}, "extra"),
    ("search", {"query": "x" * 9_999}, "query"),
    ("read", {"document_id": "../../etc/passwd"}, "no such document"),
    ("ask", {}, "question"),
    ("ask", {"question": "x", "collection": "nowhere"}, "nowhere"),
    ("ask", {"question": "x" * 99_999}, "question"),
]


async def test_what_cannot_be_done_is_told_to_the_model(world: Any) -> None:
    for name, arguments, says in UNDONE:
        reply = await world.http.post("/mcp", json=message("tools/call", name=name, arguments=arguments))
        result = reply.json()["result"]
        assert result["isError"] is True, arguments
        assert says in result["content"][0]["text"], arguments


async def test_versions_are_agreed_upon_and_notifications_want_no_reply(world: Any) -> None:
    for asked, agreed in (("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25"), (None, "2025-11-25")):
        reply = await world.http.post("/mcp", json=message("initialize", protocolVersion=asked))
        assert reply.json()["result"]["protocolVersion"] == agreed
    for quiet in ({"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 9, "result": {}}):
        reply = await world.http.post("/mcp", json=quiet)
        assert (reply.status_code, reply.content) == (202, b"")
    assert (await world.http.post("/mcp", content=b"{")).status_code == 400
    assert (await world.http.get("/mcp")).status_code == 405
    unknown = await world.http.post("/mcp", json=message("ping"), headers={"mcp-protocol-version": "2099-01-01"})
    assert unknown.status_code == 400


async def test_without_a_key_nothing_is_told(keyed: Any) -> None:
    reply = await keyed.http.post("/mcp", json=message("tools/list"))
    assert reply.status_code == 401


async def test_personal_data_goes_to_other_programs_as_the_collection_allows(world: Any) -> None:
    for policy, goes in (("mask", True), ("block", False)):
        await world.http.post("/v1/collections", json={"name": policy, "personal": policy})
        text = "For leave write to ada.lovelace@example.com in time."
        document = await world.handbook(text, collection=policy, name=f"{policy} max.mustermann@example.org.txt")
        arguments = {"document_id": document["document_id"]}
        reply = await world.http.post("/mcp", json=message("tools/call", name="read", arguments=arguments))
        told = reply.json()["result"]["content"][0]["text"]
        assert "ada.lovelace" not in reply.text
        assert "max.mustermann" not in reply.text, "titles and headings say as much as texts"
        assert ("For leave write to" in told) is goes
        assert ("[EMAIL_ADDRESS_1]" in told and "[EMAIL_ADDRESS_2]" in told) is goes
        assert ("may not be shown" in told) is not goes


async def test_agents_use_a_server_that_speaks_http(keyed: Any, serve: Any, ana: str) -> None:
    """Our own endpoint is one: both ends of the protocol meet."""
    await keyed.handbook(client=keyed.as_(ana))
    async with serve(keyed.app) as address:
        servers = {
            name: McpServer(url=f"{address}/mcp", headers={"Authorization": f"Bearer {key}"}, seconds=60)
            for name, key in (("house", ana), ("stranger", "no-such-key-0123456789"))
        }
        tools = McpTools(McpSettings(servers=servers, start_seconds=120))
        try:
            tools.start()
            await tools.tried()
            assert set(tools.tools()) == {"mcp_house_search", "mcp_house_read", "mcp_house_ask"}
            assert "could not be started" in tools.absent()["mcp_stranger_*"]
            context = ToolContext(principal=Principal(id="x"), run_id="run-1")
            found = await call(tools.tools()["mcp_house_search"], {"query": "How much leave?"}, context)
            assert "Leave is 28 days." in found.text
            assert ana not in str([tool.schema for tool in tools.tools().values()]) + found.text
        finally:
            await tools.close()
