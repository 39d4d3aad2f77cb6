"""What `make run` shows once the server is ready: examples going in, one question with its answer, the address."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import httpx

from app.cli.client import Api, readiness
from app.cli.ingest import ingest_paths
from app.cli.output import err, out, plain
from app.cli.questions import print_answer

_READY_SECONDS = 60.0


def greet(address: str, examples: Path | None) -> None:
    """Waits until the server is ready, fills an empty knowledge base, asks the examples' first question."""
    key = os.environ.get("FOOTNOTE_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=address, headers=headers, timeout=60.0) as client:
        started = time.monotonic()
        while (state := readiness(address)).get("status") != "ready":
            if state.get("status") == "failed":
                return  # the log has said why
            if time.monotonic() - started > _READY_SECONDS:
                err.print(f"Not ready after {_READY_SECONDS:.0f} s; see {address}/readyz")
                return
            time.sleep(0.1)
        if examples is not None:
            show(Api(client), examples)
        out.print(f"\nFootnote listens on [bold]{address}[/bold]  (Ctrl-C stops it)")


def show(api: Api, examples: Path) -> None:
    """Fills an empty knowledge base and asks the examples' first question, where the document that answers it is there.

    The first time its conversation stays for the reader to find; later starts leave none behind.
    """
    listing = api.request("GET", "/v1/documents", params={"limit": 1})
    if listing.is_error:
        err.print("Examples are only filled in where no key is needed, or with FOOTNOTE_KEY set.")
        return
    empty = not listing.json()["items"]
    if empty:
        out.print(f"The knowledge base is empty; filling it from {examples}")
        ingest_paths(api, [examples], collection="default")
    questions = examples.parent / "questions.jsonl"
    if not questions.exists():
        return
    first = json.loads(questions.read_text(encoding="utf-8").splitlines()[0])
    if not api.call("GET", "/v1/documents", params={"query": first["document"], "limit": 1})["items"]:
        return
    out.print(f"\n[bold]{plain(first['question'])}[/bold]")
    answer = api.call("POST", "/v1/answers", json={"question": first["question"]})
    print_answer(answer, kept=empty)
    if not empty:
        api.call("DELETE", f"/v1/conversations/{answer['conversation_id']}")
