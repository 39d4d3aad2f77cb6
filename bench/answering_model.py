"""The small model that learned to answer from given passages and to cite the right one.

`python -m bench.answering_model FOLDER [--seed N]` trains it, measures it on names, nouns and wordings that
it never saw, and writes it into a folder with its checksums; `--measure` only measures one that is there. What is kept
in `tests/data/answering_model` came from it. The figures go to `bench/results/answering_model.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import platform
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.schema import Draft, answer_schema, read_answer
from agents.settings import OutputSettings
from bench.answering_data import Asked, Case, Maker
from bench.answering_start import with_copying
from bench.answering_training import told, train
from bench.tiny_llama import new_model, read_tokenizer
from core.errors import GenerationInvalid
from core.types import GenerationRequest
from serving.local import LocalGenerator
from serving.settings import LocalSettings

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results" / "answering_model.json"
VOCABULARY, HIDDEN, LAYERS, HEADS = 1_024, 192, 4, 3
SLOW_TURNS = 1e8
"""The base of the rotary positions: most of a head's numbers keep their place over a whole prompt."""
STEPS = 2_000
CASES = 40
"""Cases that are measured, with some four questions each."""
PASSAGES = 4


def build(folder: Path, seed: int, steps: int = STEPS) -> float:
    """Trains the model and writes it with its tokenizer into a folder; returns the last loss."""
    import torch

    torch.set_num_threads(1)  # sums in one order: the same seed gives the same weights
    tokenizer = read_tokenizer(VOCABULARY)
    turns = {"rope_type": "default", "rope_theta": SLOW_TURNS}
    settings: dict[str, Any] = {"initializer_range": 0.1, "tie_word_embeddings": True, "rope_parameters": turns}
    model = with_copying(new_model(tokenizer, seed, HIDDEN, LAYERS, HEADS, **settings))
    loss = told(train(model, tokenizer, seed, steps))
    tokenizer.save_pretrained(folder)
    model.half().save_pretrained(folder)
    return loss


def held_out(count: int, seed: int = 1) -> list[Case]:
    """Cases of what no training example has; their sources are numbered as an answer's are."""
    maker = Maker(seed, held_out=True)
    return [maker.case(PASSAGES, ids=[str(n) for n in range(1, PASSAGES + 1)]) for _ in range(count)]


def request(case: Case, asked: Asked, bounds: OutputSettings | None = None) -> GenerationRequest:
    """The product's own request for an answer."""
    return GenerationRequest(
        task="answer",
        messages=case.messages(asked),
        schema=answer_schema([each.id for each in case.sources], bounds or OutputSettings()),
        question=asked.question,
        sources=case.sources,
        max_tokens=200,
        timeout=120,
    )


async def measure(folder: Path, cases: Sequence[Case]) -> dict[str, float]:
    """Shares of right answers, under the grammar of the `local` generator."""
    generator = LocalGenerator(LocalSettings(model=str(folder), threads=1))
    right: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for case in cases:
        ids = [each.id for each in case.sources]
        for asked in case.asked:
            said = await _said(generator, request(case, asked), ids)
            kind = ("unanswerable", "one fact", "two facts")[len(asked.facts)]
            wanted = [(fact.text, (case.cited(fact),)) for fact in asked.facts]
            cited = {each.sources for each in said} == {sources for _, sources in wanted}
            exact = [(each.text, each.sources) for each in said] == wanted
            for name, holds in ((f"{kind}: cited", cited), (f"{kind}: word for word", exact)):
                count[name] += 1
                right[name] += holds
    await generator.close()
    return {name: round(right[name] / count[name], 4) for name in sorted(count)}


async def _said(generator: LocalGenerator, asked: GenerationRequest, ids: Sequence[str]) -> tuple[Draft, ...]:
    """What it states; nothing where it went on until its limit."""
    try:
        return read_answer((await generator.complete(asked)).text, ids, OutputSettings()).statements
    except GenerationInvalid:
        return ()


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each file."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix != ".md"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    """Trains, measures, records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--measure", action="store_true")
    given = parser.parse_args()
    begun = time.monotonic()
    recorded: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if given.measure and RESULTS.exists() else {}
    if not given.measure:
        loss = build(given.folder, given.seed, given.steps)
        recorded["training"] = {
            "seed": given.seed,
            "steps": given.steps,
            "loss": round(loss, 4),
            "seconds": round(time.monotonic() - begun),
        }
    recorded["machine"] = {"processor": platform.machine(), "python": platform.python_version()}
    recorded["held_out"] = {"passages": PASSAGES, "cases": CASES, **asyncio.run(measure(given.folder, held_out(CASES)))}
    recorded["sha256"] = checksums(given.folder)
    RESULTS.write_text(json.dumps(recorded, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(recorded, indent=2))


if __name__ == "__main__":
    main()
