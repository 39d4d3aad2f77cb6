"""A process that writes to a store until it is done or killed, and says on stdout what was acknowledged to it.

open URL                    opens the store (and migrates it, if it is the first)
publish URL VERSION…        publishes these versions, one after the other, once a line came in on stdin
churn URL SEED              uploads, publishes and deletes at random for ever
"""

from __future__ import annotations

import asyncio
import random
import sys

from app.store.records import NewUpload
from app.store.store import Store
from core.types import Chunk, Principal

ME = Principal(id="writer")


def say(*words: object) -> None:
    print(*words, flush=True)


async def publish(store: Store, version_ids: list[str]) -> None:
    generation = await store.generations.active()
    assert generation is not None
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    for version_id in version_ids:
        say((await store.documents.publish(version_id, generation.id)).outcome)


async def churn(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    generation = await store.generations.active()
    assert generation is not None
    document_ids: dict[str, str] = {}
    for number in range(100_000):
        external_id = f"d{chance.randrange(6)}"
        say("at", external_id)
        if external_id in document_ids and chance.random() < 0.25:
            await store.documents.delete(document_ids.pop(external_id), ME)
            say("deleted", external_id)
            continue
        content = f"{seed:04d}{number:08d}".rjust(64, "0")
        begun = await store.documents.begin_upload(
            NewUpload(
                collection="default",
                external_id=external_id,
                filename="f.txt",
                size=1,
                sha256=content,
                pipeline="p",
                principal=ME,
            )
        )
        document_ids[external_id] = begun.document_id
        say("begun", external_id, begun.version_id)
        parts = [Chunk(ordinal=ordinal, text=content) for ordinal in range(chance.randrange(1, 40))]
        await store.chunks.put(begun.version_id, generation.id, parts)
        await store.documents.publish(begun.version_id, generation.id)
        say("published", external_id, begun.version_id, len(parts))


async def main(mode: str, url: str, *arguments: str) -> None:
    async with await Store.open(url) as store:
        if mode == "open":
            say("opened")
        elif mode == "publish":
            await publish(store, list(arguments))
        elif mode == "churn":
            await churn(store, int(arguments[0]))


asyncio.run(main(*sys.argv[1:]))
