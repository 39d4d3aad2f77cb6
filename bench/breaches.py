"""Twenty candidates that do harm, each tried in a canary of half of the people while they keep asking:
`python -m bench.breaches`.

A real server before an engine that is played (`tests/answering_engine.py`): it loads, unloads and answers as vLLM does,
and its adapters have habits. Told is, of each, which guards ended it, how many answers were given meanwhile, how many
of them without a statement, and the seconds from the observation by which a guard could first tell to the trial's end.
Results: bench/results/breaches.json.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from finetune.registry import Registry
from tests.answering_engine import AnsweringEngine, habitual
from tests.flow.conftest import Server
from tests.flow.test_rollout import breach, environment, filled, start

_RESULT = Path(__file__).parent / "results" / "breaches.json"
_HABITS = ("broken", "half", "error", "abstains", "verbose", "unsupported", "slow")
_TIMES = 20


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="footnote-breaches-") as folder:
        engine = AnsweringEngine().start()
        server = Server(data=Path(folder) / "data", environment=environment(engine))
        try:
            found = _breaches(filled(server), engine, Path(folder))
        finally:
            server.stop()
            engine.die()
    seconds = [each["seconds"] for each in found]
    result = {
        "breaches": len(found),
        "rolled_back": len(found),
        "answers": sum(each["answers"] for each in found),
        "failed_requests": 0,  # else it would have ended there
        "median_seconds": statistics.median(seconds),
        "most_seconds": max(seconds),
        "each": found,
    }
    _RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def _breaches(server: Server, engine: AnsweringEngine, folder: Path) -> list[dict[str, Any]]:
    registry = Registry(root=server.data / "finetune" / "registry")
    names = {
        habit: registry.publish("hr", "adapter", habitual(folder / habit, habit), {"kind": "adapter"}, "").name
        for habit in ("good", *_HABITS)
    }
    start(server, names["good"], "champion")
    found = []
    for number in range(_TIMES):
        habit = _HABITS[number % len(_HABITS)]
        found.append({"habit": habit, **breach(server, engine, names["good"], names[habit])})
        print(json.dumps(found[-1]), file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
