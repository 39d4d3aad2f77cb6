"""A model card (Mitchell et al. 2019) out of a run: where it comes from, how it was made, what it can do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.dataset import MANIFEST
from finetune.recipe import DataFiles, Recipe, parse_recipe
from finetune.registry import VersionKind
from finetune.run_folder import RunFolder

_POINTS = 200
_LICENCE = re.compile(r"^license:\s*[\"']?([^\s\"']+)", re.MULTILINE)
_KINDS: dict[str, VersionKind] = {"reward": "reward", "reranker": "reranker", "embedder": "embedder"}


def kind_of(recipe: Recipe) -> VersionKind:
    """What a recipe makes."""
    return _KINDS.get(recipe.method) or ("model" if recipe.lora is False else "adapter")


def card_of(run: RunFolder, measured: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The card of what a run made. `measured` is what a gate found beside the run's own metrics."""
    report, recipe = run.report(), _resolved(run)
    return {
        "name": recipe.name,
        "kind": kind_of(recipe),
        "method": recipe.method,
        "base": {"model": recipe.model, "licence": licence(Path(recipe.model)), "served_as": run.order()[0].model},
        "data": {**_data(recipe), **report.get("rows", {})},
        "settings": recipe.model_dump(mode="json"),
        "metrics": {"before": report.get("before"), "after": report.get("after"), "measured": dict(measured or {})},
        "curves": curves(list(run.metrics())),
        "cost": {name: report.get(name) for name in ("seconds", "steps", "memory", "machine")},
        "warnings": [each["message"] for each in report.get("findings", [])],
        "versions": report.get("versions"),
    }


def card_text(card: Mapping[str, Any]) -> str:
    """The card for people, in Markdown."""
    base, data, cost, metrics = card["base"], card["data"], card["cost"], card["metrics"]
    lines = [
        f"# {card['name']}",
        "",
        f"A{'n' if card['kind'][0] in 'aeio' else ''} {card['kind']} trained with {card['method']} on {base['model']} "
        f"(licence: {base['licence'] or 'not stated'}).",
        "",
        "## Data",
        "",
        f"{data.get('train', 0)} rows to train on, {data.get('validation', 0)} kept back, of "
        f"{data.get('dataset') or data.get('files')}. {len(data.get('left_out') or ())} rows were longer than "
        f"{data.get('limit', 'the limit')} tokens and were left out.",
    ]
    if data.get("licences"):
        lines += ["", f"Licences of imported rows: {', '.join(data['licences'])}."]
    lines += ["", "## Metrics on rows kept back", "", *_metrics(metrics["before"] or {}, metrics["after"] or {})]
    if metrics["measured"]:
        lines += ["", "## Measured", "", *(f"- {name}: {value}" for name, value in metrics["measured"].items())]
    lines += ["", "## Settings", "", "```json", json.dumps(card["settings"], indent=1, ensure_ascii=False), "```", ""]
    lines += [f"{cost['steps']} steps in {cost['seconds']} seconds.", ""]
    if card["warnings"]:
        lines += ["## Warnings", "", *(f"- {each}" for each in card["warnings"]), ""]
    return "\n".join(lines)


def curves(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Points enough to draw by: evenly spaced where there are more, the last one always."""
    if len(lines) <= _POINTS:
        return [dict(line) for line in lines]
    chosen = sorted({round(number * (len(lines) - 1) / (_POINTS - 1)) for number in range(_POINTS)})
    return [dict(lines[number]) for number in chosen]


def licence(model: Path) -> str | None:
    """The licence that a model's own card names, or the first line of its licence file; None where it is not stated."""
    try:
        found = _LICENCE.search((model / "README.md").read_text("utf-8", "replace")[:4000])
        if found:
            return found[1]
    except OSError:
        pass
    for path in sorted(model.glob("LICEN[CS]E*")) if model.is_dir() else []:
        first = next((line.strip() for line in path.read_text("utf-8", "replace").splitlines() if line.strip()), None)
        if first:
            return first[:100]
    return None


def _metrics(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    names = [name for name in after if name in before and not name.endswith(("runtime", "per_second", "num_tokens"))]
    if not names:
        return ["None: no rows were kept back."]
    rows = [f"| {name.removeprefix('eval_')} | {before[name]:.4g} | {after[name]:.4g} |" for name in names]
    return ["| metric | before | after |", "| --- | --- | --- |", *rows]


def _data(recipe: Recipe) -> dict[str, Any]:
    if isinstance(recipe.data, DataFiles):
        return {"files": [str(path) for path in (recipe.data.train, recipe.data.validation) if path]}
    manifest = recipe.data / MANIFEST
    if not manifest.is_file():
        return {"files": [str(recipe.data)]}
    said = json.loads(manifest.read_text("utf-8"))
    figures = said.get("figures", {})
    return {"counts": said["counts"], "figures": figures, "licences": figures.get("licences", [])}


def _resolved(run: RunFolder) -> Recipe:
    return parse_recipe((run.path / "resolved.yaml").read_text("utf-8"))
