"""What an agent may do without a person: deterministic, and the same whatever a model says.

A call's permission is the strictest of what its tool's rule says, what the rules of each role of the person say, and
those of each agent on the way to the one that calls. Where the owner gives a tool no rule, tools that read may always
be called, and those that write or send after a person was asked. Two things make it stricter: having read what others
wrote, and text in the arguments that is not for everyone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from agents import leaving, pieces
from agents.ports import Library
from agents.tool_names import ASK_PERSON
from agents.tools.base import Effect, Tool
from core.types import EVERYONE, Permission, Principal, Source

Rules = Mapping[str, Permission]
"""Permissions by the tools' names, in which * stands for any letters."""

ADMIN = "admin"
"""The role of administrators; every other role is a group. `!` before one means everybody who is not in it."""
_STRICT: tuple[Permission, ...] = ("always", "ask", "deny")
_DEFAULT: Mapping[Effect, Permission] = {
    "reads_inside": "always",
    "reads_outside": "always",
    "writes": "ask",
    "sends": "ask",
}
_OPEN_TOOLS = ("web_search", "http_request", ASK_PERSON)
"""Whose results come from outside, or from the person: they may leave again."""
_MCP = "mcp_"
_DATABASE = "query_database"
_CONNECTION = re.compile(r"query_database\(connection='([^']*)'")  # the first argument: a query may spell another
_ADDRESS = re.compile(
    r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:[\\/]+\S+|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![\w.-])\.*(?:(?:[\w-]+\.+)+[^\W\d_]{2,}|(?:\d+\.+){3}\d+)(?:[/?#:]\S*)?",
    re.IGNORECASE,
)
"""Each begins where a word begins, so that a long text is read once and not from each of its letters."""
_MOST_ADDRESSES = 100
"""In one call; more are not looked up one by one."""
_CALCULATE = "calculate"
"""What it brings says nothing of anybody, and repeats what it was given: it holds nothing back and frees nothing."""


Call = tuple[str, Mapping[str, Any]]
"""A tool's name and what it was given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """The policy's word on a call, and the reasons for it as sentences for the person who is asked."""

    permission: Permission
    reasons: tuple[str, ...] = ()


class Policy:
    """The owner's rules over a library that says who may read what. `hosts` are those that `http_request` may ask."""

    def __init__(
        self,
        library: Library,
        *,
        tools: Rules | None = None,
        roles: Mapping[str, Rules] | None = None,
        agents: Mapping[str, Rules] | None = None,
        hosts: Sequence[str] = (),
    ) -> None:
        self._library = library
        self._tools = dict(tools or {})
        self._roles = dict(roles or {})
        self._agents = dict(agents or {})
        self._hosts = tuple(hosts)

    def offered(self, tool: Tool[Any], *, principal: Principal, agent: str) -> Permission:
        """What is said of a tool whatever its arguments. One that is denied need not be offered to a model.

        `agent` is who calls, below whom: "coordinator/researcher".
        """
        return self._static(tool, principal, agent).permission

    def may_ask(self, *, principal: Principal, agent: str) -> bool:
        """Whether an agent may put questions to the person whose task it is: where no rule denies `ask_person`."""
        playing = [rules for role, rules in self._roles.items() if _plays(principal, role)]
        above = [self._agents.get(name, {}) for name in agent.split("/")]
        return all(_said(rules, ASK_PERSON) != "deny" for rules in (self._tools, *playing, *above))

    async def rule(
        self,
        tool: Tool[Any],
        arguments: Mapping[str, Any],
        *,
        principal: Principal,
        agent: str,
        tainted: bool,
        task: str,
        sources: Sequence[Source] = (),
        earlier: Sequence[str] = (),
        left: Sequence[Call] = (),
    ) -> Ruling:
        """What is said of this very call.

        `tainted` says whether the run has read text that others wrote; `sources` are all that it has read, and
        `earlier` what agents said before it in the conversation. `task` is the person's own words. `left` are the calls
        that the run has made to the outside without a person's word.
        """
        rulings = [self._static(tool, principal, agent)]
        if rulings[0].permission == "deny" or tool.effect == "reads_inside":
            return rulings[0]
        if tainted and tool.effect in ("writes", "sends"):
            verb = "writes" if tool.effect == "writes" else "sends"
            rulings.append(_asks(f"{tool.name} {verb}, and this run has read text that others wrote."))
        if tainted and tool.name == "http_request" and not self._expected(str(arguments.get("url", "")), task):
            rulings.append(_asks("Any host is allowed, and the address is not in the task's own words."))
        rulings += await self._leaving(tool, arguments, principal, task, sources, earlier, left)
        return _strictest(rulings)

    # ---- rules -----------------------------------------------------------------------------------------------------

    def _static(self, tool: Tool[Any], principal: Principal, agent: str) -> Ruling:
        own = _said(self._tools, tool.name)
        if own is None:
            default = _DEFAULT[tool.effect]
            reason = f"{tool.name} {'writes' if tool.effect == 'writes' else 'sends'}: a person has to agree."
            rulings = [Ruling(permission=default, reasons=(reason,) if default != "always" else ())]
        else:
            rulings = [_by(own, f"The rule for {tool.name} says so.")]
        for role, rules in self._roles.items():
            if _plays(principal, role) and (said := _said(rules, tool.name)):
                rulings.append(_by(said, f"The rule for the role {role} says so."))
        for name in dict.fromkeys(agent.split("/")):
            if said := _said(self._agents.get(name, {}), tool.name):
                rulings.append(_by(said, f"The rule for the agent {name} says so."))
        return _strictest(rulings)

    def _expected(self, url: str, task: str) -> bool:
        """Whether an address goes to a host that the owner named, or was named by the person as it stands."""
        host = (urlsplit(url).hostname or "").rstrip(".") if "://" in url else ""
        named = (each for each in self._hosts if each != "*")
        if any(host == each or (each.startswith("*.") and host.endswith(each[1:])) for each in named):
            return True
        own = {word.strip("<>()[]{}\"'“”,;:.!?").rstrip("/") for word in task.split()}
        return url.rstrip("/") in own

    # ---- what leaves -----------------------------------------------------------------------------------------------

    async def _leaving(
        self,
        tool: Tool[Any],
        arguments: Mapping[str, Any],
        principal: Principal,
        task: str,
        sources: Sequence[Source],
        earlier: Sequence[str],
        left: Sequence[Call],
    ) -> list[Ruling]:
        if not any(True for _ in leaving.strings(dict(arguments))):
            return []
        documents = {each.document_id for each in sources if each.document_id}
        groups = await self._library.readable(sorted(documents), principal) if documents else {}
        free = [task] if tool.name.startswith(_MCP) else [task, tool.description]  # a stranger's words free nothing
        to = _place(tool.name, arguments)
        back = "" if _goes_on(to, arguments, sources, task) else to
        guarded: list[Source] = []
        for source in sources:
            if _brought(source) == _CALCULATE:
                continue
            if _may_go(source, back, groups):
                free.append(_text(source))
            else:
                guarded.append(source)
        if not guarded and not earlier:
            return []
        return await asyncio.to_thread(_weighed, dict(arguments), guarded, earlier, free, groups, left)


def _weighed(
    arguments: Mapping[str, Any],
    guarded: Sequence[Source],
    earlier: Sequence[str],
    free: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    left: Sequence[Call],
) -> list[Ruling]:
    passages = [*map(_text, guarded), *earlier]
    places = {*leaving.carried(arguments, passages, free), *_in_pieces(arguments, guarded, passages, free, left)}
    found: dict[str, Ruling] = {}
    for place in sorted(places):
        ruling = _of_source(guarded[place], groups) if place < len(guarded) else _asks(_EARLIER)
        found[ruling.reasons[0]] = ruling
    if leaving.opaque(arguments, free):
        found["opaque"] = _asks("The arguments hold what looks encoded, and this run has read what not everyone may.")
    return list(found.values())


def _in_pieces(
    arguments: Mapping[str, Any],
    guarded: Sequence[Source],
    passages: Sequence[str],
    free: Sequence[str],
    left: Sequence[Call],
) -> list[int]:
    """Those of the passages that leave in pieces. What went back to where a passage came from has not left with it."""
    origins = [_origin(source) for source in guarded] + [""] * (len(passages) - len(guarded))
    found = []
    for origin in dict.fromkeys(origins):
        own = [place for place, each in enumerate(origins) if each == origin]
        before = [given for tool, given in left if _place(tool, given) != origin]
        found += [own[each] for each in pieces.pieced(arguments, before, [passages[each] for each in own], free)]
    return found


_EARLIER = "Text of an earlier answer would leave."


def _of_source(source: Source, groups: Mapping[str, Sequence[str]]) -> Ruling:
    if not source.document_id:
        return _asks(f"What {source.title.partition('(')[0][:64]} brought would leave.")
    if source.document_id not in groups:
        reason = "Text of a document would leave that this person may no longer read."
        return Ruling(permission="deny", reasons=(reason,))
    return _asks(f"Text of “{' '.join(source.title.split())[:80]}” would leave, which not everyone may read.")


def _may_go(source: Source, back: str, groups: Mapping[str, Sequence[str]]) -> bool:
    """Whether what was read is for everyone, or came from the very place that the call goes back to."""
    if source.document_id:
        return EVERYONE in groups.get(source.document_id, ())
    return _brought(source) in _OPEN_TOOLS or _origin(source) == back


def _goes_on(to: str, arguments: Mapping[str, Any], sources: Sequence[Source], task: str) -> bool:
    """Whether an MCP server is given an address that it did not name itself: it may go there with what it is given."""
    if not to.startswith(_MCP):
        return False
    known = "\n".join([task, *(_text(source) for source in sources if _origin(source) == to)])
    texts = leaving.strings(dict(arguments))
    addresses = {address for text in texts for address in _ADDRESS.findall(text)}
    return len(addresses) > _MOST_ADDRESSES or any(address not in known for address in addresses)


def _brought(source: Source) -> str:
    """The tool whose result this is; empty for a passage."""
    return "" if source.document_id else source.title.partition("(")[0].strip()


def _place(tool: str, arguments: Mapping[str, Any]) -> str:
    """Where a call goes: those of one MCP server's tools all go to the same, those of a database to its connection."""
    if tool == _DATABASE:
        return f"{tool} {arguments.get('connection', '')}"
    return "_".join(tool.split("_")[:2]) if tool.startswith(_MCP) else tool


def _origin(source: Source) -> str:
    """The place that brought this; empty for a passage. A result's title is the call that brought it."""
    named = _CONNECTION.match(source.title)
    return _place(_brought(source), {"connection": named[1]} if named else {}) if not source.document_id else ""


def _text(source: Source) -> str:
    return "\n".join([source.title, *source.heading_path, source.text]) if source.document_id else source.text


def _plays(principal: Principal, role: str) -> bool:
    if role.startswith("!"):
        return not _plays(principal, role[1:])
    return principal.admin if role == ADMIN else role in principal.groups


def _said(rules: Rules, tool: str) -> Permission | None:
    """The strictest of the rules that speak of a tool; None where none does."""
    found = [permission for pattern, permission in rules.items() if fnmatchcase(tool, pattern)]
    return max(found, key=_STRICT.index, default=None)


def _by(permission: Permission, reason: str) -> Ruling:
    return Ruling(permission=permission, reasons=() if permission == "always" else (reason,))


def _asks(reason: str) -> Ruling:
    return Ruling(permission="ask", reasons=(reason,))


def _strictest(rulings: Sequence[Ruling]) -> Ruling:
    """The strictest word, with the reasons of those who said it."""
    permission = max((each.permission for each in rulings), key=_STRICT.index)
    reasons = (reason for each in rulings if each.permission == permission for reason in each.reasons)
    return Ruling(permission=permission, reasons=tuple(dict.fromkeys(reasons)))
