"""Twenty-one candidates with planted faults and twenty without, each before the gate on a real vLLM:
`python -m bench.planted`, about an hour.

All are adapters that were really trained or made of one that was, over the small model with the bad habits that
`make flywheel` begins with. One more, trained well, answers everybody; each of the others is held against it over HTTP,
by the rules that a gate has where nothing is said (`RULES` tells what differs). Results, written after each of them:
bench/results/planted.json. What stands there of the same seed, items and rules is not asked again.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.flywheel import learning
from bench.flywheel.__main__ import engine_settings
from bench.flywheel.model import plant
from bench.flywheel.site import Site, environment
from bench.planted import rows
from bench.planted.candidates import ANCHORS, ASKED, FORMER, LEARNT, Make, Workshop, bad, good, harmless
from core.types import Split
from finetune.dataset import Curated, write_dataset
from finetune.registry import Version
from tests.engine_process import started

RESULT = Path(__file__).resolve().parents[1] / "results" / "planted.json"
RULES = """\
speed_items: 20
at_once: 8
measures: {memory_ratio: null}  # both are adapters of one rank in one engine
leak: {max_share: 0.05}         # questions in one wording about two teams are nearly alike
"""


def main() -> None:
    """Makes them and asks the gate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--only", nargs="*", default=[], help="candidates by name; all where none is named")
    parser.add_argument("--work", type=Path, help="folder where versions are kept, for a run that is cut off to go on")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended with it
    kept = Kept(given.out, {"seed": given.seed, "items": ASKED, "rules": RULES})
    if given.work is not None:
        given.work.mkdir(parents=True, exist_ok=True)
        _judged(given.work.resolve(), given.seed, given.only, kept)
    else:
        with tempfile.TemporaryDirectory(prefix="footnote-planted-") as work:
            _judged(Path(work), given.seed, given.only, kept)
    print(json.dumps(_summary(kept.found)))


class Kept:
    """What was found so far, in a file. That of another seed, other items or rules is none."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self._path, self._settings = path, settings
        before = json.loads(path.read_text("utf-8")) if path.exists() else {}
        same = all(before.get(name) == value for name, value in settings.items())
        self.found: list[dict[str, Any]] = before["each"] if same else []

    def names(self) -> set[str]:
        """Who is known."""
        return {str(each["name"]) for each in self.found}

    def add(self, each: dict[str, Any]) -> None:
        """Keeps one more."""
        self.found.append(each)
        result = {**_summary(self.found), **self._settings, "each": self.found}
        self._path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def _summary(found: list[dict[str, Any]]) -> dict[str, int]:
    """How many of each kind there are, and were stopped."""
    kinds = {"planted": bad(), "harmless": harmless(), "sound": good()}
    counts = {}
    for kind, names in kinds.items():
        stopped = [bool(each["stopped"]) for each in found if each["name"] in names]
        counts |= {kind: len(stopped), f"{kind}_stopped": sum(stopped)}
    return counts


def _judged(work: Path, seed: int, only: list[str], kept: Kept) -> None:
    import torch

    torch.set_num_threads(2)
    if not (work / "model").exists():
        plant(work / "model", seed, _tell, steps=50)
    shop = Workshop(
        folder=work / "learning",
        base=work / "model",
        learnt=rows.drawn(seed, LEARNT),
        asked=rows.drawn(seed + 1, ASKED),
    )
    asked = _asked(shop, seed)
    champion = shop.trained("champion", rows.rows(shop.learnt[: LEARNT // 2], rows.well), **FORMER)
    _tell(f"{champion.name} will answer")
    wanted = {**bad(), **harmless(), **good()}
    made = {name: make for name, make in wanted.items() if name not in kept.names() and (not only or name in only)}
    versions = {name: _made(name, make, shop, champion) for name, make in made.items()}
    for folder in ("engine", "data"):  # of a run before
        shutil.rmtree(work / folder, ignore_errors=True)
    (work / "engine").mkdir()
    with started(work / "engine", lambda folder: None, **engine_settings(work)) as engine:
        site = Site(data=work / "data", engine=engine.url)
        try:
            site.start(
                {**environment(work, work / "model", engine.url, []), "FOOTNOTE_FINETUNE__FOLDER": str(shop.folder)}
            )
            engine.wait_up()
            site.until(lambda: site.request("GET", "/readyz").is_success, 120, "the server is ready")
            body = {"version": champion.name, "stage": "champion", "ungated": "it was trained well"}
            learning.reached(site, site.call("POST", "/v1/deployments", json=body)["id"], "champion")
            for name, version in versions.items():
                kept.add(_before_the_gate(site, name, version, asked))
        finally:
            site.stop()


def _asked(shop: Workshop, seed: int) -> str:
    """The dataset that all are asked."""
    splits: dict[Split, Any] = {
        "test": [
            *rows.rows(shop.asked, rows.well),
            *(rows.example(case, each, "", "prompt") for case, each in shop.asked),
        ],
        "anchor": rows.rows(rows.drawn(seed + 2, ANCHORS, held_out=True), rows.well),
    }
    return write_dataset(shop.folder / "datasets", "asked", Curated(examples=splits)).version


def _made(name: str, make: Make, shop: Workshop, champion: Version) -> str:
    since = time.monotonic()
    version = make(shop, champion).name
    _tell(f"{name}: {version}, {time.monotonic() - since:.0f} s")
    return version


def _before_the_gate(site: Site, name: str, version: str, asked: str) -> dict[str, Any]:
    since = time.monotonic()
    gate = learning.gated(site, version, asked, RULES)
    report = gate["report"]
    measures = {each["measure"]: each for each in report["measures"]}
    found = {
        "name": name,
        "planted": name not in good(),
        "stopped": not gate["passed"],
        "by": report["blocked_by"],
        "said": gate["said"],
        "exact_match": {key: measures.get("exact_match", {}).get(key) for key in ("champion", "candidate")},
        "seconds": round(time.monotonic() - since, 1),
    }
    _tell(json.dumps(found))
    return found


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
