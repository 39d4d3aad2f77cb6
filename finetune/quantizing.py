"""The work of a run that makes a model smaller: merge, measure, quantize, measure again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError
from finetune.feed import Feed, Row
from finetune.quantize import CALIBRATED, Stopped, Tools, measured, quantize, size
from finetune.recipe import Recipe
from finetune.run_folder import RunFolder

KEPT_BACK = 64
"""Rows kept back that are measured on, at most."""
_STEPS = ("merging", "measuring before", "quantizing", "measuring after")


@dataclass(frozen=True, kw_only=True, slots=True)
class Smaller:
    """A resolved run and what it reads."""

    recipe: Recipe
    feed: Feed
    tokenizer: Any
    tools: Tools
    folder: RunFolder


def work(run: Smaller) -> None:
    """Leaves the model in fewer bits in `model/`, whole or not at all, and in the report what it cost in quality. A run
    that is taken up again begins anew. Raises what `quantize` and `merge` raise."""
    aside = run.folder.path / "aside"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _steps(run, aside)
    except Stopped:
        return
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _steps(run: Smaller, aside: Path) -> None:
    recipe, folder = run.recipe, run.folder
    assert recipe.scheme is not None
    lacking = run.tools.lack(recipe.scheme)
    if lacking:
        raise ConfigurationError(lacking)
    _at(folder, 0)
    aside.mkdir()
    whole = _whole(recipe, aside)
    _at(folder, 1)
    rows = [_row(run, row) for row in run.feed.validation[:KEPT_BACK]]
    if recipe.adapter is None:
        (before,) = _measured(run, [whole], rows, aside)
    else:
        bare, before = _measured(run, [Path(recipe.model), whole], rows, aside)
        folder.add_report(base=_told(bare))
    folder.add_report(before=_told(before))
    _at(folder, 2)
    count = int(recipe.train["num_calibration_samples"])
    texts = [_text(run, row) for row in run.feed.train[:count]] if recipe.scheme in CALIBRATED else []
    made = quantize(
        run.tools, whole, aside / "made", recipe.scheme, texts, length=int(recipe.train["max_length"]),
        attention=bool(recipe.train.get("attention", True)), stop=folder.cancel.exists,
    )  # fmt: skip
    _at(folder, 3)
    (after,) = _measured(run, [made.folder], [] if recipe.scheme.startswith("gguf") else rows, aside)
    folder.add_report(after=_told(after, before), seconds=made.seconds, steps=len(_STEPS))
    shutil.rmtree(folder.model, ignore_errors=True)
    made.folder.rename(folder.model)
    folder.change_status(step=len(_STEPS))


def _at(folder: RunFolder, step: int) -> None:
    if folder.cancel.exists():
        raise Stopped
    folder.change_status(state="running", stage=_STEPS[step], step=step, steps=len(_STEPS))


def _whole(recipe: Recipe, aside: Path) -> Path:
    """The 16-bit model that is made smaller."""
    if recipe.adapter is None:
        return Path(recipe.model)
    from finetune.merge import merge

    return merge(Path(recipe.model), recipe.adapter, aside / "merged")


def _measured(run: Smaller, models: Sequence[Path], rows: Sequence[Row], aside: Path) -> list[dict[str, Any]]:
    """The size of each, and what it makes of the rows, if there are any."""
    sizes = [{"size": size(model)} for model in models]
    if not rows:
        return sizes
    found = measured(run.tools, models, rows, aside / "measuring", run.folder.cancel.exists)
    return [{**one, **other} for one, other in zip(sizes, found, strict=True)]


def _told(found: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, float]:
    """As the report has it. `agreement` is the share of places at which the smaller model finds the same token the
    likeliest, given the same words before it."""
    told = {"size": found["size"]}
    if "loss" in found:
        told |= {"eval_loss": round(found["loss"], 5), "speed": round(found["speed"], 2)}
    if before and "chosen" in found and "chosen" in before:
        pairs = [
            pair
            for one, other in zip(before["chosen"], found["chosen"], strict=True)
            for pair in zip(one, other, strict=True)
        ]
        told["agreement"] = round(sum(one == other for one, other in pairs) / max(1, len(pairs)), 4)
    return told


def _text(run: Smaller, row: Row) -> str:
    return str(run.tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], tokenize=False))


def _row(run: Smaller, row: Row) -> dict[str, Any]:
    """Token ids of a whole row, and where its completion starts."""
    prompt = str(run.tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True))
    asked, whole = run.tokenizer([prompt, _text(run, row)], add_special_tokens=False)["input_ids"]
    return {"ids": whole, "start": len(asked)}
