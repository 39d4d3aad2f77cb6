"""BERTScore at the gate: by the model that the settings name, by the server's own embedder, and refused without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune.gate.settings import GateSettings
from finetune.settings import FinetuneSettings
from tests.app.api.test_adapters import AUTH, ROOT, serving
from tests.app.api.test_gates import dataset, run, said, version
from tests.conftest import WordEmbedder
from tests.contracts.models.conftest import tiny_embedding_model, tiny_tokenizer  # noqa: F401
from tests.scripted_engine import scripted_engine

RULES = "min_items: 20\nspeed_items: 5\nmeasures: {bert_score: {}}\n"
Open = Callable[[str], AbstractAsyncContextManager[Any]]


@pytest.fixture
def opened(make_world: Any, tmp_path: Path) -> Open:
    @asynccontextmanager
    async def open_world(model: str) -> AsyncIterator[Any]:
        finetune = FinetuneSettings(gate=GateSettings(bert_score_model=model))
        async with (
            scripted_engine() as engine,
            make_world(auth=AUTH, serving=serving(engine, None), finetune=finetune) as world,
        ):
            world.generator.says = lambda request: said(request, right=True)
            world.root = world.as_(ROOT)
            world.dataset = dataset(tmp_path)
            yield world

    return open_world


def likeness(gate: Any) -> Any:
    return {each["measure"]: each for each in gate["report"]["measures"]}.get("bert_score")


async def test_the_named_model_reads_the_answers(opened: Open, tmp_path: Path, tiny_embedding_model: Path) -> None:  # noqa: F811
    async with opened(str(tiny_embedding_model)) as world:
        found = await run(world, version(tmp_path, world.dataset), rules=RULES)
        assert found["state"] == "done", found
        assert (likeness(found)["n"], likeness(found)["candidate"]) == (40, pytest.approx(1, abs=1e-3))


async def test_a_model_that_cannot_be_loaded_ends_the_run_and_is_named(opened: Open, tmp_path: Path) -> None:
    async with opened(str(tmp_path / "none")) as world:
        found = await run(world, version(tmp_path, world.dataset), rules=RULES)
        assert (found["state"], found["passed"]) == ("failed", None)
        assert str(tmp_path / "none") in found["error"]


async def test_without_one_it_is_the_servers_own_or_refused(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened("") as world:
        candidate = version(tmp_path, world.dataset)
        refused = await run(world, candidate, 422, rules=RULES)
        assert "FOOTNOTE_FINETUNE__GATE__BERT_SCORE_MODEL" in refused["detail"]

        async def token_vectors(self: WordEmbedder, texts: list[str]) -> list[Any]:
            return [np.stack([np.frombuffer((await self.query(word)).data, "<f4") for word in f". {each} .".split()])
                    for each in texts]  # fmt: skip

        monkeypatch.setattr(WordEmbedder, "token_vectors", token_vectors, raising=False)
        found = await run(world, candidate, rules=RULES)
        assert likeness(found)["candidate"] == pytest.approx(1, abs=1e-3)
        assert likeness(await run(world, candidate)) is None, "no rule names it"
