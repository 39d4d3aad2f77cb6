"""The policy as tables: who may call what, and what may leave with a call."""

from __future__ import annotations

import base64
import codecs
from dataclasses import replace
from typing import Any

import pytest
from pydantic import Field

from agents.policy import Policy, Ruling
from agents.tools.base import Arguments, Effect, Observation, Tool, ToolContext
from core.types import EVERYONE, Principal, Source
from tests.agents.library import ShelfLibrary


class Anything(Arguments):
    text: str = Field(default="", max_length=20_000)


async def nothing(arguments: Anything, context: ToolContext) -> Observation:
    raise AssertionError("a policy calls no tool")


def tool(name: str, effect: Effect) -> Tool[Any]:
    return Tool[Any](name=name, description="A tool.", arguments=Anything, effect=effect, timeout=1, run=nothing)


SEARCH = tool("search_documents", "reads_inside")
WEB = tool("web_search", "reads_outside")
HTTP = tool("http_request", "reads_outside")
SEND = tool("mcp_mail_send", "sends")
WRITE = tool("mcp_notes_write", "writes")
ANA = Principal(id="ana", groups=frozenset({EVERYONE, "hr"}))
ROOT = Principal(id="root", groups=frozenset({EVERYONE}), admin=True)

SECRET = (
    "The codeword for the merger is Heron Bluewater, and Erika Mustermann earns 85,417 euros (case KX77B2, PIN 7719)."
)
OPEN = "Every employee receives 28 days of paid vacation per year, and unused days expire in March."
GONE = "The board will close the plant in Wolfenbüttel on the second of May."
TASK = "Compare our vacation rules with those of other companies."


def source(number: str, text: str, document_id: str = "", title: str = "", step: int | None = None) -> Source:
    return Source(id=number, chunk_id="", document_id=document_id, version_id="", title=title, text=text, step=step)


@pytest.fixture
def library() -> ShelfLibrary:
    made = ShelfLibrary()
    made.add("open", OPEN)
    made.add("secret", SECRET, groups=("hr",), title="Salaries")
    made.add("gone", GONE, groups=("board",), title="Plant")
    return made


READ = (
    source("1", OPEN, "open", "The open"),
    source("2", SECRET, "secret", "Salaries"),
    source("3", GONE, "gone", "Plant"),
    source("4", "total: 991823 for unit Rheinland-Pfalz-West", title="query_database(sum)", step=4),
    source("5", "Statutory minimum: twenty-four working days", title="web_search(minimum leave)", step=5),
)


async def ruling(
    policy: Policy, tool: Tool[Any], text: str | dict[str, Any] = "", *, tainted: bool = True, **said: Any
) -> Ruling:
    arguments = text if isinstance(text, dict) else {"text": text}
    values: dict[str, Any] = {"principal": ANA, "agent": "main", "task": TASK, "sources": READ} | said
    return await policy.rule(tool, arguments, tainted=tainted, **values)


# ---- who may call what ---------------------------------------------------------------------------------------------

STATIC = [
    # tools, roles, agents, tool, principal, agent → permission
    ({}, {}, {}, SEARCH, ANA, "main", "always"),
    ({}, {}, {}, WEB, ANA, "main", "always"),
    ({}, {}, {}, WRITE, ANA, "main", "ask"),
    ({}, {}, {}, SEND, ANA, "main", "ask"),
    ({"mcp_mail_send": "always"}, {}, {}, SEND, ANA, "main", "always"),
    ({"mcp_*": "deny"}, {}, {}, SEND, ANA, "main", "deny"),
    ({"mcp_*": "deny", "mcp_mail_send": "always"}, {}, {}, SEND, ANA, "main", "deny"),
    ({"*": "ask"}, {}, {}, SEARCH, ANA, "main", "ask"),
    ({"web_search": "deny"}, {"hr": {"web_search": "always"}}, {}, WEB, ANA, "main", "deny"),
    ({}, {"hr": {"web_search": "deny"}}, {}, WEB, ANA, "main", "deny"),
    ({}, {"hr": {"web_search": "deny"}}, {}, WEB, ROOT, "main", "always"),
    ({}, {"everyone": {"web_search": "ask"}}, {}, WEB, ROOT, "main", "ask"),
    ({}, {"admin": {"web_search": "ask"}}, {}, WEB, ROOT, "main", "ask"),
    ({}, {"admin": {"web_search": "ask"}}, {}, WEB, ANA, "main", "always"),
    ({}, {"!hr": {"web_search": "deny"}}, {}, WEB, ANA, "main", "always"),
    ({}, {"!hr": {"web_search": "deny"}}, {}, WEB, ROOT, "main", "deny"),
    ({}, {"!admin": {"web_search": "deny"}}, {}, WEB, ANA, "main", "deny"),
    ({}, {"hr": {"web_search": "ask"}, "everyone": {"web_search": "deny"}}, {}, WEB, ANA, "main", "deny"),
    ({}, {}, {"coder": {"web_search": "deny"}}, WEB, ANA, "coordinator/coder", "deny"),
    ({}, {}, {"coordinator": {"web_search": "deny"}}, WEB, ANA, "coordinator/coder", "deny"),
    ({}, {}, {"coder": {"web_search": "deny"}}, WEB, ANA, "coordinator/researcher", "always"),
    ({"mcp_mail_send": "always"}, {}, {"main": {"mcp_mail_*": "ask"}}, SEND, ANA, "main", "ask"),
    ({"mcp_mail_send": "always"}, {"hr": {"mcp_mail_send": "ask"}}, {}, SEND, ANA, "main", "ask"),
]


