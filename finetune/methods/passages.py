"""What models that search learn from: questions with passages that answer them and passages that only look like it."""

from __future__ import annotations

import random
from typing import Any

from finetune.feed import Row, table
from finetune.methods.base import Job, given

_METRIC_DEPTH = 10


def passages_of(rows: list[Row]) -> list[str]:
    """All passages that answer some question, each once, in order."""
    return list(dict.fromkeys(passage for row in rows for passage in row["positives"]))


def negatives_of(row: Row, pool: list[str], count: int, chance: random.Random) -> list[str]:
    """Hard negatives first; where there are too few, passages that answer other questions."""
    found = [passage for passage in dict.fromkeys(row["negatives"]) if passage not in row["positives"]][:count]
    others = [passage for passage in pool if passage not in row["positives"] and passage not in found]
    return found + chance.sample(others, min(count - len(found), len(others)))


def triples(rows: list[Row], count: int, seed: int) -> Any:
    """Columns `anchor`, `positive`, `negative_1` …: one row a positive, all with as many negatives."""
    chance, pool = random.Random(seed), passages_of(rows)  # noqa: S311
    found = [
        [row["query"], positive, *negatives_of(row, pool, count, chance)]
        for row in rows
        for positive in row["positives"]
    ]
    chance.shuffle(found)
    width = min(len(each) for each in found)
    names = ["anchor", "positive", *(f"negative_{number}" for number in range(1, width - 1))]
    return table([dict(zip(names, each[:width], strict=True)) for each in found])


def labelled(rows: list[Row], count: int, seed: int) -> Any:
    """Columns `query`, `passage`, `label`: every positive, and `count` negatives for each."""
    chance, pool = random.Random(seed), passages_of(rows)  # noqa: S311
    found: list[Row] = []
    for row in rows:
        wrong = negatives_of(row, pool, count * max(1, len(row["positives"])), chance)
        found += [{"query": row["query"], "passage": passage, "label": 1.0} for passage in row["positives"]]
        found += [{"query": row["query"], "passage": passage, "label": 0.0} for passage in wrong]
    chance.shuffle(found)
    return table(found)


def arguments(job: Job, kind: Any, **fixed: Any) -> Any:
    """sentence-transformers' settings for a run; a length is the model's, not the trainer's."""
    settings = given(job)
    settings.pop("max_length", None)
    return kind(**{**settings, **fixed})


def searched(rows: list[Row]) -> Any:
    """Measures an embedder: each question against all passages of the rows, nDCG@10 and recall."""
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    texts = list(dict.fromkeys(passage for row in rows for passage in (*row["positives"], *row["negatives"])))
    ids = {text: str(number) for number, text in enumerate(texts)}
    depth = [_METRIC_DEPTH]
    return InformationRetrievalEvaluator(
        queries={str(number): row["query"] for number, row in enumerate(rows)},
        corpus={name: text for text, name in ids.items()},
        relevant_docs={str(number): {ids[each] for each in row["positives"]} for number, row in enumerate(rows)},
        ndcg_at_k=depth,
        mrr_at_k=depth,
        map_at_k=depth,
        accuracy_at_k=depth,
        precision_recall_at_k=depth,
        write_csv=False,
        name="held_out",
    )


def reranked(rows: list[Row], seed: int) -> Any:
    """Measures a reranker: each question's positives among its negatives, nDCG@10."""
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator

    chance, pool = random.Random(seed), passages_of(rows)  # noqa: S311
    samples = [
        {
            "query": row["query"],
            "positive": list(row["positives"]),
            "negative": negatives_of(row, pool, max(_METRIC_DEPTH, len(row["negatives"])), chance),
        }
        for row in rows
    ]
    return CrossEncoderRerankingEvaluator(samples, at_k=_METRIC_DEPTH, write_csv=False, name="held_out")
