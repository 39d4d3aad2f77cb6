"""What is wrong with an adapter's settings: what PEFT takes and vLLM's LoRA does not know.

The rules are those of vLLM 0.32 (`vllm/lora/peft_helper.py`) and TRL 1.16.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Literal

from finetune.expressions import Tried, expressions_of, try_expressions
from finetune.fields import lora_fields
from finetune.recipe import RETRIEVAL, Recipe
from finetune.served import RANKS, Served
from finetune.weights import matrices

Said = tuple[Literal["error", "warning"], str, str, str]
INITS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")
"""Starts that leave the base as it is. Of these only two need nothing further to be given."""
_PLAIN = ("gaussian", "orthogonal")
_HEADS = ("lm_head", "embed_tokens", "embed_out")
_PLAINLY: dict[str, Any] = {
    "use_dora": "DoRA",
    "lora_bias": "LoRA with a bias",
    "alora_invocation_tokens": "activated LoRA",
    "layer_replication": "replicated layers",
    "use_bdlora": "block-diagonal LoRA",
    "use_qalora": "QA-LoRA",
    "trainable_token_indices": "training of single tokens",
    "target_parameters": "LoRA on bare parameters",
    "monteclora_config": "MonteCLoRA",
    "velora_config": "VeLoRA",
    "kasa_config": "KaSA",
    "arrow_config": "Arrow routing",
}


def lora_findings(recipe: Recipe, served: Served) -> Iterator[Said]:
    """Findings on `lora`."""
    lora = recipe.lora or {}
    yield from _names(lora)
    if recipe.method in RETRIEVAL:
        message = "What searches is loaded whole: retrieval takes no adapters."
        yield "error", "lora_on_retrieval", message, "Write `lora: false`."
    for name, said in _PLAINLY.items():
        if lora.get(name):
            yield "error", name, f"vLLM does not serve {said}.", f"Remove `{name}` from `lora`."
    if lora.get("bias", "none") != "none":
        yield "error", "bias", "vLLM serves no adapter with a bias.", "Write `bias: none`, or remove it."
    yield from _init(lora)
    expressions = expressions_of(lora)
    tried = try_expressions([each for _, each in expressions], _layers(recipe.model) if expressions else ())
    yield from _patterns(list(zip(expressions, tried, strict=True)), lora)
    targets = [each for (setting, _), each in zip(expressions, tried, strict=True) if setting == "target_modules"]
    yield from _modules(recipe, lora, targets[0] if targets else None)
    yield from _rank(recipe, lora, served)


def _names(lora: dict[str, Any]) -> Iterator[Said]:
    for name in sorted(set(lora) - lora_fields()):
        near = get_close_matches(name, lora_fields(), 1)
        yield "error", "unknown_lora", f"PEFT's LoRA knows no `{name}`.", _instead(name, near)


def _instead(name: str, near: list[str]) -> str:
    return f"Write `{near[0]}` instead." if near else f"Remove `{name}`."


def _init(lora: dict[str, Any]) -> Iterator[Said]:
    init = lora.get("init_lora_weights", True)
    if isinstance(init, str) and init.lower() not in INITS:
        message = f"An adapter begun with {init!r} changes the base it is put on, and vLLM refuses it."
        yield "error", "init_lora_weights", message, "Remove `init_lora_weights`, or write `gaussian`."
    elif isinstance(init, str) and init.lower() not in _PLAIN:
        message = f"The start {init!r} needs gradients or data that a recipe has no place for."
        yield "error", "init_lora_weights", message, "Remove `init_lora_weights`, or write `gaussian`."
    elif init is False:
        message = "With `init_lora_weights: false` the adapter begins as noise on top of the base."
        yield "error", "init_lora_weights", message, "Remove `init_lora_weights`."
    if lora.get("loftq_config"):
        message = "LoftQ changes the base it is put on, and vLLM refuses it."
        yield "error", "loftq_config", message, "Remove `loftq_config`."


def _modules(recipe: Recipe, lora: dict[str, Any], tried: Tried | None) -> Iterator[Said]:
    targets = lora.get("target_modules")
    for head in _HEADS:
        if _reaches(targets, head, tried):
            message = f"An adapter on {head} is never trained (TRL) or not served (vLLM)."
            yield "error", "target_head", message, f"Remove {head} from `target_modules`; `all-linear` leaves it out."
    saved = lora.get("modules_to_save") or ()
    allowed = {"score", "classifier"} if recipe.method == "reward" else set()
    if set(saved) - allowed:
        message = f"vLLM serves no adapter that brings whole layers ({', '.join(sorted(set(saved)))})."
        yield "error", "modules_to_save", message, "Remove `modules_to_save`; raise `r` where the adapter is too small."


def _reaches(targets: Any, module: str, tried: Tried | None) -> bool:
    """Whether PEFT would put an adapter on a module: a list names ends of paths, a text is an expression for them."""
    if targets == "all-linear":
        return False
    if tried is not None:
        return any(path in tried.matched for path in (module, f"model.{module}"))
    if isinstance(targets, str):  # a plain name
        return targets in (module, f"model.{module}")
    return any(module == str(name).rpartition(".")[2] for name in targets or ())


def _patterns(tried: list[tuple[tuple[str, str], Tried]], lora: dict[str, Any]) -> Iterator[Said]:
    for (setting, _), each in tried:
        if each.endless:
            message = f"An expression of `{setting}` comes to no end when it is held against names of layers."
            remedy = "Write plain names of layers, or leave out repeats within repeats, as in `(a+)+`."
            yield "error", "endless_pattern", message, remedy
            return
        if each.error is not None and setting == "target_modules":
            message = f"`target_modules` is a text and so an expression, and {lora[setting]!r} is none: {each.error}."
            yield "error", "target_pattern", message, "Write `all-linear`, or a list of layers."
        elif each.error is not None:
            message = f"`{setting}` holds expressions, and one of them is none: {each.error}."
            yield "error", "pattern", message, "Write plain names of layers."


def _layers(model: str) -> Iterator[str]:
    """Names of a model's layers, as far as its files are at hand, and those that an adapter must not reach."""
    yield from (name.rpartition(".")[0] for name in matrices(model))
    yield from _HEADS
    yield from (f"model.{head}" for head in _HEADS)


def _rank(recipe: Recipe, lora: dict[str, Any], served: Served) -> Iterator[Said]:
    ranks = [lora.get("r", 8), *(lora.get("rank_pattern") or {}).values()]
    if any(not isinstance(rank, int) or rank < 1 for rank in ranks):
        yield "error", "rank", "A rank must be a whole number above 0.", "Write `r: 16`."
        return
    rank = max(ranks)
    if rank > RANKS[-1]:
        message = f"vLLM serves no adapter of a rank above {RANKS[-1]}; this has {rank}."
        yield "error", "rank", message, f"Write `r: {RANKS[-1]}` or less."
    elif served.max_lora_rank is not None and rank > served.max_lora_rank and recipe.method != "reward":
        needed = next(each for each in RANKS if each >= rank)
        message = f"The engine takes adapters up to rank {served.max_lora_rank}; this has {rank}."
        remedy = f"Write `r: {served.max_lora_rank}`, or start vLLM with `--max-lora-rank {needed}`."
        yield "error", "rank_served", message, remedy
    alpha = lora.get("lora_alpha", 8)
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or alpha <= 0:
        yield "error", "lora_alpha", "`lora_alpha` must be a number above 0.", f"Write `lora_alpha: {2 * rank}`."
