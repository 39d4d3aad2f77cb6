"""What doctor says of agents and tools: what is there, what only wants a setting, and what cannot be had."""

from __future__ import annotations

from pathlib import Path

from agents.settings import AgentSettings, McpSettings, PythonSettings
from app.cli.doctor_tools import agents, tools
from app.settings import Settings


async def test_tools_are_told_with_reasons_for_those_that_are_missing(tmp_path: Path) -> None:
    broken = AgentSettings(
        python=PythonSettings(bwrap=str(tmp_path / "none")),
        mcp=McpSettings(servers={"notes": {"command": str(tmp_path / "none")}}),
    )
    there, unset, *wrong = await tools(Settings(data_dir=tmp_path, agents=broken))
    assert there[:2] == ("tools", "ok")
    assert "search_documents" in there[2]
    assert "query_database, there is no connection: FOOTNOTE_AGENTS__DATABASE__CONNECTIONS" in unset[2]
    assert [line[:2] for line in wrong] == [("mcp_notes_*", "warning"), ("run_python", "warning")]
    assert f"no program {tmp_path / 'none'} here: install it" in wrong[0][2]
    assert "apt-get install bubblewrap" in wrong[1][2]


def test_a_mistake_in_the_agents_file_is_told_as_it_would_be_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "agents.yaml"
    settings = Settings(data_dir=tmp_path, agents=AgentSettings(file=file))
    file.write_text("agents: {clerk: {description: Files things., tools: [run_python]}}")
    assert agents(settings) == (
        "agents",
        "ok",
        "coordinator (the default), assistant, clerk, coder, critic, researcher",
    )
    file.write_text("policy: {tools: {run_pyhton: deny}}")
    what, state, says = agents(settings)
    assert (what, state) == ("agents", "missing")
    assert f"{file}, policy.tools.run_pyhton" in says
    assert "run_python?" in says
