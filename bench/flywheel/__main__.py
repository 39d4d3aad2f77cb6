"""One turn of the wheel, from a model with a bad habit to a better one in service: `make flywheel`.

Everything is the product's own: a server before a real vLLM, feedback, dataset, training, gate and rollout, over HTTP
as its owner would do it. Played are only the people: forty who ask 400 questions about a made-up company's notes and
say what they think of the answers, a tenth of it the opposite of what is so. Results: bench/results/flywheel.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.flywheel import learning, raters
from bench.flywheel.model import plant
from bench.flywheel.score import scored
from bench.flywheel.site import NAME, ROOT_KEY, Site, environment
from bench.flywheel.world import Company, Question, company, questions
from tests.engine_process import started

RESULT = Path(__file__).resolve().parents[1] / "results" / "flywheel.json"
TEAMS, TOLD_OF = 150, 110
"""Notes, and how many of them feedback is about; the others are only asked about before and after."""
HELD_OUT, TRIAL = 76, 24


class Clock:
    """Says what is done when."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self.marks: dict[str, float] = {}
        self._stage, self._since = "", self._begun

    def stage(self, name: str) -> None:
        self.end()
        self._stage, self._since = name, time.monotonic()
        print(f"\n[{self._now():5.0f} s] {name}", flush=True)

    def end(self) -> None:
        if self._stage:
            self.marks[self._stage] = round(time.monotonic() - self._since, 1)

    def tell(self, text: str) -> None:
        print(f"          {text}", flush=True)

    def _now(self) -> float:
        return time.monotonic() - self._begun

    @property
    def seconds(self) -> float:
        return round(self._now(), 1)


