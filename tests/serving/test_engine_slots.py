"""Every slot of a real vLLM taken by an adapter: the base stays the base beside them, and no question kills it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.engine_process import Engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SLOTS = 4
"""What `footnote engine` has unless it is set."""
PROMPT = "Every employee has thirty days of paid leave a year"


@pytest.fixture
async def full(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    """The engine with an adapter in every slot, "b" in the last."""
    more = [f"more-{number}" for number in range(SLOTS - 2)]
    async with httpx.AsyncClient(base_url=f"{engine.url}/", timeout=200) as client:
        for name in more:
            body = {"lora_name": name, "lora_path": str(engine.folder / "b")}
            (await client.post("load_lora_adapter", json=body)).raise_for_status()
        for name in ("a", "b", *more):  # a slot is taken by who is asked
            await said(client, name)
        yield client
        for name in more:
            await client.post("unload_lora_adapter", json={"lora_name": name})


async def said(client: httpx.AsyncClient, model: str, tokens: int = 24, **more: Any) -> str:
    body = {"model": model, "prompt": PROMPT, "max_tokens": tokens, "temperature": 0, "ignore_eos": True, **more}
    answer = await client.post("completions", json=body)
    answer.raise_for_status()
    return str(answer.json()["choices"][0]["text"])


async def test_the_base_stays_the_base_beside_adapters_in_every_slot(full: httpx.AsyncClient) -> None:
    alone = await said(full, "tiny")
    assert alone != await said(full, "b")
    names = ("tiny", "more-1", "tiny", "a", "tiny", "more-0")
    beside = await asyncio.gather(*(said(full, name, cache_salt=str(n)) for n, name in enumerate(names)))
    assert [text for name, text in zip(names, beside, strict=True) if name == "tiny"] == [alone] * 3
    assert alone not in [text for name, text in zip(names, beside, strict=True) if name != "tiny"]


async def test_an_engine_outlives_log_probabilities_of_prompts_beside_other_requests(full: httpx.AsyncClient) -> None:
    busy = asyncio.gather(*(said(full, name, 400) for name in ("tiny", "a", "b")))
    await asyncio.sleep(0.5)
    for _ in range(3):
        await said(full, "a", 1, echo=True, logprobs=0)
    assert all(await busy)
    assert (await full.get("models")).is_success
