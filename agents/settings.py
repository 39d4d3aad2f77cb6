"""What can be configured about answering."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from agents.rails.settings import RailsSettings

_LABEL = r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)"
HOST = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*(?!0x)(?=[a-z0-9_-]*[a-z]){_LABEL}")
"""A host's name; its last part is no number, else it would be read as an address."""


class Room(BaseModel):
    """Base of this room's settings: frozen, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OutputSettings(Room):
    """The bounds of what a generator may write. They stand in the JSON schema, so no answer can run on."""

    max_statements: int = Field(default=8, ge=1, le=64, description="Statements in one answer, at most.")
    max_statement_chars: int = Field(
        default=1_200, ge=40, le=10_000, description="Characters of one statement, at most."
    )
    max_citations: int = Field(default=4, ge=1, le=32, description="Sources one statement may cite, at most.")


class VerifySettings(Room):
    """How statements are held against what they cite."""

    threshold: float = Field(
        default=0.4, ge=0, le=1, description="Support from which a statement counts as supported by its sources."
    )
    sentences: int = Field(
        default=8, ge=1, le=256, description="Sentences of the cited sources a reworded statement is compared with."
    )


class JudgeSettings(Room):
    """Who has the last word on whether sources carry a statement that is not their own words."""

    kind: Literal["similarity", "nli", "generator"] = Field(
        default="similarity",
        description="similarity: likeness decides, no further model; nli: a cross-encoder trained on inference; "
        "generator: the model that writes judges too.",
    )
    seconds: float = Field(
        default=10.0,
        gt=0,
        description="Time for all statements of an answer; beyond it likeness decides, and it is said.",
    )
    model: str | None = Field(
        default=None, description="nli: name or path of the model, e.g. cross-encoder/nli-deberta-v3-base."
    )
    revision: str | None = Field(default=None, description="nli: the commit of a model named by its hub name.")
    device: str = Field(default="cpu", description="nli: the torch device, e.g. cuda.")
    batch: int = Field(default=16, ge=1, le=1024, description="nli: pairs in a batch.")
    max_tokens: int | None = Field(
        default=None, ge=16, description="nli: tokens read of a pair if fewer than the model's own limit."
    )
    threshold: float = Field(
        default=0.5, ge=0, le=1, description="nli: probability of entailment from which a statement is supported."
    )
    reason_chars: int = Field(
        default=200, ge=20, le=2_000, description="generator: characters of the reason it gives, at most."
    )

    @model_validator(mode="after")
    def _has_a_model(self) -> Self:
        if self.kind == "nli" and not self.model:
            raise ValueError("kind=nli needs a model: set FOOTNOTE_AGENTS__JUDGE__MODEL to its name or folder")
        return self


class BudgetSettings(Room):
    """What one run, or one agent of a run, may use before it has to answer from what it knows."""

    steps: int = Field(default=24, ge=1, le=10_000, description="Steps (a thought with an action), at most.")
    tool_calls: int = Field(default=32, ge=0, le=10_000, description="Calls of tools in all, at most.")
    calls_per_tool: dict[str, Annotated[int, Field(ge=0, le=10_000)]] = Field(
        default_factory=dict, description="Calls of a single tool, at most, by its name; others only count in all."
    )
    identical_calls: int = Field(
        default=2, ge=1, le=100, description="Calls of the same tool with the same arguments, at most."
    )
    tokens: int = Field(default=120_000, ge=1, description="Tokens read and written by models, at most.")
    final_tokens: int = Field(
        default=12_000, ge=0, description="Tokens of those that are kept back for the final answer."
    )
    seconds: float = Field(
        default=300.0, gt=0, description="Seconds at work, at most; waiting for a person does not count."
    )
    final_seconds: float = Field(
        default=30.0, ge=0, description="Seconds of those that are kept back for the final answer."
    )
    cost: float | None = Field(
        default=None, ge=0, description="Cost of models and tools in the currency of their prices, at most."
    )

    @model_validator(mode="after")
    def _keeps_back_less_than_it_has(self) -> Self:
        if self.final_tokens >= self.tokens:
            raise ValueError("final_tokens must be less than tokens, else no step could be taken")
        if self.final_seconds >= self.seconds:
            raise ValueError("final_seconds must be less than seconds, else no step could be taken")
        return self


Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class HttpSettings(Room):
    """What `http_request` may reach. Without hosts there is no such tool."""

    hosts: tuple[str, ...] = Field(
        default=(), description="Names it may ask: docs.example.org, *.example.org (what is below it), or * for any."
    )
    plain_http: bool = Field(default=False, description="Whether http:// is allowed beside https://.")
    ports: tuple[Annotated[int, Field(ge=1, le=65_535)], ...] = Field(
        default=(80, 443), description="Ports it may ask."
    )
    methods: tuple[Method, ...] = Field(
        default=("GET", "HEAD"),
        min_length=1,
        description="Methods; with any but GET and HEAD the tool is one that sends.",
    )
    seconds: float = Field(default=20.0, gt=0, le=600, description="Time for a request, redirects included.")
    max_bytes: int = Field(default=2_000_000, ge=1_000, description="Bytes read of a response, after unpacking.")
    max_chars: int = Field(default=20_000, ge=100, description="Characters of a response that an agent is shown.")
    max_redirects: int = Field(default=5, ge=0, le=20, description="Redirects followed, each checked like the first.")

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if host != "*" and not HOST.fullmatch(host):
                raise ValueError(
                    f"{host!r} is not a host's name: write it in lower case, without scheme, port and path; "
                    "addresses are not allowed"
                )
        return hosts


class DatabaseConnection(Room):
    """A database that `query_database` may read. Give it an account that may do no more than that."""

    url: SecretStr = Field(description="sqlite:////path/to/file or postgresql://user:password@host/name")
    description: str = Field(default="", max_length=500, description="What is in it, told to the agent.")

    @property
    def dialect(self) -> Literal["sqlite", "postgres"]:
        """The SQL it is asked in."""
        return "sqlite" if self.url.get_secret_value().startswith("sqlite:") else "postgres"

    @field_validator("url")
    @classmethod
    def _is_known(cls, url: SecretStr) -> SecretStr:
        if not re.match(r"(sqlite|postgresql)(\+psycopg|\+pysqlite)?://", url.get_secret_value()):
            raise ValueError("a connection's url begins with sqlite:// or postgresql://")
        return url


class DatabaseSettings(Room):
    """What `query_database` may read. Without connections there is no such tool."""

    connections: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], DatabaseConnection] = Field(
        default_factory=dict, description="Databases by the names that agents call them."
    )
    seconds: float = Field(default=15.0, gt=0, le=600, description="Time for a query, starting its process included.")
    max_rows: int = Field(default=200, ge=1, le=100_000, description="Rows of a result, at most.")
    max_bytes: int = Field(default=1_000_000, ge=1_000, description="Bytes of a result, at most.")
    max_chars: int = Field(default=20_000, ge=100, description="Characters of a result that an agent is shown.")
    memory_bytes: int = Field(default=1 << 30, ge=1 << 28, description="Memory of the process that asks.")


class PriceSettings(Room):
    """What models and tools cost, in the currency of the budget's `cost`."""

    prompt: float = Field(default=0.0, ge=0, description="A million tokens read by the model.")
    completion: float = Field(default=0.0, ge=0, description="A million tokens written by the model.")
    calls: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict, description="One call of a tool, by its name; others cost nothing."
    )