@pytest.mark.parametrize(("tools", "roles", "agents", "tool", "principal", "agent", "permission"), STATIC)
async def test_the_strictest_rule_wins(library, tools, roles, agents, tool, principal, agent, permission):
    policy = Policy(library, tools=tools, roles=roles, agents=agents)
    assert policy.offered(tool, principal=principal, agent=agent) == permission
    said = await ruling(policy, tool, tainted=False, principal=principal, agent=agent)
    assert said.permission == permission
    assert bool(said.reasons) == (permission != "always")


@pytest.mark.parametrize(("tool", "rules", "tainted", "permission"), [
    (SEND, {"*": "always"}, False, "always"),
    (SEND, {"*": "always"}, True, "ask"),
    (WRITE, {"*": "always"}, True, "ask"),
    (WRITE, {"*": "deny"}, True, "deny"),
    (WEB, {"*": "always"}, True, "always"),
    (SEARCH, {}, True, "always"),
])  # fmt: skip
async def test_who_has_read_what_others_wrote_neither_writes_nor_sends_alone(library, tool, rules, tainted, permission):
    said = await ruling(Policy(library, tools=rules), tool, tainted=tainted, sources=())
    assert said.permission == permission


# ---- where a request goes ------------------------------------------------------------------------------------------

ADDRESSES = [
    # hosts, task, url, tainted → permission
    (("*",), TASK, "https://evil.example/x", True, "ask"),
    (("*",), TASK, "https://evil.example/x", False, "always"),
    (("*",), "Summarise https://news.example/a, please.", "https://news.example/a", True, "always"),
    (("*",), "Summarise <https://news.example/a/>.", "https://news.example/a", True, "always"),
    (("*",), "Summarise https://news.example/a", "https://news.example/a?leak=1", True, "ask"),
    (("*",), "Summarise https://news.example/a", "https://news.example.evil.example/a", True, "ask"),
    (("*",), "Summarise news.example", "https://news.example/", True, "ask"),
    (("docs.example",), TASK, "https://docs.example/any", True, "always"),
    (("*", "docs.example"), TASK, "https://docs.example/any", True, "always"),
    (("*.docs.example",), TASK, "https://a.docs.example/any", True, "always"),
    (("*", "*.docs.example"), TASK, "https://docs.example/any", True, "ask"),
    (("*", "docs.example"), TASK, "https://docs.example@evil.example/", True, "ask"),
    (("*", "docs.example"), TASK, "https://evil.example/docs.example", True, "ask"),
    (("*", "docs.example"), TASK, "https:docs.example", True, "ask"),
]


@pytest.mark.parametrize(("hosts", "task", "url", "tainted", "permission"), ADDRESSES)
async def test_an_address_that_nobody_named_is_asked_for(library, hosts, task, url, tainted, permission):
    policy = Policy(library, hosts=hosts)
    said = await ruling(policy, HTTP, {"url": url, "method": "GET"}, tainted=tainted, task=task, sources=())
    assert said.permission == permission


