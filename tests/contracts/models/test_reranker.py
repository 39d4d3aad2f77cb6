"""The `Reranker` port, over late interaction and a cross-encoder that the tests build."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from retrieval.embed_openvino import OpenVinoEmbedder
from retrieval.ports import Reranker
from retrieval.rerank import make_reranker
from retrieval.settings import EmbedderSettings, RerankerSettings

QUERY = "How many days of leave do new employees have?"
PASSAGES = [
    "The server room is on the second floor.",
    "Handbook › Leave\nNew employees have 25 days of annual leave.",
    "Travel costs are refunded within two weeks.",
]


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> OpenVinoEmbedder:
    return OpenVinoEmbedder(EmbedderSettings(directory=tmp_path_factory.mktemp("prepared")))


@pytest.fixture(params=["maxsim", "cross_encoder"])
def reranker(
    request: pytest.FixtureRequest, embedder: OpenVinoEmbedder, make_cross_encoder: Callable[[int], Path]
) -> Reranker:
    model = str(make_cross_encoder(1)) if request.param == "cross_encoder" else None
    made = make_reranker(RerankerSettings(kind=request.param, model=model), embedder)
    assert made is not None
    return made


async def test_a_finite_score_for_each_passage(reranker: Reranker) -> None:
    scores = await reranker.scores(QUERY, PASSAGES)
    assert len(scores) == 3
    assert all(map(math.isfinite, scores))
    assert len(set(scores)) == 3


async def test_scores_do_not_depend_on_the_company(reranker: Reranker) -> None:
    forwards = await reranker.scores(QUERY, PASSAGES)
    backwards = await reranker.scores(QUERY, PASSAGES[::-1])
    assert backwards[::-1] == pytest.approx(forwards, abs=1e-3)


async def test_no_passages_no_scores(reranker: Reranker) -> None:
    assert await reranker.scores(QUERY, []) == []


async def test_odd_passages_survive(reranker: Reranker) -> None:
    scores = await reranker.scores("?", ["", "\x00", "word " * 3000, "\ud800"])
    assert all(map(math.isfinite, scores))


async def test_cancelling_leaves_it_usable(reranker: Reranker) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await reranker.scores(QUERY, PASSAGES * 50)
    assert len(await reranker.scores(QUERY, PASSAGES)) == 3


async def test_late_interaction_finds_the_passage(embedder: OpenVinoEmbedder) -> None:
    made = make_reranker(RerankerSettings(kind="maxsim"), embedder)
    assert made is not None
    scores = await made.scores(QUERY, PASSAGES)
    assert max(scores) == scores[1]


async def test_a_long_passage_counts_as_its_best_piece(make_cross_encoder: Callable[[int], Path]) -> None:
    made = make_reranker(RerankerSettings(kind="cross_encoder", model=str(make_cross_encoder(1))), None)  # type: ignore[arg-type]
    assert made is not None
    words = " ".join(PASSAGES * 12)
    from retrieval.rerank_cross import CrossEncoderReranker

    assert isinstance(made, CrossEncoderReranker)
    pairs, owners = made._pairs(QUERY, [words, PASSAGES[0]])
    assert owners.count(0) > 1
    assert owners.count(1) == 1
    singly = await made.scores(QUERY, [piece for _, piece in pairs])
    whole = await made.scores(QUERY, [words])
    assert whole[0] == pytest.approx(max(singly[:-1]), abs=1e-3)


async def test_agrees_with_the_library(make_cross_encoder: Callable[[int], Path]) -> None:
    from sentence_transformers import CrossEncoder

    folder = str(make_cross_encoder(1))
    made = make_reranker(RerankerSettings(kind="cross_encoder", model=folder), None)  # type: ignore[arg-type]
    assert made is not None
    expected = CrossEncoder(folder, device="cpu").predict([(QUERY, passage) for passage in PASSAGES])
    assert await made.scores(QUERY, PASSAGES) == pytest.approx(expected.tolist(), abs=1e-4)


def test_what_cannot_rerank_is_refused(make_cross_encoder: Callable[[int], Path], tmp_path: Path) -> None:
    for model, message in ((None, "needs a model"), (str(tmp_path / "none"), "cannot be loaded"), (3, "one")):
        name = str(make_cross_encoder(model)) if isinstance(model, int) else model
        with pytest.raises(ConfigurationError, match=message):
            make_reranker(RerankerSettings(kind="cross_encoder", model=name), None)  # type: ignore[arg-type]


def test_none_is_none() -> None:
    assert make_reranker(RerankerSettings(), None) is None  # type: ignore[arg-type]
