"""The MCP endpoint: the documents as tools for other programs' assistants, under the same keys as everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi import Response as HttpResponse
from pydantic import Field, ValidationError

from app.api.answers_shapes import shown_answer
from app.api.deps import AtEnd, Limited, Parts, Running, Wired, within_rate
from app.api.shapes import COLLECTION_PATTERN, MAX_QUESTION
from app.api.shapes import Request as Shape
from app.auth import Caller
from app.limits import Limits
from app.mcp import VERSIONS, Offer, Told, reply_to
from app.runs import AnswerRuns, Question
from core.errors import Conflict
from core.types import Principal

router = APIRouter(prefix="/mcp", tags=["mcp"], include_in_schema=False)

if TYPE_CHECKING:
    from agents.tools.base import Observation

_INVALID_REQUEST, _NO_JSON = -32600, -32700


class _Ask(Shape):
    question: str = Field(min_length=1, max_length=MAX_QUESTION, description="A question that stands alone.")
    collection: str | None = Field(default=None, pattern=COLLECTION_PATTERN, description="Else all of them.")


@router.post("")
async def mcp(
    request: Request,
    services: Wired,
    runs: Running,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
    version: Annotated[str | None, Header(alias="mcp-protocol-version", max_length=32)] = None,
) -> HttpResponse:
    """One message of JSON-RPC in, its reply out, as JSON; nothing is streamed and no session is kept."""
    if version is not None and version not in VERSIONS:
        return _refused(_INVALID_REQUEST, f"This server speaks MCP {', '.join(VERSIONS)}.")
    try:
        message = json.loads(await request.body())
    except (ValueError, RecursionError):
        return _refused(_NO_JSON, "This is no JSON.")
    if isinstance(message, dict) and message.get("method") == "tools/call":
        await within_rate(services, caller)
    reply = await reply_to(message, _offers(services, runs, limits, at_end, caller))
    return HttpResponse(status_code=202) if reply is None else _json(reply)


@router.get("")
@router.delete("")
async def no_session(caller: Caller) -> HttpResponse:
    """There is neither a stream to listen to nor a session to end."""
    return HttpResponse(status_code=405, headers={"allow": "POST"})


def _refused(code: int, message: str) -> HttpResponse:
    return _json({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}, 400)


def _json(reply: Mapping[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(json.dumps(reply, ensure_ascii=False), status, media_type="application/json")


def _offers(
    services: Parts, runs: AnswerRuns, limits: Limits, at_end: ExitStack, caller: Principal
) -> dict[str, Offer]:
    """The tools as this caller has them: the agents' own tools for documents, and questions."""
    from agents.tools.base import Tool, ToolContext, call
    from agents.tools.read import read_tool
    from agents.tools.search import search_tool
    from app.library import StoreLibrary

    settings = services.settings.agents.documents
    context = ToolContext(principal=caller, run_id="mcp", agent="mcp")

    def of(name: str, title: str, tool: Tool[Any]) -> Offer:
        async def run(arguments: Mapping[str, Any]) -> Told:
            seen = await _screened(await call(tool, arguments, context), services, caller)
            return Told(text=seen.text, data=seen.data, failed=seen.failure is not None)

        return Offer(name=name, title=title, description=tool.description, schema=tool.schema, run=run)

    async def ask(arguments: Mapping[str, Any]) -> Told:
        at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
        return await _asked(services, runs, arguments, caller)

    question = Offer(
        name="ask",
        title="Ask a question",
        description="Answers a question from the documents, with a footnote for every statement.",
        schema=_Ask.model_json_schema(),
        run=ask,
    )
    offers = (
        of("search", "Find passages", search_tool(services.searcher, settings)),
        of("read", "Read a document", read_tool(StoreLibrary(services.store), settings)),
        question,
    )
    return {each.name: each for each in offers}


async def _screened(seen: Observation, services: Parts, caller: Principal) -> Observation:
    """What a tool brought after the rails: its passages go to another program's model, as the collections allow."""
    from agents.tools.passages import observed

    if services.rails is None or not seen.passages:
        return seen
    watch = services.rails.watch(caller)
    kept = []
    for hit in seen.passages:
        texts = (hit.text, hit.title, *hit.heading_path)
        looked = [await watch.look(each, "passage", document=hit.document_id) if each else None for each in texts]
        if any(each is not None and each.blocked for each in looked):
            continue
        text, title, *headings = (each.text if each else "" for each in looked)
        spans = hit.sentences if text == hit.text else ()
        kept.append(replace(hit, text=text, title=title, heading_path=tuple(headings), sentences=spans))
    said = await watch.look(seen.text.partition("\n\n")[0], "passage", document=seen.passages[0].document_id)
    head = said.text or "What was found:"
    if len(kept) < len(seen.passages):
        head += f" {len(seen.passages) - len(kept)} of them may not be shown."
    return observed(head, kept, sum(len(hit.text) for hit in kept), seen.rest or "")


async def _asked(services: Parts, runs: AnswerRuns, arguments: Mapping[str, Any], caller: Principal) -> Told:
    """The answer, each statement with its marks and below what they stand for."""
    try:
        asked = _Ask.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return Told(text=f"{'.'.join(map(str, first['loc']))}: {first['msg']}", failed=True)
    collections = (asked.collection,) if asked.collection else ()
    run = await runs.start(services, Question(text=asked.question, caller=caller, collections=collections))
    record = await run.result()
    if record.answer is None:
        raise Conflict(record.error.message if record.error else "The answer was stopped; ask again.")
    answer = record.answer
    cited = {number for statement in answer.statements for number in statement.sources}
    notes = [
        f"[{each.id}] {' '.join(each.title.split())}" + (f", page {each.page}" if each.page is not None else "")
        + f" (document_id {each.document_id})"
        for each in answer.sources if each.id in cited
    ]  # fmt: skip
    text = answer.text if answer.answerable else answer.text or "The documents do not answer this."
    return Told(text="\n".join([text, *notes]), data=shown_answer(record).model_dump(mode="json"))