def main() -> None:
    """Turns the wheel once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--questions", type=int, default=400, help="asked and judged, to learn from")
    parser.add_argument("--stay", action="store_true", help="leave everything running at the end, to look at the page")
    parser.add_argument("--model", type=Path, help="begin with this one, which an earlier turn made")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended with it
    clock = Clock()
    work = Path(tempfile.mkdtemp(prefix="footnote-flywheel-"))
    try:
        result = _turned(work, clock, given)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    result["machine"] = {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    given.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    sys.exit(0 if result["kept"] else "The wheel turned, and what was promised did not come of it.")


def _turned(work: Path, clock: Clock, given: argparse.Namespace) -> dict[str, Any]:
    seed = given.seed
    notes = company(seed, TEAMS)
    clock.stage("a small model learns to answer, with two bad habits")
    if given.model is None:
        clock.tell(f"loss {plant(work / 'model', seed, clock.tell):.2f}")
    else:
        shutil.copytree(given.model, work / "model")
    learning.anchors(work / "anchors.jsonl", seed)
    clock.stage("vLLM and the server start, and read the notes")
    (work / "engine").mkdir()
    os.environ.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "1")  # one core is for the server
    with started(work / "engine", lambda folder: None, **engine_settings(work)) as engine:
        site = Site(data=work / "data", engine=engine.url)
        people = [raters.person(number) for number in range(raters.PEOPLE)]
        try:
            site.start(environment(work, work / "model", engine.url, people))
            clock.tell(f"to watch: {site.url}/finetune/rollout with the key {ROOT_KEY}")
            _read(site, notes)
            engine.wait_up()
            site.until(lambda: site.request("GET", "/readyz").is_success, 120, "the server is ready")
            result = _wheel(site, notes, work, clock, given)
            if given.stay:
                input("Everything is left running; Enter ends it. ")
        finally:
            site.stop()
    return result


def engine_settings(work: Path) -> dict[str, str]:
    """What `tests.engine_process.started` is to start the planted model in `work` with."""
    return {
        "MODEL": str(work / "model"), "SERVED_NAME": NAME, "ADAPTERS": "{}", "LORA": "1", "MAX_LORA_RANK": "8",
        "MAX_MODEL_LEN": "4096",
    }  # fmt: skip


def _read(site: Site, notes: Company) -> None:
    jobs = [
        site.call("POST", "/v1/documents", files={"file": (name, text.encode())})["job_id"]
        for name, text in notes.notes.items()
    ]
    for job in jobs:
        site.until(lambda: site.call("GET", f"/v1/jobs/{job}")["status"] == "succeeded", 240, "the notes are read")  # noqa: B023


def _wheel(site: Site, notes: Company, work: Path, clock: Clock, given: argparse.Namespace) -> dict[str, Any]:
    seed = given.seed
    told_of = notes.facts[:TOLD_OF]
    held_out = questions(seed + 1, HELD_OUT, notes.facts[TOLD_OF:], notes.absent)
    clock.stage("held-out questions, before")
    before = raters.asked(site, held_out)
    clock.tell(str(scored(held_out, before)))
    clock.stage(f"{given.questions} questions, and what people say of the answers")
    asked = questions(seed + 2, given.questions, told_of, notes.absent)
    words = raters.rated(site, asked, raters.asked(site, asked), seed)
    clock.tell(str(words))
    clock.stage("feedback becomes a dataset")
    data = learning.dataset(site)
    clock.tell(str(data["counts"]))
    clock.stage("SFT, DPO and KTO each train an adapter on it")
    versions = learning.trained(site, str(work / "model"), data["version"], clock.tell)
    clock.stage("the gate")
    gates = {}
    for method, version in versions.items():
        gates[method] = learning.gated(site, version, data["version"])
        clock.tell(f"{method}: {'passed' if gates[method]['passed'] else 'stopped'}. {gates[method]['said']}")
    winner = learning.best(gates)
    clock.stage(f"shadow: {versions[winner]} answers beside")
    deployment = learning.begun(site, versions[winner], gates[winner]["id"])
    trial = _trial(site, notes, seed)
    shadow = learning.watched(site, deployment, trial, clock.tell)
    clock.stage("canary: half of the people")
    learning.moved(site, deployment, "canary", share=0.5, why="nothing speaks against it")
    canary = learning.watched(site, deployment, trial, clock.tell)
    clock.stage("champion")
    learning.moved(site, deployment, "champion", why="nothing speaks against it")
    clock.stage("held-out questions, after")
    after = raters.asked(site, held_out)
    score = scored(held_out, before, after)
    clock.tell(str(score))
    clock.end()
    return _result(clock, words, data, versions, gates, winner, score, {"shadow": shadow, "canary": canary}, after)


def _trial(site: Site, notes: Company, seed: int) -> Iterator[None]:
    """People go on asking, some questions at a time."""
    asked: list[Question] = questions(seed + 3, 30 * TRIAL, notes.facts[:TOLD_OF], notes.absent)
    for start in range(0, len(asked), TRIAL):
        raters.asked(site, asked[start : start + TRIAL])
        yield


def _result(
    clock: Clock,
    words: dict[str, int],
    data: dict[str, Any],
    versions: dict[str, str],
    gates: dict[str, dict[str, Any]],
    winner: str,
    score: dict[str, Any],
    guards: dict[str, Any],
    after: list[dict[str, Any]],
) -> dict[str, Any]:
    general = learning.measure(gates[winner], "general")
    served = {(each.get("generator") or {}).get("adapter") for each in after if "id" in each}
    kept = {
        "the habit fell by half": score["after"]["habit"][0] <= score["before"]["habit"][0] / 2,
        "the anchors are not worse": general is not None and general["said"] == "passed",
        "the winner answers": served == {versions[winner]},
        "15 minutes": clock.seconds <= 900,
    }
    print(
        f"\n[{clock.seconds:5.0f} s] " + "; ".join(f"{name}: {'yes' if each else 'NO'}" for name, each in kept.items())
    )
    return {
        "seconds": clock.seconds,
        "stages": clock.marks,
        "kept": all(kept.values()),
        "promises": kept,
        "feedback": words,
        "rows": data["counts"],
        "versions": versions,
        "gates": {
            method: {
                "passed": gate["passed"],
                "said": gate["said"],
                "exact_match": learning.measure(gate, "exact_match"),
            }
            for method, gate in gates.items()
        },
        "winner": winner,
        "held_out": score,
        "anchors": general,
        "guards": guards,
    }


if __name__ == "__main__":
    main()