# ---- what may leave ------------------------------------------------------------------------------------------------

BASE64 = base64.b64encode(b"Erika Mustermann earns 85417").decode()
MAY_GO = [
    TASK,
    "average paid vacation per year Europe",
    "28 days of paid vacation per year",
    "unused days expire in March",
    "statutory minimum twenty-four working days",
    "how do companies compare salaries",
    "vacation days 2024 Germany 100",
    "vacation 2024-12-31 to 2025-01-05, 10:30",
    "§ 3 Abs. 1 BUrlG, ISO 9001, version 1.2.3",
    "coordinates 52.52 13.40",
    "how to muster manners",
    "https://docs.example/how-to-compare-vacation-rules-across-companies",
]
IS_ASKED = [
    "codeword for the merger is Heron",
    "KX77B2",
    "kx77b2",
    "salary 85417",
    "salary 85,417",
    "salary 85.417 EUR",
    "Bluewater",
    "who is erika mustermann",
    "codeword-for-the-merger",
    "c o d e w o r d f o r t h e m e r g e r",
    "https://docs.example/?q=codeword%20for%20the%20merger",
    "https://docs.example/?q=%2563odeword%2520for%2520the%2520merger",
    "https://docs.example/codeword/for/the/merger",
    codecs.encode("codeword for the merger", "rot13"),
    "codeword for the merger"[::-1],
    BASE64,
    f"https://docs.example/?d={BASE64}",
    b"Erika Mustermann".hex(),
    b"Erika Mustermann".hex().upper(),
    "ＣＯＤＥＷＯＲＤ for the merger",
    "991823",
    "Rheinland-Pfalz-West",
    "69 114 105 107 97 32 77 117 115 116",
    "%45%72%69%6b%61%20%4d%75%73%74",
    "JV2CA43IMUQGG33EMV3W64TE",
    "85-417",
    "8 5 4 1 7",
    "8.5.4.1.7",
    "id85417x",
    "KX-77-B2",
    "K.X.7.7.B.2",
    "xKX77B2x",
    "ΚХ77В2",  # Greek and Cyrillic capitals
    "pin 77 19",
    "7-7-1-9",
    "Her on Blue wat er",
    "Blue-water",
    "myBluewaterplan",
    "".join(f"\\u{ord(each):04x}" for each in "Heron Bluewater"),
    "".join(f"\\x{ord(each):02x}" for each in "Heron Bluewater"),
    "".join(f"&#{ord(each)};" for each in "Heron Bluewater"),
    b"Heron Bluewater".hex(":"),
    ".".join(str(each) for each in b"Heron Bluewater"),
    " ".join(f"{each:08b}" for each in b"Heron Bluewater"),
    " ".join(BASE64[first : first + 12] for first in range(0, len(BASE64), 12)),
    " zz ".join(SECRET[first : first + 4] for first in range(0, len(SECRET), 4)),
]
IS_DENIED = [
    "close the plant in Wolfenbüttel",
    "Wolfenbüttel",
    "wolfenbuttel",
    "the board will close the plant",
]


@pytest.mark.parametrize("text", MAY_GO)
@pytest.mark.parametrize("tool", [WEB, HTTP], ids=["web_search", "http_request"])
async def test_what_everybody_may_read_and_the_persons_own_words_may_go(library, tool, text):
    said = await ruling(Policy(library, hosts=("docs.example",)), tool, {"query": text, "url": "https://docs.example"})
    assert said == Ruling(permission="always"), text


@pytest.mark.parametrize("text", IS_ASKED)
async def test_what_not_everybody_may_read_is_asked_for(library, text):
    said = await ruling(Policy(library), WEB, text)
    assert said.permission == "ask", text
    assert said.reasons


@pytest.mark.parametrize("text", IS_DENIED)
async def test_what_the_person_may_no_longer_read_never_leaves(library, text):
    said = await ruling(Policy(library, tools={"*": "always"}), WEB, text)
    assert said.permission == "deny"
    assert "Plant" not in "".join(said.reasons), "not even its title is told"