class StepSettings(Room):
    """The bounds of an agent's steps, and what it is shown of what they brought."""

    thought_chars: int = Field(default=600, ge=40, le=10_000, description="Characters of a thought, at most.")
    observation_chars: int = Field(
        default=8_000, ge=200, le=200_000, description="Characters of what a call brought that are kept and shown."
    )
    tokens: int = Field(default=1_024, ge=64, description="Tokens a generator may write for one step.")
    seconds: float = Field(default=120.0, gt=0, description="Time to write one step, a second try included.")
    task_chars: int = Field(default=20_000, ge=1, description="Longest task accepted, in characters.")
    critique_reasons: int = Field(default=5, ge=1, le=20, description="Reasons for which a critic may send back.")
    reason_chars: int = Field(default=300, ge=40, le=2_000, description="Characters of each of these reasons, at most.")


class DocumentToolSettings(Room):
    """What agents see of documents at a time."""

    passages: int = Field(default=6, ge=1, le=64, description="Passages that a search shows, at most.")
    read: int = Field(default=12, ge=1, le=200, description="Passages that are read at a time, at most.")
    listed: int = Field(default=20, ge=1, le=200, description="Documents in a listing, at most.")
    max_chars: int = Field(default=12_000, ge=1_000, description="Characters of passages shown at a time, at most.")
    max_passages: int = Field(
        default=5_000, ge=1, le=50_000, description="Passages of one document that are looked through, at most."
    )
    seconds: float = Field(default=20.0, gt=0, le=600, description="Time for one look.")


