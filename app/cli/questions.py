"""`footnote search` and `footnote ask`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.client import connect
from app.cli.filters import Filter, parsed
from app.cli.output import out, plain, put_json
from app.settings import load_settings
from core.types import SearchMode

Collection = Annotated[str | None, typer.Option(help="Only this collection.", show_default="all")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the response as JSON.")]


def search(
    query: Annotated[str, typer.Argument(help="What to look for.", show_default=False)],
    collection: Collection = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many passages.")] = 10,
    mode: Annotated[SearchMode, typer.Option(help="Which legs search.")] = "hybrid",
    filters: Filter = None,
    as_json: AsJson = False,
) -> None:
    """Find passages, best first, with the scores of each leg."""
    body = {
        "query": query,
        "limit": limit,
        "mode": mode,
        **({"collection": collection} if collection else {}),
        **parsed(filters or []),
    }
    with connect(load_settings(), whole=True) as api:
        result = api.call("POST", "/v1/search", json=body)
    if as_json:
        put_json(result)
        return
    for number, hit in enumerate(result["hits"], 1):
        scores = "  ".join(f"{name} {value:.3f}" for name, value in hit["scores"].items())
        out.print(f"[bold]{number}. {plain(_place(hit))}[/bold]  [dim]{hit['score']:.3f}  ({scores})[/dim]")
        out.print(f"   {plain(_short(hit['text']))}\n")
    if not result["hits"]:
        out.print("Nothing found.")
    _degraded(result)


def ask(
    question: Annotated[str, typer.Argument(help="The question.", show_default=False)],
    collection: Collection = None,
    conversation: Annotated[str | None, typer.Option(help="Go on with this conversation.")] = None,
    filters: Filter = None,
    adapter: Annotated[str | None, typer.Option(help="The adapter to write it, for administrators.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Have it written anew, not given again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a question; every statement of the answer carries its footnotes."""
    body = {
        "question": question,
        **({"collection": collection} if collection else {}),
        **({"conversation_id": conversation} if conversation else {}),
        **({"adapter": adapter} if adapter else {}),
        **({"cache": False} if fresh else {}),
        **parsed(filters or []),
    }
    with connect(load_settings(), whole=True) as api:
        answer = api.call("POST", "/v1/answers", json=body)
    if as_json:
        put_json(answer)
    else:
        print_answer(answer)


def print_answer(answer: dict[str, Any], *, kept: bool = True) -> None:
    """The statements with their marks, then the footnotes they point to. `kept` is whether its conversation stays."""
    if not answer["answerable"]:
        out.print(f"No answer: {plain(answer['retrieval']['reason'])}")
    for statement in answer["statements"]:
        marks = "".join(f"\\[{source}]" for source in statement["sources"])
        doubt = "" if statement.get("supported", True) else "  [yellow](not supported by its sources)[/yellow]"
        out.print(f"  {plain(statement['text'])} [cyan]{marks}[/cyan]{doubt}")
    cited = {source for statement in answer["statements"] for source in statement["sources"]}
    shown = [source for source in answer["sources"] if source["id"] in cited] or answer["sources"][:3]
    if shown and not answer["answerable"]:
        out.print("Nearest passages:")
    for source in shown:
        out.print(f"  [cyan]\\[{source['id']}][/cyan] {plain(_place(source))}", style="dim")
    conversation = f", conversation {answer['conversation_id']}" if kept else ""
    remembered = ", given before" if answer.get("cached") else ""
    out.print(f"  [dim]{plain(_writer(answer['generator']['name']))}{remembered}{conversation}[/dim]")
    _degraded(answer)


def _writer(name: str) -> str:
    """Who wrote an answer, in words where it was no model."""
    return "extractive: no model wrote this, it is put together from the sources" if name == "extractive" else name


def _place(item: dict[str, Any]) -> str:
    headings = item.get("heading_path") or []
    path = " › ".join([item["title"], *(headings[1:] if headings[:1] == [item["title"]] else headings)])
    return path + (f", page {item['page']}" if item.get("page") else "")


def _short(text: str, width: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _degraded(result: dict[str, Any]) -> None:
    if result.get("degraded"):
        out.print(f"[yellow]degraded: {plain(', '.join(result['degraded']))}[/yellow]")
