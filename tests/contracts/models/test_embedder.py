"""The `Embedder` port, over every implementation: MiniLM on OpenVINO, the same on torch, and a tiny model on both."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigurationError
from core.types import Vectors
from retrieval.embed_openvino import OpenVinoEmbedder
from retrieval.embed_transformers import TransformersEmbedder
from retrieval.questions import ShortQuestions, shortened
from retrieval.settings import EmbedderSettings

AnyEmbedder = OpenVinoEmbedder | TransformersEmbedder
KINDS = ["openvino-minilm", "openvino-float32", "transformers-minilm", "openvino-tiny", "transformers-tiny"]
TEXTS = [
    "New employees have 25 days of annual leave.",
    "Travel costs are refunded within two weeks of the receipt's arrival.",
    "The server room is on the second floor.",
]


@pytest.fixture(scope="session")
def make(tiny_embedding_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], AnyEmbedder]:
    prepared = tmp_path_factory.mktemp("prepared")
    made: dict[str, AnyEmbedder] = {}

    def build(kind: str) -> AnyEmbedder:
        settings = {
            "openvino-minilm": EmbedderSettings(directory=prepared),
            "openvino-float32": EmbedderSettings(directory=prepared, precision="float32"),
            "transformers-minilm": EmbedderSettings(kind="transformers"),
            "openvino-tiny": EmbedderSettings(model=str(tiny_embedding_model), directory=prepared),
            "transformers-tiny": EmbedderSettings(kind="transformers", model=str(tiny_embedding_model)),
        }[kind]
        return OpenVinoEmbedder(settings) if settings.kind == "openvino" else TransformersEmbedder(settings)

    return lambda kind: made.setdefault(kind, made.get(kind) or build(kind))


@pytest.fixture(params=KINDS)
def embedder(request: pytest.FixtureRequest, make: Callable[[str], AnyEmbedder]) -> AnyEmbedder:
    return make(request.param)


def matrix(vectors: Vectors) -> np.ndarray:
    return np.frombuffer(vectors.data, dtype="<f4").reshape(-1, vectors.size)


async def test_one_unit_vector_a_text_in_order(embedder: AnyEmbedder) -> None:
    together = await embedder.passages(TEXTS)
    assert (len(together), together.size) == (3, embedder.size)
    assert np.allclose(np.linalg.norm(matrix(together), axis=1), 1, atol=1e-5)
    for row, text in zip(matrix(together), TEXTS, strict=True):
        assert row @ matrix(await embedder.passages([text]))[0] > 0.999


async def test_no_texts_no_vectors(embedder: AnyEmbedder) -> None:
    assert len(await embedder.passages([])) == 0


async def test_a_query_is_one_vector(embedder: AnyEmbedder) -> None:
    vector = await embedder.query("How many days of leave?")
    assert (len(vector), vector.size) == (1, embedder.size)


async def test_the_same_text_gives_the_same_vector(embedder: AnyEmbedder) -> None:
    assert (await embedder.query(TEXTS[0])).data == (await embedder.query(TEXTS[0])).data


@pytest.mark.parametrize("text", ["", " ", "\x00\x07\x1b", "\ud800 alone", "字" * 700, "🙂" * 500, "x" * 1_000_000])
async def test_any_text_survives(embedder: AnyEmbedder, text: str) -> None:
    row = matrix(await embedder.passages([text]))[0]
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-4)
    assert embedder.tokens.count([text])[0] >= 2


async def test_thousands_of_windows_survive(make: Callable[[str], AnyEmbedder]) -> None:
    row = matrix(await make("openvino-tiny").passages(["word and more " * 20_000]))[0]
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-4)


async def test_long_text_is_never_cut(embedder: AnyEmbedder) -> None:
    """What stands behind the model's limit moves the vector as much as what stands before it."""
    filler = "The server room is on the second floor. " * 60
    one = matrix(await embedder.passages([filler + "The end."]))[0]
    other = matrix(await embedder.passages([filler + "Bananas, mangoes and apples are fruit. " * 60]))[0]
    assert embedder.tokens.count([filler])[0] > embedder.tokens.max_tokens
    assert one @ other < 0.999


