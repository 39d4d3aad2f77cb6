"""Asks both versions: all questions at once as people do, and some one by one to tell speed.

Both are asked a question one after the other, in an order that chance decides, and questions come in such an order too:
what grows warm, fills or slows down meanwhile meets both alike.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from finetune.gate.items import Item
from finetune.gate.journal import Journal
from finetune.gate.measures import Output
from finetune.gate.ports import Asker
from finetune.gate.rules import GateRules

T = TypeVar("T")
Outputs = Mapping[str, Mapping[str, Output]]
"""By version and item."""


async def ask_all(
    rules: GateRules,
    items: Sequence[Item],
    versions: Sequence[str],
    asker: Asker,
    journal: Journal,
    tell: Callable[[], None],
) -> Outputs:
    """What each version writes to each question; what is in the journal is not asked. Raises what `asker` does."""

    async def ask(pair: tuple[Item, str]) -> None:
        item, version = pair
        journal.put(_key("said", item, version), asdict(await asker.ask(item, version)))
        tell()

    todo = [pair for pair in order(items, versions, rules.seed) if journal.get(_key("said", *pair)) is None]
    await at_most(rules.at_once, todo, ask)
    return {name: {item.id: _kept(journal, "said", item, name) for item in items} for name in versions}


async def ask_one_by_one(
    rules: GateRules,
    items: Sequence[Item],
    versions: Sequence[str],
    asker: Asker,
    journal: Journal,
    tell: Callable[[], None],
) -> Outputs:
    """The same for `speed_items` questions kept back, one at a time, after one of each version that warms it up."""
    chosen = timed_items(rules, items)
    todo = [pair for pair in order(chosen, versions, rules.seed) if journal.get(_key("timed", *pair)) is None]
    if todo:
        for version in versions:
            await asker.ask(chosen[0], version)
    for item, version in todo:
        journal.put(_key("timed", item, version), asdict(await asker.ask(item, version)))
        tell()
    return {name: {item.id: _kept(journal, "timed", item, name) for item in chosen} for name in versions}


def timed_items(rules: GateRules, items: Sequence[Item]) -> list[Item]:
    """The questions by which speed is told."""
    held_out = [item for item in items if item.kind_of_set == "held_out"]
    return random.Random(rules.seed).sample(held_out, min(rules.speed_items, len(held_out)))  # noqa: S311


def order(items: Sequence[Item], versions: Sequence[str], seed: int) -> Iterator[tuple[Item, str]]:
    """Who is asked what, in the order of asking."""
    chance = random.Random(seed)  # noqa: S311
    for item in chance.sample(list(items), len(items)):
        yield from ((item, version) for version in chance.sample(list(versions), len(versions)))


async def at_most(number: int, todo: Sequence[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Does all, so many at a time. The first error ends the others, and is raised."""
    waiting = iter(todo)

    async def work() -> None:
        for each in waiting:
            await do(each)

    workers = [asyncio.create_task(work()) for _ in range(min(number, len(todo)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def _key(what: str, item: Item, version: str) -> str:
    return f"{what}:{item.id}:{version}"


def _kept(journal: Journal, what: str, item: Item, version: str) -> Output:
    found: dict[str, Any] = journal.get(_key(what, item, version))
    return Output(**{**found, "support": tuple(found["support"])})
