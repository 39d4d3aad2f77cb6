"""The recipe's rewards, in the form TRL calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import ConfigurationError
from finetune.methods.base import Job
from finetune.recipe import Reward
from finetune.rewards import Told, citations, length, repetition, schema, support


def led(job: Job) -> tuple[list[Any], list[float]]:
    """Reward functions and their weights, in the recipe's order. Raises `ConfigurationError`."""
    rewards = job.recipe.rewards
    return [_reward(each, job) for each in rewards], [each.weight for each in rewards]


def _reward(reward: Reward, job: Job) -> Any:
    if reward.name == "model":
        return Scored(str(reward.path))
    if reward.name == "schema":
        return told("schema", schema)
    if reward.name == "citations":
        return told("citations", citations)
    if reward.name == "repetition":
        return told("repetition", repetition)
    if reward.name == "length":
        return told("length", lambda text, _: length(text, reward.target, reward.limit))
    if job.support is None:
        raise ConfigurationError(
            "The reward `support` needs something that tells how far passages carry a statement; "
            "this run was given none."
        )
    judge = job.support
    return told("support", lambda text, row: support(text, row, judge))


def told(name: str, judge: Any) -> Any:
    """A function of one text and its row, as TRL calls it: many at once, columns by name."""

    def rewarded(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
        schemas = columns.get("schema") or ["{}"] * len(completions)
        sources = columns.get("sources") or [[]] * len(completions)
        rows = [Told(schema=each, sources=found) for each, found in zip(schemas, sources, strict=True)]
        return [judge(said(each), row) for each, row in zip(completions, rows, strict=True)]

    rewarded.__name__ = name
    return rewarded


def said(completion: Any) -> str:
    """The text of a completion."""
    return completion if isinstance(completion, str) else "".join(str(turn["content"]) for turn in completion)


class Scored:
    """A reward model's scores. It is loaded at the first call, beside the model that learns."""

    def __init__(self, folder: str) -> None:
        self.__name__ = "model"
        self._folder = folder
        self._model: Any = None
        self._tokenizer: Any = None

    def __call__(self, prompts: list[Any], completions: list[Any], **_: Any) -> list[float]:
        """One score a completion."""
        import torch

        if self._model is None:
            self._model, self._tokenizer = load_scorer(Path(self._folder))
        texts = [
            self._tokenizer.apply_chat_template([*prompt, *completion], tokenize=False)
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        fed = self._tokenizer(texts, return_tensors="pt", padding=True, padding_side="right", add_special_tokens=False)
        with torch.inference_mode():
            return [float(score) for score in self._model(**fed.to(self._model.device)).logits[:, 0]]


def load_scorer(folder: Path) -> tuple[Any, Any]:
    """A reward model and its tokenizer, out of a folder that a run with `method: reward` made, adapter or whole.
    Raises `ConfigurationError`."""
    import torch
    from peft import AutoPeftModelForSequenceClassification
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        if (folder / "adapter_config.json").exists():
            wrapped = AutoPeftModelForSequenceClassification.from_pretrained(str(folder), num_labels=1)
            base = wrapped.peft_config["default"].base_model_name_or_path
            tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
            model = wrapped.merge_and_unload()
        else:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
            model = AutoModelForSequenceClassification.from_pretrained(str(folder), trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConfigurationError(f"The reward model in {folder} cannot be loaded: {error}") from error
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    return model.eval().to(device), tokenizer
