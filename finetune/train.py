"""The work of a run, in a process of its own: look over, load, measure, train, measure, save."""

from __future__ import annotations

import importlib
import shutil
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, InvalidInput
from finetune.callbacks import last_whole, step_of, watcher
from finetune.defaults import resolve
from finetune.feed import Feed, read_feed
from finetune.lengths import fit
from finetune.lint import errors, lint
from finetune.machine import Machine, this_machine
from finetune.memory import estimate, refusal
from finetune.methods.base import Job, Support
from finetune.quantizing import Smaller, work
from finetune.recipe import RETRIEVAL, Recipe, recipe_text
from finetune.result import save_result
from finetune.run_folder import RunFolder
from finetune.served import Served
from finetune.weights import check_template, load_tokenizer, set_seed

VERSIONS = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "sentence-transformers")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A run that may start."""

    recipe: Recipe
    feed: Feed
    machine: Machine
    tokenizer: Any


def train(folder: RunFolder, first: bool = True, support: Support | None = None) -> None:
    """Trains what the folder asks for, from its last whole checkpoint on; `model/` is there where it came to its end.

    `first` is the process that writes, where several work together. Raises `InvalidInput` where it must not start as
    it is, `ConfigurationError` where the model cannot be loaded.
    """
    served, named = folder.order()
    folder_recipe = folder.recipe()
    ready = prepare(folder_recipe, served, folder if first else None)
    if first:
        folder.change_status(stage="loading")
    if ready.recipe.method == "quantize":
        work(
            Smaller(
                recipe=ready.recipe, feed=ready.feed, tokenizer=ready.tokenizer, tools=folder.tools(), folder=folder
            )
        )
        return
    set_seed(int(ready.recipe.train["seed"]))
    job = Job(
        recipe=ready.recipe,
        feed=ready.feed,
        machine=ready.machine,
        folder=folder.path,
        tokenizer=ready.tokenizer,
        callbacks=(watcher(folder), *(_trackers(ready.recipe, folder) if first else ())),
        support=support or (_named(named) if named else None),
    )
    trainer = importlib.import_module(f"finetune.methods.{_module(ready.recipe)}").trainer(job)
    _run(trainer, job, folder, served, first)


def prepare(recipe: Recipe, served: Served, folder: RunFolder | None = None) -> Prepared:
    """Everything that can be found out before time is spent; what is found is put into the run's report. Raises
    `InvalidInput` with what to change."""
    machine = this_machine()
    recipe = resolve(recipe, served, machine)
    findings = lint(recipe, served, machine)
    if folder is not None:
        folder.put("resolved.yaml", recipe_text(recipe))
        folder.add_report(findings=[asdict(each) for each in findings], versions=_versions(), machine=asdict(machine))
    wrong = errors(findings)
    if wrong:
        raise InvalidInput(" ".join(f"{each.message} {each.remedy}" for each in wrong))
    feed, tokenizer, longest = read_feed(recipe), None, None
    rows: dict[str, Any] = {"dataset": feed.version}
    if recipe.method not in RETRIEVAL:
        tokenizer = load_tokenizer(recipe.model)
        check_template(tokenizer)
        feed, lengths = fit(feed, recipe, tokenizer, served.context)
        rows |= asdict(lengths)
        longest = min(lengths.longest, lengths.limit)
    needed = estimate(recipe, machine, longest)
    if folder is not None:
        counts = {"train": len(feed.train), "validation": len(feed.validation)}
        folder.add_report(rows={**rows, **counts}, memory=asdict(needed) if needed else None)
    said = refusal(recipe, machine, longest)
    if said:
        raise InvalidInput(said)
    return Prepared(recipe=recipe, feed=feed, machine=machine, tokenizer=tokenizer)


def _run(trainer: Any, job: Job, folder: RunFolder, served: Served, first: bool) -> None:
    checkpoint = last_whole(folder.checkpoints)
    if first:
        _forget_torn(folder.checkpoints)
        folder.drop_metrics(step_of(checkpoint) if checkpoint else -1)
    if checkpoint is None:
        _measure(trainer, job, folder, "before", first)
    began, worked = time.monotonic(), time.process_time()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if folder.cancel.exists() and trainer.state.global_step < trainer.state.max_steps:
        return
    seconds, worked = time.monotonic() - began, time.process_time() - worked
    _measure(trainer, job, folder, "after", first)
    if first:
        folder.change_status(stage="saving", step=trainer.state.global_step)
    save_result(trainer, job.recipe, folder, served, first)
    if first:
        folder.add_report(
            seconds=round(seconds, 3), cpu_seconds=round(worked, 3), steps=trainer.state.global_step,
            resumed_at=step_of(checkpoint) if checkpoint else None,
        )  # fmt: skip


def _measure(trainer: Any, job: Job, folder: RunFolder, when: str, first: bool) -> None:
    """What the rows kept back say of the model."""
    if not job.feed.validation:
        return
    if first:
        folder.change_status(stage=f"measuring {when}")
    found = trainer.evaluate()
    if first:
        numbers = {name: value for name, value in found.items() if isinstance(value, int | float)}
        folder.add_report(**{when: numbers})


def _forget_torn(checkpoints: Path) -> None:
    """Removes checkpoints that a killed process left half written: the trainer's own rotation would count them."""
    whole = last_whole(checkpoints)
    for path in checkpoints.glob("checkpoint-*"):
        if whole is None or step_of(path) > step_of(whole):
            shutil.rmtree(path)


def _module(recipe: Recipe) -> str:
    return "dpo" if recipe.method == "ipo" else recipe.method


def _trackers(recipe: Recipe, folder: RunFolder) -> list[Any]:
    """What else is told the curves; that one failed is put into the report."""
    if not recipe.trackers:
        return []
    from finetune.trackers import trackers

    def lost(said: str) -> None:
        folder.add_report(trackers=[*folder.report().get("trackers", ()), said])

    return trackers(recipe.trackers, lost)


def _named(path: str) -> Support:
    """What `module:function` names."""
    module, _, name = path.partition(":")
    try:
        found: Support = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"There is no {path} that could tell support: {error}") from error
    return found


def _versions() -> dict[str, str]:
    return {name: version(name) for name in VERSIONS}
