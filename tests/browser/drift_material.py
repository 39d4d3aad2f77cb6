"""Weeks of answers and the looks at them for the page, by the product's own writers: answers in the server's database,
reports of the watch over them a day each, words of a person on some."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from app.drift.examples import named
from app.drift.looks import Looks
from app.drift.reading import seen
from app.drift.telling import course, lasting
from app.store.store import Store
from app.store.tables import answers
from core.types import Answer, GeneratorInfo, Principal, Retrieval, Statement, Usage
from finetune.advise import PROMPTS, Counts
from finetune.watch.costs import Price
from finetune.watch.expected import Run
from finetune.watch.proposal import propose
from finetune.watch.records import Seen
from finetune.watch.report import plain, report
from finetune.watch.rules import WatchRules
from finetune.watch.schedule import DAY, windows
from tests.browser.rollout_material import finished
from tests.conftest import WordEmbedder

RULES = WatchRules(reference_days=14, current_days=7, least=20)
ANA = Principal(id="ana")
DAYS, LOOKS, A_DAY = 35, 14, 10
HOSTILE = "\x1b[2J<img src=x onerror=alert(1)> \u202epassword leak badge?"
PRICES = {
    ("m", None): Price(per_million_in=0.4, per_million_out=1.6),
    ("m", "hr@1"): Price(per_million_in=0.5, per_million_out=2.0),
}
TOPICS = {
    "leave": "How many days of annual leave may employees carry over?",
    "travel": "Who approves travel costs for trains, flights and hotels?",
    "laptop": "Where can a broken laptop or monitor be replaced?",
    "badge": "What happens after a password leak or a stolen badge?",
}


async def _answers(store: Store) -> None:
    """So many a day, the newest yesterday: in the last week about badges, shorter of breath and less sure."""
    chance = random.Random(7)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(DAYS, 0, -1):
        late = day <= 7
        for number in range(A_DAY):
            topic = chance.choices(list(TOPICS), (1, 1, 1, 9) if late else (4, 4, 4, 0.3))[0]
            question = HOSTILE if late and number == 0 else f"{TOPICS[topic]} ({chance.choice(('Berlin', 'Wien'))})"
            begun = await store.answers.begin(f"00000000-0000-4000-8000-{day:06d}{number:06d}", None, ANA, question)
            await store.answers.finish(_answer(begun.id, question, late, chance))
            at = midnight - day * DAY + timedelta(hours=8, minutes=7 * number)
            async with store.seen._database.write() as connection:
                await connection.execute(update(answers).where(answers.c.id == begun.id).values(created_at=at))


def _answer(answer_id: str, question: str, late: bool, chance: random.Random) -> Answer:
    silent = chance.random() < (0.6 if late else 0.08)
    support = chance.uniform(0.45, 0.75) if late else chance.uniform(0.7, 0.95)
    words = " ".join(["word"] * chance.randint(18, 40))
    said = Statement(text=words, sources=(), support=support, supported=support > 0.5)
    scored = 100
    entropy = chance.uniform(0.5, 0.8) if late else chance.uniform(0.25, 0.4)
    return Answer(
        id=answer_id, question=question, statements=() if silent else (said,), sources=(), answerable=not silent,
        retrieval=Retrieval(used=True, reason="", n=4), timings_ms={"generate": chance.uniform(400, 900)},
        generator=GeneratorInfo(name="m", fingerprint="m", adapter="hr@1" if late and chance.random() < 0.5 else None),
        usage=Usage(
            prompt_tokens=chance.randint(900, 1200), completion_tokens=100, scored_tokens=scored,
            entropy=entropy * scored, surprisal=0.4 * scored,
        ),
    )  # fmt: skip


async def _looks(store: Store, looks: Looks) -> dict[str, Any]:
    """A look each day; the last one."""
    records: list[Seen] = []
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(DAYS, 0, -1):
        found = await store.seen.of_day(midnight - day * DAY, 1_000)
        # Conversations have ids by chance, by which halves are made: with the answers' own every run finds the same.
        records += [replace(each, group=each.id) for each in await seen(found, WordEmbedder(), store.learning)]
    row: dict[str, Any] = {}
    for day in range(LOOKS - 1, -1, -1):
        at = midnight - day * DAY + timedelta(minutes=5)
        row = _look([each for each in records if each.at < at], at, day, looks)
    return row


def _look(records: Sequence[Seen], at: datetime, day: int, looks: Looks) -> dict[str, Any]:
    made = report(at, records, windows(at, records[0].at, None, RULES), RULES, PRICES, _next_run())
    probe = _probe(at, day)
    found = course(lasting(looks.latest()), made, probe, 7.0)
    row = {**made.to_json(), "probe": probe, "lasting": plain(found.lasting), "over": plain(found.over)}
    looks.keep(at, row)
    return row


def _next_run() -> Any:
    rows = {"sft": 800, "preference": 400, "kto": 100, "retrieval": 150}
    runs = [
        Run(name=f"hr-{n}@{n:016x}", method="sft", at=datetime(2026, 9, n, tzinfo=UTC), rows=400 + 40 * n, gain=gain)
        for n, gain in ((1, 0.06), (2, 0.04), (3, 0.02))
    ]
    return propose(Counts(judged=200, good=120, missing=10, misused=70, rows=rows, prompts=PROMPTS), {"sft": 300}, runs)


def _probe(at: datetime, day: int) -> dict[str, Any]:
    worse = day < 3
    mean = 0.61 if worse else 0.82
    return {
        "at": at.isoformat(), "version": "hr@1", "scores": {f"anchor-{n}": mean for n in range(40)},
        "since": (at - 5 * DAY).isoformat(), "difference": mean - 0.82, "low": mean - 0.87, "high": mean - 0.79,
        "alarm": worse,
    }  # fmt: skip


def drifted(data: Path, folder: Path) -> list[str]:
    """Fills a server's database and its folder for learning. The questions that somebody said a word on."""

    async def write() -> list[str]:
        async with await Store.open(f"sqlite:///{data / 'footnote.sqlite'}") as store:
            await _answers(store)
            row = await _looks(store, Looks(folder / "drift"))
            ids = named(row, "*")
            root = Principal(id=ANA.id, admin=True)
            hostile = {each.id for each in await store.seen.shown(ids, root) if each.question == HOSTILE}
            spoken = [each for number, each in enumerate(ids) if number % 2 == 0 or each in hostile]
            for each in spoken:
                await store.feedback.put(ANA, each, rating="down")
            return spoken

    found: list[str] = finished(write())
    return found