@pytest.mark.parametrize("arguments", [
    {"a": ["codeword for", "the merger", "is Heron"]},
    {"a": {"b": [{"c": "codeword for the merger"}]}},
    {"codeword for the merger": 1},
    {"n": 85417},
    {"n": [85417.0, 1]},
    {"a": "codeword fo", "b": "r the merge", "c": "r is Heron"},
    {"a": "codeword fo", "b": {"c": ["r the merge"]}, "d": "r is Heron"},
    {"a": [{"codeword fo": 1}, {"r the merge": 2}]},
    {"a": 85, "b": 417},
])  # fmt: skip
async def test_text_in_any_corner_of_the_arguments_is_found(library, arguments):
    assert (await ruling(Policy(library), WEB, arguments)).permission == "ask"


async def test_a_right_that_was_taken_away_in_the_meantime_counts(library):
    policy = Policy(library)
    assert (await ruling(policy, WEB, "Heron Bluewater")).permission == "ask"
    library.regroup("secret", "board")
    assert (await ruling(policy, WEB, "Heron Bluewater")).permission == "deny"
    library.regroup("secret", EVERYONE)
    assert (await ruling(policy, WEB, "Heron Bluewater")).permission == "always"


async def test_the_persons_own_words_may_go_even_if_a_passage_has_them(library):
    said = await ruling(Policy(library), WEB, "who is Erika Mustermann", task="Find out who Erika Mustermann is")
    assert said.permission == "always"


async def test_what_was_answered_earlier_does_not_leave_unasked(library):
    earlier = ["Her salary is 85,417 euros, it is said."]
    said = await ruling(Policy(library), WEB, "85417", sources=(), earlier=earlier)
    assert said.permission == "ask"
    assert (await ruling(Policy(library), WEB, "vacation", sources=(), earlier=earlier)).permission == "always"


async def test_the_persons_own_words_may_go_however_they_are_written(library):
    for text, task in (("KX-77-B2", "KX77B2"), ("case KX 77 B2", "KX77B2"), ("case KX.77.B2", "KX-77-B2")):
        said = await ruling(Policy(library), WEB, text, task=f"Find case {task}")
        assert said.permission == "always", (text, task)


async def test_what_leaves_in_pieces_over_several_calls_is_asked_for(library):
    text = "we let the old head of the shop go in June and sell the red barn to his son for a low sum"
    private = source("1", text, "secret", "Plans")
    policy, left = Policy(library), []
    for piece in [text[first : first + 15] for first in range(0, len(text), 15)]:
        said = await ruling(policy, WEB, piece, sources=(private,), left=left)
        if said.permission != "always":
            break
        left.append(("web_search", {"text": piece}))
    assert said.permission == "ask"
    assert "“Plans”" in said.reasons[0]
    assert len(left) <= 4
    library.regroup("secret", "board")
    assert (await ruling(policy, WEB, piece, sources=(private,), left=left)).permission == "deny"
    assert (await ruling(policy, WEB, "vacation rules", sources=(private,), left=left)).permission == "always"


async def test_what_went_back_to_where_it_came_from_has_not_left_with_it(library):
    text = "in this base: pay by unit and rank, days off by unit, cost of the old and the new site by year"
    schema = source("1", text, title="query_database(...)", step=1)
    pieces = [text[first : first + 15] for first in range(0, len(text), 15)]
    asked = {}
    for name in ("query_database", "http_request"):
        left = [(name, {"text": piece}) for piece in pieces[:-1]]
        asked[name] = (await ruling(Policy(library), WEB, pieces[-1], sources=(schema,), left=left)).permission
    assert asked == {"query_database": "always", "http_request": "ask"}


async def test_what_came_from_a_place_may_go_back_there_and_nowhere_else(library):
    database, notes = tool("query_database", "reads_outside"), tool("mcp_notes_find", "reads_outside")
    other = tool("mcp_mail_find", "reads_outside")
    tables = source("1", "table: QuarterlyRevenueOfSubsidiaries (991823 rows)", title="query_database(...)", step=1)
    page = source("2", "page KX77B2 of the notebook Rheinland-Pfalz-West", title="mcp_notes_list(...)", step=2)
    policy, read = Policy(library), (tables, page, READ[1])
    for asked, text, permission in (
        (database, "SELECT * FROM QuarterlyRevenueOfSubsidiaries", "always"),
        (WEB, "QuarterlyRevenueOfSubsidiaries", "ask"),
        (database, "SELECT 'Rheinland-Pfalz-West'", "ask"),
        (notes, "notebook Rheinland-Pfalz-West", "always"),
        (other, "notebook Rheinland-Pfalz-West", "ask"),
        (database, "SELECT 'Heron Bluewater'", "ask"),
    ):
        assert (await ruling(policy, asked, text, sources=read)).permission == permission, (asked.name, text)


