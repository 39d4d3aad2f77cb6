"""What is wrong with a run, said before it starts: what TRL would trip over and what vLLM would refuse at the end.

Every finding says what to change. Errors keep a run from starting, warnings do not. Nothing heavy is imported: an API
can ask this while it answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from finetune.lint_lora import Said, lora_findings
from finetune.lint_quantize import quantize_findings
from finetune.lint_serving import serving_findings
from finetune.lint_train import train_findings
from finetune.machine import Machine
from finetune.recipe import Recipe
from finetune.served import Served


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """`code` to tell it by, `message` what is wrong, `remedy` what to change."""

    level: Literal["error", "warning"]
    code: str
    message: str
    remedy: str


def lint(recipe: Recipe, served: Served, machine: Machine) -> list[Finding]:
    """What is wrong with a resolved recipe on this machine, for this engine; errors first."""
    found = [
        Finding(level=level, code=code, message=message, remedy=remedy)
        for level, code, message, remedy in _all(recipe, served, machine)
    ]
    return sorted(found, key=lambda finding: finding.level)


def errors(findings: list[Finding]) -> list[Finding]:
    """Those that keep a run from starting."""
    return [finding for finding in findings if finding.level == "error"]


def _all(recipe: Recipe, served: Served, machine: Machine) -> Iterator[Said]:
    if recipe.method == "quantize":
        yield from quantize_findings(recipe, machine)
        return
    yield from train_findings(recipe, machine)
    if recipe.lora is not False:
        yield from lora_findings(recipe, served)
    yield from serving_findings(recipe, served)
