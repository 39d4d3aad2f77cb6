"""From feedback to a version in service, over HTTP alone: dataset, runs, gates, rollout."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from agents.schema import answer_schema
from agents.settings import OutputSettings
from bench.answering_data import Maker
from bench.flywheel.site import Site

Tell = Callable[[str], None]
METHODS: dict[str, dict[str, Any]] = {
    "sft": {"learning_rate": 2e-3, "max_steps": 44},
    "dpo": {"learning_rate": 6e-4, "max_steps": 28},
    "kto": {"learning_rate": 1.5e-4, "max_steps": 32},
}
COMMON = {
    "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "warmup_steps": 4, "logging_steps": 6,
    "save_strategy": "no",
}  # fmt: skip
RULES = """\
min_items: 20
speed_items: 10
at_once: 16
measures:
  exact_match: {required_gain: 0}           # the habit is to go: better has to be shown
  length_ratio: {floor: 0.3, ceiling: 1.2}  # what says too much may become half as long
  latency_ratio: {ceiling: 3}               # an adapter is computed beside its base, which shows on a processor,
  throughput_ratio: {floor: 0.4}            # and ten questions tell little of it
  memory_ratio: null
general: {margin: 0.2, drop: 0.15}           # what thirty anchors can exclude
leak: {max_share: 0.05}  # questions in one wording about two teams are nearly alike
"""
ANCHORS = 32
PAIRS = 36
"""Questions answered by both, after which somebody decides."""


def anchors(file: Path, seed: int) -> None:
    """What the model could before and should still: whom the passages do not tell of it does not make up, and it
    finds what they do tell. Names, nouns and wordings are none that any training has."""
    maker = Maker(seed, held_out=True)
    rows: list[dict[str, Any]] = []
    while len(rows) < ANCHORS:
        case = maker.case(4, ids=["1", "2", "3", "4"])
        for asked in (case.asked[0], case.asked[-1]):
            prompt = [{"role": each.role, "content": each.content} for each in case.messages(asked)]
            row = {"prompt": prompt, "completion": case.answer(asked), "question": asked.question}
            rows.append({**row, "schema": answer_schema([each.id for each in case.sources], OutputSettings())})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def dataset(site: Site) -> dict[str, Any]:
    """Builds one of all feedback there is."""
    build = site.call("POST", "/v1/finetune/datasets", json={"name": "notes"})
    while build["state"] == "building":
        time.sleep(0.5)
        build = site.call("GET", f"/v1/finetune/builds/{build['id']}")
    if build["error"]:
        raise SystemExit(f"The dataset was not built: {build['error']}")
    found: dict[str, Any] = site.call("GET", f"/v1/finetune/datasets/{build['dataset']}")
    return found


def trained(site: Site, model: str, data: str, tell: Tell) -> dict[str, str]:
    """A version of each method, by method."""
    runs = {}
    for method, train in METHODS.items():
        recipe = {
            "name": f"notes-{method}", "method": method, "model": model, "data": data, "lora": {"r": 8},
            "train": {**COMMON, **train},
        }  # fmt: skip
        runs[method] = site.call("POST", "/v1/finetune/runs", json={"recipe": recipe})["name"]
    found: dict[str, str] = {}
    while len(found) < len(runs):
        for method, name in runs.items():
            run = site.call("GET", f"/v1/finetune/runs/{name}")
            if run["error"]:
                raise SystemExit(f"{method}: {run['error']}")
            if run["published"] and method not in found:
                found[method] = run["published"]
                tell(f"{method} made {run['published']}")
        time.sleep(0.5)
    return found


def gated(site: Site, candidate: str, data: str, rules: str = RULES) -> dict[str, Any]:
    """The gate's word on a version."""
    gate = site.call("POST", "/v1/gates", json={"candidate": candidate, "dataset": data, "rules": rules})
    while gate["state"] == "running":
        time.sleep(0.5)
        gate = site.call("GET", f"/v1/gates/{gate['id']}")
    if gate["state"] != "done":
        raise SystemExit(f"The gate ended: {gate['state']} {gate['error']}")
    found: dict[str, Any] = gate
    return found


def measure(gate: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A measure of a gate's report."""
    for each in (*gate["report"]["measures"], gate["report"]["general"] or {}):
        if each.get("measure") == name:
            found: dict[str, Any] = each
            return found
    return None


def best(gates: dict[str, dict[str, Any]]) -> str:
    """The method whose version passed and answers best, word for word. Ends the programme where none passed."""
    passed = {method: gate for method, gate in gates.items() if gate["passed"]}
    if not passed:
        raise SystemExit("The gate stopped every version: " + "; ".join(each["said"] for each in gates.values()))
    return max(passed, key=lambda method: (measure(passed[method], "exact_match") or {"candidate": 0.0})["candidate"])


def begun(site: Site, version: str, gate: str) -> str:
    """Begins in the shadow; the deployment's id once it is there."""
    body = {"version": version, "stage": "shadow", "gate": gate, "why": "the gate let it through"}
    made = site.call("POST", "/v1/deployments", json=body)
    reached(site, made["id"], "shadow")
    return str(made["id"])


def moved(site: Site, deployment: str, to: str, **body: Any) -> None:
    """Asks for the next stage and waits for it."""
    action = {"canary": "canary", "champion": "promote"}[to]
    site.call("POST", f"/v1/deployments/{deployment}/{action}", json=body)
    reached(site, deployment, to)


def reached(site: Site, deployment: str, stage: str) -> None:
    site.until(
        lambda: site.call("GET", f"/v1/deployments/{deployment}")["stage"] == stage, 120, f"the stage is {stage}"
    )


def watched(site: Site, deployment: str, play: Iterable[None], tell: Tell) -> dict[str, Any]:
    """Lets people ask until so many questions were answered by both, as a person would who then decides. Ends the
    programme where the guards end the trial."""
    for _ in play:
        found = site.call("GET", f"/v1/deployments/{deployment}")
        judged: dict[str, Any] = found["judged"]
        tell(f"{judged['pairs']} questions answered by both. {judged['said']}")
        if found["stage"] not in ("shadow", "canary"):
            raise SystemExit(f"The guards ended the trial: {judged['breached']}")
        if judged["pairs"] >= PAIRS:
            return judged
    raise SystemExit("The guards have not seen enough.")
