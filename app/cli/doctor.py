"""`footnote doctor`: what is configured, what is reachable, what is missing."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import typer

from app.cli.client import own_key, readiness, running_server, why_not
from app.cli.output import Exit, out, plain, put_json
from app.settings import Settings, load_settings
from core.errors import FootnoteError
from core.ports import Embedder

_LOW_DISK = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    what: str
    state: Literal["ok", "warning", "missing"]
    says: str


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Say what is configured, what is reachable and what is missing; fails when something needed is missing."""
    settings = load_settings()
    findings = [*_machine(settings), *_readers(settings), *_models(settings), *_tools(settings)]
    findings += asyncio.run(_state(settings))
    findings += _registry(settings)
    if as_json:
        put_json([asdict(finding) for finding in findings])
    else:
        colours = {"ok": "green", "warning": "yellow", "missing": "red"}
        for finding in findings:
            mark = f"[{colours[finding.state]}]{finding.state:<8}[/]"
            out.print(f"{mark} {finding.what:<14} {plain(finding.says)}")
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(Exit.FAILED)


def _machine(settings: Settings) -> Iterator[Finding]:
    yield Finding("machine", "ok", f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}")
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        yield Finding("data folder", "missing", f"{folder} cannot be written to")
    elif free < _LOW_DISK:
        yield Finding("data folder", "warning", f"{settings.data_dir}: only {free / 2**30:.1f} GiB left")
    else:
        yield Finding("data folder", "ok", f"{settings.data_dir}, {free / 2**30:.0f} GiB free")
    keys = len(settings.auth.keys)
    yield Finding(
        "access", "ok", f"{keys} keys" if keys else "no keys: open to this machine, refuses to listen beyond it"
    )


def _readers(settings: Settings) -> Iterator[Finding]:
    from ingestion.readers.ocr import tessdata

    wanted = settings.ingestion.ocr_languages
    missing = set(wanted) - set(tessdata(wanted)[1])
    if not settings.ingestion.ocr:
        yield Finding("scans", "ok", "not read: FOOTNOTE_INGESTION__OCR is off")
    elif missing:
        packages = " ".join(["tesseract-ocr", *(f"tesseract-ocr-{code}" for code in sorted(missing - {"eng"}))])
        yield Finding("scans", "warning", f"cannot be read in {', '.join(sorted(missing))}: apt-get install {packages}")
    else:
        yield Finding("scans", "ok", f"Tesseract, {', '.join(wanted)}")


def _registry(settings: Settings) -> Iterator[Finding]:
    """Where what was trained is kept, where that is a bucket; questions are answered without it."""
    if settings.finetune.registry.bucket is None:
        return
    from app.finetune.opening import open_registry

    try:
        yield Finding("registry", "ok", open_registry(settings).check())
    except FootnoteError as error:
        yield Finding("registry", "warning", error.message)


def _tools(settings: Settings) -> list[Finding]:
    from app.cli.doctor_tools import agents, tools

    return [Finding(*line) for line in (agents(settings), *asyncio.run(tools(settings)))]


def _models(settings: Settings) -> Iterator[Finding]:
    from app import wiring

    try:
        embed = wiring.embedder(settings)
        asyncio.run(embed.query("Is anybody there?"))
        yield Finding("embedder", "ok", f"{settings.retrieval.embedder.kind}, {embed.size} dimensions")
        wiring.reranker(settings, embed)
        yield Finding("reranker", "ok", settings.retrieval.reranker.kind)
        yield asyncio.run(_generator(settings, embed))
    except FootnoteError as error:
        yield Finding("models", "missing", error.message)


async def _generator(settings: Settings, embed: Embedder) -> Finding:
    """Raises `ConfigurationError` where a setting is missing; a model's server that is down may come up later."""
    from app.generators import writing

    generator = writing(settings, embed).generator
    try:
        await generator.check()
    except FootnoteError as error:
        return Finding("generator", "warning", error.message)
    finally:
        await generator.close()
    return Finding("generator", "ok", generator.info.name)


async def _vectors(settings: Settings) -> list[Finding]:
    from app import indexes

    try:
        says = await indexes.look(settings)
    except FootnoteError as error:
        return [Finding("qdrant", "missing", error.message)]
    return [] if says is None else [Finding("qdrant", "ok", says)]


async def joined(settings: Settings) -> list[Finding]:
    """Whether Redis answers, where it is configured. Servers work without it, so it is never missing."""
    from app.sharing import WORDS, open_sharing

    if settings.redis_url is None:
        return []
    async with open_sharing(settings) as sharing:
        away = sharing.away
    return [Finding("redis", "warning", WORDS) if away else Finding("redis", "ok", "answers")]


async def _state(settings: Settings) -> list[Finding]:
    from app import wiring
    from app.store.store import Store

    server = [*_server(settings), *await _vectors(settings), *await joined(settings)]
    if not (settings.data_dir / "footnote.sqlite").exists() and settings.database_url is None:
        return [*server, Finding("database", "ok", "none yet; made at the first start")]
    try:
        store = await Store.open(wiring.database_url(settings))
    except FootnoteError as error:
        return [*server, Finding("database", "missing", error.message)]
    try:
        stats = await store.stats()
        holds = f"{stats.documents} documents, {stats.chunks} chunks"
        found = [*server, Finding("database", "ok", f"{await store.describe()}: {holds}")]
        failed = stats.jobs.get("failed", 0)
        if failed:
            found.append(Finding("jobs", "warning", f"{failed} failed: footnote jobs --status failed"))
        active = await store.generations.active()
        if active is None or not stats.live_documents:
            found.append(Finding("index", "ok", "empty"))
        else:
            wiring.check_match(active, wiring.wanted_generation(settings, wiring.embedder(settings)))
            found.append(Finding("index", "ok", "built with these settings"))
    except FootnoteError as error:
        found.append(Finding("index", "missing", error.message))
    finally:
        await store.close()
    return found


def _server(settings: Settings) -> Iterator[Finding]:
    address = running_server(settings.data_dir)
    if address is None:
        yield Finding("server", "ok", "does not run on this data folder")
        return
    state = readiness(address, own_key(settings))
    if state.get("status") == "ready":
        yield Finding("server", "ok", f"runs at {address}")
    else:
        yield Finding("server", "warning", f"runs at {address}, not ready: {why_not(state)}")
    for note in state.get("notes", {}).values():
        yield Finding("server", "warning", note)
