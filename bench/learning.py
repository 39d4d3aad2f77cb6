"""What a server has learnt, for pictures of it: corrections of real answers, a dataset built of them, a model trained.

The model is the tests' answering model: what it learns in these few steps is nothing to use.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.server import ROOT

MODEL = ROOT / "tests" / "data" / "answering_model"
TRAIN = {
    "max_steps": 16, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 1, "learning_rate": 2e-3,
    "logging_steps": 1, "max_length": 4_096,
}  # fmt: skip
UNDECIDED = "Nobody has decided that yet."
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
Call = Callable[..., Any]
"""`call(method, path, **body)`, the JSON that is answered."""


def settings(models: Path) -> dict[str, str]:
    """What a server needs to train a copy of the model, which is put below `models`."""
    shutil.copytree(MODEL, models / MODEL.name)
    return {
        "FOOTNOTE_FINETUNE__RUNS__MODELS": json.dumps([str(models)]),
        "FOOTNOTE_FINETUNE__CURATE__TRUST__TRUSTED": json.dumps(["local"]),  # nobody reads as fast as this script
        "OMP_NUM_THREADS": "1",
    }


def corrected(call: Call, questions: list[dict[str, Any]]) -> None:
    """Asks, and puts answers right with the sentence of their sources that holds what was asked for."""
    for number, each in enumerate(questions):
        answer = call("POST", "/v1/answers", question=each["question"])
        said = next(_holding(answer["sources"], each["answer_contains"]), None)
        if said and number % 2:
            call("POST", "/v1/feedback", answer_id=answer["id"], rating="down", corrected=said)
        elif number % 5 == 0:
            call(
                "POST", "/v1/feedback", answer_id=answer["id"], rating="down", corrected="Nobody has decided that yet."
            )
        else:
            call("POST", "/v1/feedback", answer_id=answer["id"], rating="up")


def learnt(call: Call) -> dict[str, str]:
    """Builds a dataset and trains on it; where to look: the dataset, the run, what came of it."""
    build = call("POST", "/v1/finetune/datasets", name="handbook")
    while build["state"] == "building":
        time.sleep(0.5)
        build = call("GET", f"/v1/finetune/builds/{build['id']}")
    if build["error"]:
        raise SystemExit(build["error"])
    recipe = {"name": "handbook", "method": "sft", "model": MODEL.name, "data": build["dataset"], "train": TRAIN}
    run = call("POST", "/v1/finetune/runs", recipe=recipe)
    while not run["published"] and not run["error"]:
        time.sleep(1)
        run = call("GET", f"/v1/finetune/runs/{run['name']}")
    if run["error"]:
        raise SystemExit(run["error"])
    return {"dataset": build["dataset"], "training": run["name"], "version": run["published"].replace("@", "/")}


def _holding(sources: list[dict[str, Any]], words: list[str]) -> Iterator[str]:
    for source in sources:
        for sentence in _SENTENCES.split(source["text"]):
            if 20 < len(sentence) < 220 and all(word.lower() in sentence.lower() for word in words):
                yield sentence.strip()
