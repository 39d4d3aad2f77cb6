"""Of answers some are asked for with how sure the model was; of nothing else any."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from app.generators import writing
from app.settings import load_settings
from core.errors import GeneratorUnavailable
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo
from serving.scored import ScoredGenerator

INFO = GeneratorInfo(name="noting", fingerprint="n")


class Noting:
    """Notes how many alternatives it was asked for."""

    info = INFO

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.ended = 0

    async def complete(self, request: GenerationRequest) -> Generation:
        self.asked.append(request.alternatives)
        return Generation(text="{}", generator=INFO)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        try:
            yield Delta(text="{}")
            yield Delta(text="", final=await self.complete(request))
        finally:
            self.ended += 1

    async def check(self) -> None:
        raise GeneratorUnavailable("down")

    async def close(self) -> None:
        self.ended = -1


def request(task: Any = "answer", **more: Any) -> GenerationRequest:
    return GenerationRequest(task=task, messages=(), schema={}, question="?", **more)


async def test_a_share_of_answers_is_scored() -> None:
    inner = Noting()
    scored = ScoredGenerator(inner, share=0.25, alternatives=7, seed=1)
    for _ in range(400):
        await scored.complete(request())
    assert set(inner.asked) == {0, 7}
    assert 70 <= inner.asked.count(7) <= 130


async def test_questions_and_steps_are_not() -> None:
    inner = Noting()
    scored = ScoredGenerator(inner, share=1.0, alternatives=7)
    for task in ("condense", "step", "answer"):
        assert [each.text async for each in scored.stream(request(task))] == ["{}", ""]
    assert inner.asked == [0, 0, 7]
    await scored.complete(request(alternatives=3))
    assert inner.asked[-1] == 3, "somebody else asked already"


async def test_it_is_else_the_other() -> None:
    inner = Noting()
    scored = ScoredGenerator(inner, share=1.0, alternatives=7)
    assert scored.info is INFO
    with pytest.raises(GeneratorUnavailable, match="down"):
        await scored.check()
    async with aclosing(scored.stream(request())) as pieces:
        await anext(pieces)
    assert inner.ended == 1, "a stream that is left is left at once"
    await scored.close()
    assert inner.ended == -1


@pytest.mark.parametrize(
    ("watch", "serving", "wanted"),
    [
        ({}, {"generator": "openai_compatible", "endpoint": {"model": "m"}}, True),
        ({"entropy_share": 0}, {"generator": "openai_compatible", "endpoint": {"model": "m"}}, False),
        ({"enabled": False}, {"generator": "openai_compatible", "endpoint": {"model": "m"}}, False),
        ({}, {"generator": "extractive"}, False),
    ],
)
async def test_only_a_model_that_is_watched_is_asked(
    watch: dict[str, Any], serving: dict[str, Any], wanted: bool, tmp_path: Path, word_embedder: Any
) -> None:
    settings = load_settings({}, data_dir=tmp_path, finetune={"watch": watch}, serving=serving)
    assert isinstance(writing(settings, word_embedder).generator, ScoredGenerator) == wanted