class PythonSettings(Room):
    """The sandbox in which `run_python` runs what a model wrote. It needs bubblewrap; without it there is no tool."""

    enabled: bool = Field(default=True, description="Whether agents may run Python where a sandbox can be made.")
    bwrap: str = Field(default="bwrap", description="The program bubblewrap.")
    seconds: float = Field(default=30.0, gt=0, le=600, description="Time for a program, starting included.")
    cpu_seconds: int = Field(default=20, ge=1, le=600, description="Processor time that it may take.")
    memory_bytes: int = Field(default=1 << 30, ge=1 << 28, description="Memory that it may take.")
    scratch_bytes: int = Field(default=64 << 20, ge=1 << 20, description="What it may write, in bytes.")
    max_chars: int = Field(default=20_000, ge=100, description="Characters of what it prints that are kept.")
    max_pictures: int = Field(default=4, ge=0, le=32, description="Pictures (PNG) that come back, at most.")
    picture_bytes: int = Field(default=250_000, ge=1_000, description="Bytes of one picture, at most.")
    at_a_time: int = Field(default=2, ge=1, le=64, description="Programs that run at the same time; others wait.")


class WebSettings(Room):
    """The search engine that `web_search` asks. Without a url there is no such tool."""

    url: str | None = Field(
        default=None, max_length=2_000, description="A SearXNG's address that answers JSON: https://search.example.org"
    )
    key: SecretStr | None = Field(default=None, description="A bearer token for it, if it wants one.")
    results: int = Field(default=8, ge=1, le=50, description="Results shown, at most.")
    max_chars: int = Field(default=600, ge=50, le=10_000, description="Characters of one result's text.")
    max_bytes: int = Field(default=2_000_000, ge=1_000, description="Bytes read of an answer.")
    seconds: float = Field(default=15.0, gt=0, le=600, description="Time for a search.")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?", url):
            raise ValueError("a search engine's url begins with http:// or https:// and has no query")
        return url


class McpServer(Room):
    """A server of tools that speaks MCP: a program that is started (`command`) or one that listens (`url`)."""

    command: str | None = Field(default=None, max_length=1_000, description="A program that speaks MCP on stdio.")
    args: tuple[str, ...] = Field(default=(), description="Its arguments.")
    env: dict[str, SecretStr] = Field(default_factory=dict, description="Its environment, beside PATH and HOME.")
    url: str | None = Field(default=None, max_length=2_000, description="The address of one that speaks HTTP.")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Headers it is sent, e.g. Authorization.")
    tools: tuple[str, ...] = Field(default=("*",), description="Tools to offer; * stands for any letters.")
    effects: dict[str, Literal["reads_outside", "writes", "sends"]] = Field(
        default_factory=dict, description="What its tools do, by name or pattern; all others count as sends."
    )
    seconds: float = Field(default=30.0, gt=0, le=600, description="Time for a call.")
    max_chars: int = Field(default=20_000, ge=100, description="Characters of a result that an agent is shown.")

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("an MCP server has either a command or a url")
        if self.url is not None and not re.match(r"https?://[^\s/]", self.url):
            raise ValueError("an MCP server's url begins with http:// or https://")
        return self


class McpSettings(Room):
    """Servers of tools that agents may use."""

    servers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")], McpServer] = Field(
        default_factory=dict, description="MCP servers by name; their tools are called mcp_NAME_TOOL."
    )
    start_seconds: float = Field(default=30.0, gt=0, le=600, description="Time for a server to start and list tools.")
    memory_bytes: int = Field(
        default=1 << 30, ge=1 << 28, description="Memory of the process that speaks with a server."
    )


class AgentSettings(Room):
    """Answering a question from documents."""

    sources: int = Field(default=8, ge=1, le=64, description="Passages offered to the generator, at most.")
    max_question_chars: int = Field(default=4_000, ge=1, description="Longest question accepted, in characters.")
    history_turns: int = Field(
        default=6, ge=0, le=100, description="Earlier questions of the conversation that are taken into account."
    )
    condense_seconds: float = Field(default=10.0, gt=0, description="Time to make a follow-up stand alone.")
    generate_seconds: float = Field(default=120.0, gt=0, description="Time to write an answer, a second try included.")
    max_tokens: int = Field(default=1_024, ge=16, description="Tokens a generator may write for one answer.")
    output: OutputSettings = OutputSettings()
    verify: VerifySettings = VerifySettings()
    judge: JudgeSettings = JudgeSettings()
    rails: RailsSettings = RailsSettings()
    file: Path | None = Field(
        default=None, description="YAML file of agents that adds to the packaged ones and overrides them."
    )
    budget: BudgetSettings = BudgetSettings()
    steps: StepSettings = StepSettings()
    prices: PriceSettings = PriceSettings()
    http: HttpSettings = HttpSettings()
    database: DatabaseSettings = DatabaseSettings()
    documents: DocumentToolSettings = DocumentToolSettings()
    python: PythonSettings = PythonSettings()
    web: WebSettings = WebSettings()
    mcp: McpSettings = McpSettings()
