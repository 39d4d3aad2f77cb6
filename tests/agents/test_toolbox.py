"""Which tools there are with which settings, and that each that is missing has a reason."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from agents.settings import AgentSettings, DatabaseSettings, HttpSettings, McpSettings, PythonSettings, WebSettings
from agents.toolbox import Toolbox
from agents.tools.base import Arguments
from tests.agents.library import ShelfLibrary

ALWAYS = {"search_documents", "read_document", "find_in_document", "list_documents", "calculate"}


def toolbox(searcher_of: Any, **settings: Any) -> Toolbox:
    return Toolbox(AgentSettings(**settings), searcher=searcher_of([]), library=ShelfLibrary())


async def test_without_configuration_only_what_is_safe_is_there(searcher_of: Any) -> None:
    box = toolbox(searcher_of, python=PythonSettings(enabled=False))
    await box.tried()
    assert set(box.tools()) == ALWAYS
    assert set(box.absent()) == {"run_python", "query_database", "http_request", "web_search"}
    assert all("FOOTNOTE_AGENTS__" in reason for reason in box.absent().values())
    await box.close()


async def test_configuration_brings_the_others_and_the_sandbox_is_tried_first(searcher_of: Any, tmp_path: Path) -> None:
    box = toolbox(
        searcher_of,
        http=HttpSettings(hosts=("docs.example",)),
        web=WebSettings(url="https://search.example"),
        database=DatabaseSettings(connections={"sales": {"url": f"sqlite:///{tmp_path}/x.db"}}),
    )
    assert "run_python" not in box.tools()
    assert "tried" in box.absent()["run_python"]
    await box.tried()
    assert set(box.tools()) == ALWAYS | {"run_python", "query_database", "http_request", "web_search"}
    assert box.absent() == {}
    effects = {name: tool.effect for name, tool in box.tools().items()}
    assert {name for name, effect in effects.items() if effect == "reads_outside"} == {
        "query_database", "http_request", "web_search",
    }  # fmt: skip
    assert "sends" not in effects.values()
    await box.close()


async def test_without_a_sandbox_there_is_no_python(searcher_of: Any, tmp_path: Path) -> None:
    box = toolbox(searcher_of, python=PythonSettings(bwrap=str(tmp_path / "none")))
    await box.tried()
    assert "run_python" not in box.tools()
    assert "apt-get install bubblewrap" in box.absent()["run_python"]
    await box.close()


async def test_a_server_of_tools_that_does_not_start_holds_nobody_up(searcher_of: Any) -> None:
    silent = {"command": sys.executable, "args": ("-c", "input(); input()")}
    box = toolbox(
        searcher_of,
        python=PythonSettings(enabled=False),
        mcp=McpSettings(servers={"silent": silent}, start_seconds=600),
    )
    await box.start()
    assert set(box.tools()) == ALWAYS
    assert "mcp_silent_*" in box.absent()
    await box.close()


@pytest.mark.parametrize("name", sorted(ALWAYS))
async def test_every_tools_schema_is_closed_and_bounded(searcher_of: Any, name: str) -> None:
    tool = toolbox(searcher_of).tools()[name]
    assert issubclass(tool.arguments, Arguments)
    assert tool.schema["additionalProperties"] is False
    assert tool.description.endswith(".")


async def test_a_sandbox_that_cannot_even_be_tried_is_none(searcher_of: Any, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    box = toolbox(searcher_of, python=PythonSettings(bwrap=str(broken)))
    await box.tried()
    assert "run_python" not in box.tools()
    assert box.absent()["run_python"]
    await box.close()
