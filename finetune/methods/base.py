"""What a method is given, and what all of TRL's trainers share. The door to PEFT's settings."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.feed import Feed, Row, table
from finetune.machine import Machine
from finetune.recipe import Recipe

Support = Callable[[str, Sequence[str]], float]
"""How far passages carry a statement, in [0, 1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A resolved recipe with its rows, on a machine. Checkpoints go below `folder`."""

    recipe: Recipe
    feed: Feed
    machine: Machine
    folder: Path
    tokenizer: Any = None
    callbacks: tuple[Any, ...] = ()
    support: Support | None = None

    @property
    def seed(self) -> int:
        """What chance begins with."""
        return int(self.recipe.train["seed"])


def arguments(job: Job, kind: Any, **fixed: Any) -> Any:
    """TRL's settings for a run."""
    return kind(**{**given(job), **fixed})


def lora_config(job: Job) -> Any:
    """PEFT's settings; None where every weight is trained."""
    if job.recipe.lora is False:
        return None
    from peft import LoraConfig

    task = "SEQ_CLS" if job.recipe.method == "reward" else "CAUSAL_LM"
    return LoraConfig(**{"task_type": task, **job.recipe.lora})


def tables(job: Job) -> dict[str, Any]:
    """The rows, as trainers take them; shuffled once by the seed, since some never do."""
    rows: list[Row] = list(job.feed.train)
    random.Random(job.seed).shuffle(rows)  # noqa: S311
    return {"train_dataset": table(rows), "eval_dataset": table(job.feed.validation) if job.feed.validation else None}


def given(job: Job) -> dict[str, Any]:
    """The recipe's settings, and those that are the run's own."""
    train = dict(job.recipe.train)
    fixed: dict[str, Any] = {
        "output_dir": str(job.folder / "checkpoints"),
        "report_to": "none",  # `finetune.trackers` tells them, so that a run outlives them
        "run_name": job.recipe.name,
        "disable_tqdm": True,
        "use_cpu": not job.machine.cuda,
        "eval_strategy": train.pop("eval_strategy", "no") if job.feed.validation else "no",
    }
    return {**train, **fixed}
