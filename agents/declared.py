"""Agents as their owner declares them: a YAML file that adds to and overrides the packaged `agents/agents.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agents.settings import BudgetSettings
from agents.tool_names import ASK_PERSON, uncounted, unknown
from core.errors import ConfigurationError
from core.types import Permission

ANSWER = "answer"
"""The name of the action that ends an agent's work; neither tool nor agent may have it."""
_NAME = r"^[a-z][a-z0-9_]{0,63}$"
_Name = Annotated[str, Field(pattern=_NAME)]
_Pattern = Annotated[str, Field(pattern=r"^[a-z0-9_*]{1,64}$")]


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSpec:
    """An agent: what it is told, which tools it has (`*` stands for any letters) and which agents it may set to work.

    `critic` is the agent that looks over its answer. `limits` override the settings' budget, by their names there.
    `policy` are permissions by tool.
    """

    name: str
    description: str
    prompt: str
    tools: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    critic: str | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    adapter: str | None = None
    policy: Mapping[str, Permission] = field(default_factory=dict)

    def has(self, tool: str) -> bool:
        """Whether it was given this tool."""
        return any(fnmatchcase(tool, pattern) for pattern in self.tools)

    def budget(self, base: BudgetSettings) -> BudgetSettings:
        """Its limits over those of the settings."""
        return BudgetSettings(**{**base.model_dump(), **self.limits})


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """All agents by name, the one that works where none is asked for, and the owner's rules: permissions by tool
    (`tools`) and, for each role, by tool (`roles`)."""

    agents: Mapping[str, AgentSpec]
    default: str
    tools: Mapping[str, Permission] = field(default_factory=dict)
    roles: Mapping[str, Mapping[str, Permission]] = field(default_factory=dict)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Agent(_Strict):
    description: str = Field(min_length=1, max_length=1_000)
    prompt: str = Field(default="", max_length=20_000)
    tools: tuple[_Pattern, ...] = ()
    agents: tuple[_Name, ...] = ()
    critic: _Name | None = None
    limits: dict[str, Any] = {}
    adapter: str | None = None
    model: str | None = None
    policy: dict[_Pattern, Permission] = {}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.adapter and self.model:
            raise ValueError("name either an adapter or a model: both are what the engine is asked for")
        if ANSWER in self.tools:
            raise ValueError(f"{ANSWER} is no tool: every agent may answer")
        return self


class _Rules(_Strict):
    tools: dict[_Pattern, Permission] = {}
    roles: dict[str, dict[_Pattern, Permission]] = {}


class _File(_Strict):
    agents: dict[_Name, _Agent] = {}
    default: _Name | None = None
    policy: _Rules = _Rules()


def declared(file: Path | None = None, *, base: BudgetSettings | None = None) -> Declared:
    """The packaged agents with the owner's. An agent of the owner's replaces the packaged one of its name as a whole.

    Raises `ConfigurationError` that names file and place for what cannot work.
    """
    packaged = _read(_text(Path(__file__).with_name("agents.yaml")), "agents.yaml")
    own = _File() if file is None else _read(_text(file), str(file))
    agents = {name: _spec(name, each) for name, each in (packaged.agents | own.agents).items()}
    default = own.default or packaged.default or ""
    where = "agents.yaml" if file is None else str(file)
    _check(agents, default, where, base or BudgetSettings())
    _check_counted((base or BudgetSettings()).calls_per_tool, "FOOTNOTE_AGENTS__BUDGET__CALLS_PER_TOOL", agents)
    _check_tools(packaged, "agents.yaml", agents)
    _check_tools(own, where, agents)
    return Declared(agents=agents, default=default, tools=own.policy.tools, roles=own.policy.roles)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The agents' file {file} cannot be read: {error}") from None


def _read(text: str, where: str) -> _File:
    import yaml

    try:
        return _File.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{where} is no YAML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise ConfigurationError(f"{where}, {place}: {first['msg']}") from None


def _spec(name: str, agent: _Agent) -> AgentSpec:
    return AgentSpec(
        name=name,
        description=" ".join(agent.description.split()),
        prompt=agent.prompt.strip(),
        tools=agent.tools,
        agents=agent.agents,
        critic=agent.critic,
        limits=agent.limits,
        adapter=agent.adapter or agent.model,
        policy=agent.policy,
    )


def _check(agents: Mapping[str, AgentSpec], default: str, where: str, base: BudgetSettings) -> None:
    if default not in agents:
        raise ConfigurationError(f"{where}, default: there is no agent {default!r}.")
    for name, spec in agents.items():
        for other in (*spec.agents, *([spec.critic] if spec.critic else [])):
            if other not in agents:
                raise ConfigurationError(f"{where}, agents.{name}: there is no agent {other!r}.")
        if name in (ANSWER, ASK_PERSON):
            raise ConfigurationError(f"{where}, agents.{name}: this name is taken.")
        try:
            spec.budget(base)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ConfigurationError(f"{where}, agents.{name}.limits.{place}: {first['msg']}") from None
    for name in agents:
        _no_circle(agents, name, (), where)


def _check_tools(file: _File, where: str, agents: Mapping[str, AgentSpec]) -> None:
    """A rule for a tool that does not exist would hold for none, and nobody would notice."""
    for place, name in _named(file):
        if wrong := unknown(name):
            raise ConfigurationError(f"{where}, {place}: {wrong}")
    for agent, spec in file.agents.items():
        _check_counted(spec.limits.get("calls_per_tool", {}), f"{where}, agents.{agent}.limits.calls_per_tool", agents)


def _check_counted(names: Iterable[str], where: str, agents: Mapping[str, AgentSpec]) -> None:
    for name in names:
        if wrong := uncounted(name, agents):
            raise ConfigurationError(f"{where}.{name}: {wrong}")


def _named(file: _File) -> Iterator[tuple[str, str]]:
    """Where the file names tools, and which."""
    for agent, spec in file.agents.items():
        for name in spec.tools:
            yield f"agents.{agent}.tools", name
        for name in spec.policy:
            yield f"agents.{agent}.policy.{name}", name
    for name in file.policy.tools:
        yield f"policy.tools.{name}", name
    for role, rules in file.policy.roles.items():
        for name in rules:
            yield f"policy.roles.{role}.{name}", name


def _no_circle(agents: Mapping[str, AgentSpec], name: str, above: tuple[str, ...], where: str) -> None:
    """An agent that sets itself to work, by way of others too, would never come to an end but by its budget."""
    if name in above:
        raise ConfigurationError(f"{where}, agents.{name}: it sets itself to work ({' → '.join((*above, name))}).")
    for other in agents[name].agents:
        _no_circle(agents, other, (*above, name), where)


def is_name(text: str) -> bool:
    """Whether an agent may have this name."""
    return re.fullmatch(_NAME, text) is not None
