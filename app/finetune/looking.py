"""A recipe looked over before time is spent: what is wrong with it, what memory it will take, what it comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.finetune.recipes import Recipes
from app.finetune.serving import served, tools
from app.settings import Settings
from core.errors import InvalidInput
from finetune.defaults import resolve
from finetune.lint import errors, lint
from finetune.machine import Machine, device_memory, machine_beside
from finetune.memory import Estimate, estimate, refusal
from finetune.recipe import Recipe, recipe_text

_PLACED = re.compile(r"(?:The recipe cannot be followed: )?([a-z_]+(?:\.[\w-]+)*): ")
_NAMED = re.compile(r"`([a-z_]+)[`:]")
_LEAST = 64
"""Tokens that a row has at least, for what can be said before rows were counted."""
_TAKEN = 1 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """What is wrong, where in the recipe, and what to change."""

    level: Literal["error", "warning"]
    code: str
    place: str
    message: str
    change: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """A recipe, if it can be read, and all that is to be said of it."""

    recipe: Recipe | None = None
    resolved: str | None = None
    findings: list[Noted] = field(default_factory=list)
    needed: Estimate | None = None
    free: int | None = None

    @property
    def ok(self) -> bool:
        """Whether a run may start."""
        return not any(each.level == "error" for each in self.findings)

    def refusal(self) -> str:
        """What keeps it from starting, in sentences."""
        wrong = (each for each in self.findings if each.level == "error")
        return " ".join(f"{each.message} {each.change}".strip() for each in wrong)


def look_over(settings: Settings, recipes: Recipes, given: str | Mapping[str, Any]) -> Looked:
    """What can be told of a recipe in a moment; reads files, loads nothing."""
    try:
        recipe = recipes.read(given)
    except InvalidInput as error:
        found = _PLACED.match(error.message)
        place = found[1] if found else ""
        return Looked(findings=[_noted("error", "recipe", place, error.message, "")])
    try:
        return _over(settings, recipe)
    except InvalidInput as error:  # a file of the model's that cannot be read
        found = _PLACED.match(error.message)
        return Looked(recipe=recipe, findings=[_noted("error", "model", found[1] if found else "", error.message, "")])
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        message = f"A setting under `train` or `lora` has a value that is not of its kind: {str(error)[:300]}."
        return Looked(findings=[_noted("error", "value", "", message, "Correct it; docs/finetune.md shows recipes.")])


def _over(settings: Settings, recipe: Recipe) -> Looked:
    machine, engine = machine_beside(), served(settings)
    whole = resolve(recipe, engine, machine)
    said = lint(whole, engine, machine)
    findings = [
        _noted(each.level, each.code, _place(whole, f"{each.message} {each.remedy}"), each.message, each.remedy)
        for each in said
    ]
    lacking = tools(settings).lack(whole.scheme) if whole.scheme else None
    if lacking:
        findings.append(_noted("error", "no_quantizer", "scheme", lacking, ""))
    needed = None
    if not errors(said):
        needed = estimate(whole, machine)
        findings += _memory(whole, machine)
    findings += _beside(settings, machine)
    if whole.processes > machine.devices and machine.cuda:
        message = f"{whole.processes} processes are asked for, and there are {machine.devices} devices."
        findings.append(_noted("error", "processes", "processes", message, "Remove `processes`."))
    findings.sort(key=lambda each: each.level)
    return Looked(recipe=recipe, resolved=recipe_text(whole), findings=findings, needed=needed, free=machine.memory)


def _memory(recipe: Recipe, machine: Machine) -> Iterator[Noted]:
    """What cannot fit with the shortest rows is refused here; what depends on rows is decided once they are counted."""
    certain = refusal(recipe, machine, _LEAST)
    possible = refusal(recipe, machine)
    if certain:
        yield _noted("error", "memory", "", certain, "")
    elif possible:
        change = "Rows that are shorter need less: the run decides once it has counted them."
        yield _noted("warning", "memory", "", possible, change)


def _beside(settings: Settings, machine: Machine) -> Iterator[Noted]:
    """What else works on the devices that a run would take."""
    if not machine.cuda:
        if settings.serving.generator != "extractive" and _here(settings):
            message = "The model that answers shares this machine's processors: answers slow down while a run goes on."
            yield _noted("warning", "beside", "", message, "Runs give way to other work; train at quiet hours.")
        return
    for number, (free, total) in enumerate(device_memory()):
        if total - free > _TAKEN:
            message = (
                f"{(total - free) / (1 << 30):.1f} of {total / (1 << 30):.1f} GiB of GPU {number} are taken by other "
                "processes, an engine perhaps: only the rest is there to train with."
            )
            change = "Lower FOOTNOTE_SERVING__ENGINE__GPU_MEMORY_UTILIZATION, or stop the engine for the run."
            yield _noted("warning", "beside", "", message, change)


def _here(settings: Settings) -> bool:
    address = settings.serving.endpoint.base_url
    return settings.serving.generator == "local" or any(
        f"://{host}" in address for host in ("127.0.0.1", "localhost", "[::1]")
    )


def _place(recipe: Recipe, words: str) -> str:
    """Where in the recipe the first setting stands that is spoken of."""
    for name in _NAMED.findall(words):
        if name in recipe.train:
            return f"train.{name}"
        if recipe.lora is not False and name in recipe.lora:
            return f"lora.{name}"
        if name in Recipe.model_fields:
            return str(name)
    return ""


def _noted(level: Literal["error", "warning"], code: str, place: str, message: str, change: str) -> Noted:
    return Noted(level=level, code=code, place=place, message=message, change=change)


__all__ = ["Looked", "Noted", "look_over"]