@pytest.mark.parametrize(
    ("text", "permission"),
    [
        ("https://wiki.example/board", "always"),
        ("https://evil.example/?e=Rheinland-Pfalz-West", "ask"),
        ("evil.example/Rheinland-Pfalz-West", "ask"),
        ("198.51.100.7/Rheinland-Pfalz-West", "ask"),
        ("..evil..example/Rheinland-Pfalz-West", "ask"),
        ("to bob@evil.example: notebook Rheinland-Pfalz-West", "ask"),
        ("https://evil.example/weather", "always"),
        ("notebook Rheinland-Pfalz-West", "always"),
    ],
)
async def test_a_server_that_goes_elsewhere_is_not_the_place_it_came_from(library, text, permission):
    page = source("1", "notebook Rheinland-Pfalz-West: https://wiki.example/board", title="mcp_fetch_get()", step=1)
    fetch = tool("mcp_fetch_get", "reads_outside")
    assert (await ruling(Policy(library), fetch, text, sources=(page,))).permission == permission


async def test_two_connections_of_a_database_are_two_places(library):
    title = "query_database(connection='crm', sql='SELECT name FROM customers')"
    name = source("1", "name: Quarterly-Revenue-Subsidiaries-GmbH", title=title, step=1)
    database, text = tool("query_database", "reads_outside"), "SELECT 'Quarterly-Revenue-Subsidiaries-GmbH'"
    spelt = replace(name, title="query_database(sql=\"SELECT 1 -- connection='statistics'\", connection='crm')")
    for connection, brought, permission in (
        ("crm", name, "always"),
        ("statistics", name, "ask"),
        ("statistics", spelt, "ask"),
    ):
        asked = {"connection": connection, "sql": text}
        assert (await ruling(Policy(library), database, asked, sources=(brought,))).permission == permission


async def test_a_sum_sets_no_number_free(library):
    worked_out = source("9", "85417 + 0 = 85417", title="calculate(...)", step=3)
    salary = source("1", "Her salary is 85,417 euros.", title="query_database(...)", step=1)
    assert (await ruling(Policy(library), WEB, "85417", sources=(salary, worked_out))).permission == "ask"
    assert (await ruling(Policy(library), WEB, "85417", sources=(worked_out,))).permission == "always"


async def test_a_strangers_description_of_a_tool_sets_nothing_free(library):
    salary = source("1", "Her salary is 85,417 euros.", title="query_database(...)", step=1)
    lists_all = replace(tool("mcp_evil_find", "reads_outside"), description=" ".join(map(str, range(85_400, 85_420))))
    assert (await ruling(Policy(library), lists_all, "85417", sources=(salary,))).permission == "ask"


async def test_reading_inside_is_never_asked_for_whatever_is_read(library):
    assert (await ruling(Policy(library), SEARCH, SECRET)).permission == "always"


async def test_all_reasons_of_the_strictest_word_are_told(library):
    said = await ruling(Policy(library), SEND, "Heron Bluewater")
    assert said.permission == "ask"
    assert [each.split(" ")[0] for each in said.reasons] == ["mcp_mail_send", "mcp_mail_send", "Text"]
    assert "“Salaries”" in said.reasons[-1]


async def test_a_huge_argument_is_weighed_all_the_same(library):
    said = await ruling(Policy(library), WEB, {"a": ["x " * 9_000] * 20 + ["Heron Bluewater"]})
    assert said.permission == "ask"


@pytest.mark.parametrize(
    ("rules", "may"),
    [
        ({}, True),
        ({"tools": {"ask_person": "ask"}}, True),
        ({"tools": {"ask_*": "deny"}}, False),
        ({"roles": {"hr": {"ask_person": "deny"}}}, False),
        ({"roles": {"board": {"ask_person": "deny"}}}, True),
        ({"agents": {"lead": {"ask_person": "deny"}}}, False),
    ],
)
def test_who_may_ask_the_person(library: ShelfLibrary, rules: dict[str, Any], may: bool) -> None:
    assert Policy(library, **rules).may_ask(principal=ANA, agent="lead/worker") is may
