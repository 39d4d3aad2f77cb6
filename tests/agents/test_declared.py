"""Agents in a file: what comes packaged, what an owner adds, and how a mistake is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.declared import declared
from agents.settings import AgentSettings, BudgetSettings
from agents.tool_names import ASK_PERSON, TOOLS
from agents.toolbox import Toolbox
from core.errors import ConfigurationError


def test_packaged_agents_stand_for_themselves() -> None:
    found = declared()
    assert found.default == "coordinator"
    assert set(found.agents) == {"assistant", "coordinator", "researcher", "coder", "critic"}
    coordinator = found.agents["coordinator"]
    assert (coordinator.agents, coordinator.critic) == (("researcher", "coder"), "critic")
    assert found.agents["assistant"].has("mcp_wiki_search")
    assert not found.agents["researcher"].has("run_python")
    assert found.agents["researcher"].budget(BudgetSettings()).steps == 12
    assert all(spec.prompt and spec.description for spec in found.agents.values())


def test_an_owner_adds_overrides_and_rules(tmp_path: Path) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text(
        """
default: clerk
agents:
  clerk: {description: Files things., tools: [search_documents, "mcp_files_*"], agents: [researcher], model: clerk-7b,
          limits: {steps: 3}, policy: {http_request: ask}}
  coder: {description: Only calculates., tools: [calculate]}
policy: {tools: {run_python: deny}, roles: {interns: {"mcp_*": deny}}}
"""
    )
    found = declared(file)
    clerk = found.agents["clerk"]
    assert (found.default, clerk.adapter, clerk.policy) == ("clerk", "clerk-7b", {"http_request": "ask"})
    assert clerk.has("mcp_files_read")
    assert not clerk.has("mcp_mail_send")
    assert found.agents["coder"].tools == ("calculate",)
    assert found.agents["researcher"].tools == declared().agents["researcher"].tools
    assert (found.tools, found.roles) == ({"run_python": "deny"}, {"interns": {"mcp_*": "deny"}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agents: [", "is no YAML"),
        ("agents: {a: {}}", r"agents\.a\.description"),
        ("agents: {A: {description: x}}", r"agents\.A"),
        ("agents: {a: {description: x, colour: red}}", r"agents\.a\.colour"),
        ("agents: {a: {description: x, agents: [b]}}", "no agent 'b'"),
        ("agents: {a: {description: x, critic: b}}", "no agent 'b'"),
        ("agents: {a: {description: x, agents: [b]}, b: {description: x, agents: [a]}}", "a → b → a"),
        ("agents: {a: {description: x, limits: {steps: 0}}}", r"limits\.steps"),
        ("agents: {a: {description: x, limits: {stepz: 1}}}", r"limits\.stepz"),
        ("agents: {answer: {description: x}}", "taken"),
        ("agents: {a: {description: x, tools: [answer]}}", "no tool"),
        ("agents: {a: {description: x, model: m, adapter: n}}", "either an adapter or a model"),
        ("agents: {a: {description: x, policy: {run_python: perhaps}}}", r"policy\.run_python"),
        ("default: nobody", "no agent 'nobody'"),
        ("policy: {tools: {run_pyhton: deny}}", r"policy\.tools\.run_pyhton: .*Did you mean run_python\?"),
        ("policy: {tools: {run_pyhton*: deny}}", r"policy\.tools\.run_pyhton\*: .*Did you mean run_python\?"),
        ("policy: {tools: {run: deny}}", r"policy\.tools\.run: there is no tool 'run'"),
        ("policy: {tools: {purge: deny}}", "Known are search_documents, .*, ask_person"),
        ("policy: {roles: {interns: {web_serch: deny}}}", r"policy\.roles\.interns\.web_serch: .*web_search\?"),
        ("policy: {roles: {interns: {mpc_*: deny}}}", r"interns\.mpc_\*: .* begins with mcp_"),
        ("agents: {a: {description: x, tools: [serach_documents]}}", r"agents\.a\.tools: .*search_documents\?"),
        (
            "agents: {a: {description: x, policy: {http_requst: ask}}}",
            r"agents\.a\.policy\.http_requst: .*http_request",
        ),
        (
            "agents: {a: {description: x, limits: {calls_per_tool: {calcualte: 1}}}}",
            r"agents\.a\.limits\.calls_per_tool\.calcualte: .*Did you mean calculate\?",
        ),
        (
            "agents: {a: {description: x, limits: {calls_per_tool: {'mcp_*': 1}}}}",
            r"per_tool\.mcp_\*: .*without \*",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=rf"agents\.yaml.*{said}"):
        declared(file)


def test_a_misspelt_tool_in_the_settings_counts_for_nothing_and_is_told() -> None:
    base = BudgetSettings(calls_per_tool={"calcualte": 1})
    with pytest.raises(ConfigurationError, match=r"CALLS_PER_TOOL\.calcualte: .*Did you mean calculate\?"):
        declared(base=base)
    assert declared(base=BudgetSettings(calls_per_tool={"calculate": 1, "researcher": 2})).default


@pytest.mark.parametrize(
    "text",
    [
        "policy: {tools: {" + ", ".join(f"{tool}: deny" for tool in TOOLS) + "}}",
        "policy: {tools: {'*': ask, '*_documents': always, 'run_*': deny, mcp_wiki_search: deny, 'mcp_*_put': ask}}",
        "policy: {roles: {'!admin': {'http_*': deny}}}",
        "agents: {a: {description: x, tools: ['*', web_search, 'mcp_wiki_*', mcp_wiki_search]}}",
        "agents: {a: {description: x, limits: {calls_per_tool: {run_python: 1, mcp_wiki_put: 1, researcher: 2}}}}",
    ],
)
def test_names_of_tools_that_are_not_set_up_here_and_patterns_are_taken(tmp_path: Path, text: str) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text(text)
    assert set(declared(file).agents) >= set(declared().agents)


def test_every_tool_that_can_be_there_has_its_name_in_the_list() -> None:
    nobody: Any = None  # no tool is called
    box = Toolbox(AgentSettings(), searcher=nobody, library=nobody)
    assert {*box.tools(), *box.absent(), ASK_PERSON} == set(TOOLS)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml cannot be read"):
        declared(tmp_path / "none.yaml")
