"""Measures the support score on SciFact's claims: `python -m bench.calibrate_support --data ../shared/data`.

A claim is held against the abstract that supports it, against one that contradicts it, and against the abstract nearest
in words that its annotators did not cite. The training claims are for choosing the threshold; the validation claims for
the report. With `--nli MODEL` a judge of inference is measured on the validation claims instead (`support_nli.json`).
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import json
import math
import platform
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np

from agents.asker import Asker
from agents.judge_nli import NliJudge
from agents.judging import Claim
from agents.settings import JudgeSettings, VerifySettings
from agents.verify import SimilarityVerifier, Verifier
from bench.answer_data import Remembering
from core.terms import terms
from core.types import Source
from retrieval.embed_openvino import OpenVinoEmbedder
from retrieval.settings import EmbedderSettings

RESULTS = Path(__file__).parent / "results" / "support.json"
KINDS = ("supports", "contradicts", "unrelated")
_SENTENCE = re.compile(r"'((?:[^'\\]|\\.|'(?!\s*(?:\n|\]|'|\")))*)'|\"((?:[^\"\\]|\\.)*)\"")


def load(folder: Path) -> tuple[dict[str, Source], dict[str, list[dict[str, str]]]]:
    """The abstracts as sources by id, and the claims of each split."""
    with zipfile.ZipFile(folder / "scifact" / "scifact.zip") as archive:

        def rows(name: str) -> list[dict[str, str]]:
            return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8"))))

        sources = {row["doc_id"]: _source(row) for row in rows("corpus_train.csv")}
        return sources, {split: rows(f"claims_{split}.csv") for split in ("train", "validation")}


def _source(row: dict[str, str]) -> Source:
    sentences = [(one or other).strip() for one, other in _SENTENCE.findall(row["abstract"])]
    spans, text = [], ""
    for sentence in sentences:
        spans.append((len(text), len(text) + len(sentence)))
        text += sentence + " "
    number = row["doc_id"]
    return Source(
        id=number,
        chunk_id=number,
        document_id=number,
        version_id="",
        title=row["title"],
        text=text,
        sentences=tuple(spans),
    )


class Nearest:
    """The abstract that shares most term weight with a claim, some left out."""

    def __init__(self, sources: dict[str, Source]) -> None:
        self._postings: dict[str, list[str]] = defaultdict(list)
        for number, source in sources.items():
            for term in set(terms(source.text)):
                self._postings[term].append(number)
        self._count = len(sources)

    def __call__(self, claim: str, without: set[str]) -> str:
        scores: Counter[str] = Counter()
        for term in set(terms(claim)):
            found = self._postings.get(term, [])
            for number in found:
                scores[number] += math.log(self._count / len(found))  # type: ignore[assignment]
        return next(number for number, _ in scores.most_common() if number not in without)


class Judged:
    """A judge of inference asked about one claim at a time."""

    def __init__(self, settings: JudgeSettings) -> None:
        self._judge = NliJudge(settings)

    async def support(self, statement: str, sources: Sequence[Source]) -> float:
        """See `Verifier.support`."""
        judged = await self._judge.judge([Claim(text=statement, sources=tuple(sources))], Asker(caller="", scope=""))
        return judged.opinions[0].support


async def scores(
    claims: list[dict[str, str]], sources: dict[str, Source], verifier: Verifier
) -> dict[str, list[float]]:
    """Support of every claim by kind of abstract."""
    nearest = Nearest(sources)
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    seen: set[tuple[str, str]] = set()
    for row in claims:
        claim, evidence = row["claim"], row["evidence_doc_id"]
        cited = set(re.findall(r"\d+", row["cited_doc_ids"]))
        if not evidence or (claim, evidence) in seen:
            continue
        seen.add((claim, evidence))
        kind = "supports" if row["evidence_label"] == "SUPPORT" else "contradicts"
        found[kind].append(await verifier.support(claim, [sources[evidence]]))
        other = nearest(claim, cited | {evidence})
        found["unrelated"].append(await verifier.support(claim, [sources[other]]))
    return found


def report(found: dict[str, list[float]], threshold: float) -> dict[str, Any]:
    """Shares above the threshold, and how well support ranks supporting abstracts before the others."""
    kept = {kind: np.array(values) for kind, values in found.items()}
    return {
        "claims": {kind: len(values) for kind, values in kept.items()},
        "at_or_above_threshold": {kind: round(float((v >= threshold).mean()), 4) for kind, v in kept.items()},
        "median": {kind: round(float(np.median(values)), 4) for kind, values in kept.items()},
        "auc_against_unrelated": _auc(kept["supports"], kept["unrelated"]),
        "auc_against_contradicting": _auc(kept["supports"], kept["contradicts"]),
    }


def _auc(positive: np.ndarray, negative: np.ndarray) -> float:
    wins = (positive[:, None] > negative[None, :]).mean() + 0.5 * (positive[:, None] == negative[None, :]).mean()
    return round(float(wins), 4)


async def run(options: argparse.Namespace) -> None:
    sources, claims = load(options.data)
    if options.nli:
        settings = JudgeSettings(kind="nli", model=options.nli, device=options.device)
        judged = await scores(claims["validation"], sources, Judged(settings))
        results = {
            "machine": {"processor": platform.machine(), "python": platform.python_version()},
            "settings": settings.model_dump(),
            "report (validation claims)": report(judged, settings.threshold),
        }
        RESULTS.with_name("support_nli.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(results["report (validation claims)"], indent=1))
        return
    embedder = Remembering(OpenVinoEmbedder(EmbedderSettings()), options.vectors)
    verifier = SimilarityVerifier(embedder, VerifySettings())
    found = {split: await scores(rows, sources, verifier) for split, rows in claims.items()}
    embedder.save()
    tuning = found["train"]
    for threshold in np.arange(0.3, 0.81, 0.05):
        shares = report(tuning, float(threshold))["at_or_above_threshold"]
        print(f"threshold {threshold:.2f}", shares)
    threshold = VerifySettings().threshold
    results = {
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "settings": VerifySettings().model_dump() | {"embedder": embedder.fingerprint},
        "tuning (training claims)": report(tuning, threshold),
        "report (validation claims)": report(found["validation"], threshold),
        "falls_short": [
            "Support by likeness says whether a source speaks of what the statement says, not whether it agrees: a "
            "contradiction in other words is told only by negations and numbers. A model of inference is needed there."
        ],
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results["report (validation claims)"], indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--vectors", type=Path, default=Path(gettempdir()) / "footnote_support_vectors.pickle")
    parser.add_argument("--nli", help="A model of inference to measure: its name or folder.")
    parser.add_argument("--device", default="cpu", help="The torch device it runs on.")
    options = parser.parse_args()
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
