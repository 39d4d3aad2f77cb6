"""Does late interaction gain anything over fusion? Measured on SciFact's training queries.

    python -m bench.maxsim [--cache FOLDER] [--queries N] [--top N]

The best passages of fusion as configured are scored by MaxSim on the embedder's token vectors, and ordered by that
score alone and by its blends with the fused one. Adds "maxsim" to bench/results/fusion.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.tune_fusion import DATA_SETS, EVERYTHING, RESULT, Bench, configured, passages
from core.types import Vectors
from retrieval.datasets import load
from retrieval.embed_openvino import OpenVinoEmbedder
from retrieval.measure import measures, ranked
from retrieval.ports import IndexQuery
from retrieval.rerank import blended
from retrieval.rerank_maxsim import MaxSimReranker
from retrieval.settings import EmbedderSettings, LexicalSettings

WEIGHTS = (0.0, 0.2, 0.35, 0.5, 0.65, 1.0)
PREFETCH = 100


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--top", type=int, default=15)
    options = parser.parse_args()
    parts = {"train": load("scifact", DATA_SETS, "train")}
    found = await passages(parts, options.cache)
    reranker = MaxSimReranker(OpenVinoEmbedder(EmbedderSettings()))
    judged, vectors = parts["train"], found.queries["train"]
    width = 4 * vectors.size
    chosen = set(random.Random(3).sample(list(judged.queries), options.queries))
    runs: dict[float, dict[str, dict[str, float]]] = defaultdict(dict)
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(found, parts, LexicalSettings(), Path(folder))
        for i, (query, text) in enumerate(judged.queries.items()):
            if query not in chosen:
                continue
            question = IndexQuery(
                mode="hybrid",
                dense=Vectors(data=vectors.data[i * width : (i + 1) * width], size=vectors.size),
                lexical=bench.lexical["train"][i],
                scope=EVERYTHING,
                fusion=configured(),
                limit=PREFETCH,
                prefetch=PREFETCH,
            )
            hits = bench.shard.search(question)
            head, tail = hits[: options.top], hits[options.top :]
            since = time.perf_counter()
            scores = await reranker.scores(text, [bench.text[hit.id] for hit in head])
            took.append((time.perf_counter() - since) * 1000)
            fused = [hit.score for hit in head]
            for weight in WEIGHTS:
                final = blended(scores, fused, weight)
                order = sorted(range(len(head)), key=lambda n: -final[n])
                runs[weight][query] = ranked([bench.owner[hit.id] for hit in ([head[n] for n in order] + tail)])
        bench.close()
    rows = [{"weight": weight, **_rounded(judged.documents, run)} for weight, run in runs.items()]
    result = json.loads(RESULT.read_text("utf-8"))
    result["maxsim"] = {
        "queries": options.queries,
        "passages_reranked": options.top,
        "train": rows,
        "median_ms": round(statistics.median(took)),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result["maxsim"], indent=1))


def _rounded(qrels: object, run: dict[str, dict[str, float]]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in measures(qrels, run, ("nDCG@10", "R@10")).items()}  # type: ignore[arg-type]


if __name__ == "__main__":
    asyncio.run(main())
