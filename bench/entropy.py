"""What an engine and its client pay for telling how sure the model was: the same texts, with and without, in turns.

    python -m bench.entropy [--rounds 5] [--clients 8] [--out FILE]

An engine with a model of random weights on the first core, as in `bench.overhead`; the generator that answers people
reads what it streams. Tokens a second of clients at once, the medians of the rounds, and the time of one token of a
client alone. Result: bench/results/entropy.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from bench.overhead import engine
from core.types import GenerationRequest, Message
from serving.openai_compatible import OpenAICompatibleGenerator
from serving.settings import EndpointSettings

RESULT = Path(__file__).parent / "results" / "entropy.json"
TEXT = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 600, "maxLength": 700}},
    "required": ["text"],
    "additionalProperties": False,
}
ALTERNATIVES = (0, 10)


async def tokens_a_second(generator: OpenAICompatibleGenerator, alternatives: int, clients: int, turn: str) -> float:
    """Of clients that ask at once, each one text."""

    async def ask(number: int) -> int:
        text = f"Tell me about matter {number} of round {turn}."
        asked = GenerationRequest(
            task="answer", question=text, messages=(Message(role="user", content=text),), schema=TEXT,
            max_tokens=768, timeout=300.0, alternatives=alternatives,
        )  # fmt: skip
        usage = (await generator.complete(asked)).usage
        assert bool(usage.scored_tokens) == bool(alternatives), "told where it was asked for, and there alone"
        return usage.completion_tokens

    begun = time.perf_counter()
    written = await asyncio.gather(*map(ask, range(clients)))
    return sum(written) / (time.perf_counter() - begun)


async def measured(url: str, rounds: int, clients: int) -> dict[str, dict[str, float]]:
    """Medians over the rounds, of one client and of several; the first round is not counted."""
    generator = OpenAICompatibleGenerator(
        EndpointSettings.model_validate(
            {"base_url": url, "model": "tiny", "flavour": "vllm", "first_token_seconds": 120.0, "concurrency": 64}
        )
    )
    found: dict[tuple[int, int], list[float]] = {}
    for turn in range(rounds + 1):
        for many in (1, clients):
            for alternatives in ALTERNATIVES if turn % 2 else ALTERNATIVES[::-1]:
                speed = await tokens_a_second(generator, alternatives, many, f"{turn}.{many}")
                found.setdefault((many, alternatives), []).extend([speed] if turn else [])
    await generator.close()
    return {
        f"clients_{many}": {
            "tokens_a_second_without": round(statistics.median(found[many, 0]), 1),
            "tokens_a_second_with": round(statistics.median(found[many, ALTERNATIVES[1]]), 1),
            "ratio": round(
                statistics.median(
                    told / bare for told, bare in zip(found[many, ALTERNATIVES[1]], found[many, 0], strict=True)
                ),
                3,
            ),
        }
        for many in (1, clients)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="footnote-entropy-") as folder,
        engine(Path(folder), hidden=128, layers=8) as url,
    ):
        found = asyncio.run(measured(url, given.rounds, given.clients))
    given.out.write_text(json.dumps({"alternatives": ALTERNATIVES[1], **found}, indent=1) + "\n", "utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