@pytest.mark.parametrize("text", ["." * 4000, "a " * 2000, "字" * 4000, "Nothing of this is a question. " * 125])
async def test_a_question_can_be_shortened(embedder: AnyEmbedder, text: str) -> None:
    brief = shortened(text, embedder, 200)
    assert 120 < embedder.tokens.count([brief])[0] <= 210
    row = matrix(await ShortQuestions(embedder, 200).query(text))[0]
    assert row.tobytes() == matrix(await embedder.query(brief))[0].tobytes()


async def test_counting_agrees_with_the_model_and_is_not_cut(embedder: AnyEmbedder) -> None:
    short, long = embedder.tokens.count(["one", "one " * 1000])
    assert (short, long) == (3, 1002)
    assert (await embedder.token_vectors(["one one"]))[0].shape == (4, embedder.size)


async def test_queries_and_passages_at_once(embedder: AnyEmbedder) -> None:
    calls = [embedder.passages(TEXTS), *(embedder.query(text) for text in TEXTS)]
    batch, *queries = await asyncio.gather(*calls)
    assert [len(vectors) for vectors in (batch, *queries)] == [3, 1, 1, 1]
    assert matrix(queries[1])[0].tobytes() == (await embedder.query(TEXTS[1])).data


async def test_openvino_agrees_with_torch(make: Callable[[str], AnyEmbedder]) -> None:
    torch = matrix(await make("transformers-minilm").passages(TEXTS))
    assert ((matrix(await make("openvino-float32").passages(TEXTS)) * torch).sum(1) > 0.99999).all()
    assert ((matrix(await make("openvino-minilm").passages(TEXTS)) * torch).sum(1) > 0.998).all()


async def test_the_models_own_prompts_are_used(tiny_embedding_model: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_embedding_model), device="cpu")
    tiny = str(tiny_embedding_model)
    embedder = TransformersEmbedder(EmbedderSettings(kind="transformers", model=tiny))
    assert matrix(await embedder.query("leave"))[0] @ model.encode("question: leave") > 0.99999
    assert matrix(await embedder.passages(["leave"]))[0] @ model.encode("passage: leave") > 0.99999
    named = TransformersEmbedder(EmbedderSettings(kind="transformers", model=tiny, query_prompt="short"))
    assert matrix(await named.query("leave"))[0] @ model.encode("q leave") > 0.99999
    written = TransformersEmbedder(EmbedderSettings(kind="transformers", model=tiny, query_prefix="ask: "))
    assert matrix(await written.query("leave"))[0] @ model.encode("ask: leave") > 0.99999
    assert len({embedder.fingerprint, named.fingerprint, written.fingerprint}) == 3


def test_an_unknown_prompt_is_refused(tiny_embedding_model: Path) -> None:
    settings = EmbedderSettings(kind="transformers", model=str(tiny_embedding_model), query_prompt="qeury")
    with pytest.raises(ConfigurationError, match="it has document, query, short"):
        TransformersEmbedder(settings)


@pytest.mark.parametrize("kind", [OpenVinoEmbedder, TransformersEmbedder])
def test_a_missing_model_is_a_clear_error(kind: type[AnyEmbedder], tmp_path: Path) -> None:
    settings = EmbedderSettings(model=str(tmp_path / "none"), directory=tmp_path)
    with pytest.raises(ConfigurationError, match="none"):
        kind(settings)


def test_fingerprints_tell_settings_apart(make: Callable[[str], AnyEmbedder]) -> None:
    kinds = {kind: make(kind).fingerprint for kind in KINDS}
    assert len(set(kinds.values())) == len(KINDS)


def test_preparing_twice_writes_once(tiny_embedding_model: Path, tmp_path: Path) -> None:
    from retrieval.prepare import prepare

    folder = prepare(tmp_path, tiny_embedding_model)
    first = (folder / "float32.xml").stat().st_mtime_ns
    assert prepare(tmp_path, tiny_embedding_model) == folder
    assert (folder / "float32.xml").stat().st_mtime_ns == first
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_the_query_path_imports_no_torch(root: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from retrieval.embed_openvino import OpenVinoEmbedder\n"
        "from retrieval.settings import EmbedderSettings\n"
        "assert 'openvino' not in sys.modules and 'tokenizers' not in sys.modules\n"
        "asyncio.run(OpenVinoEmbedder(EmbedderSettings()).query('leave'))\n"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers', 'spacy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
