"""What a recipe that came over HTTP may name. It is untrusted: it is read from, and what it names is loaded.

    data      a dataset's version, or an imported file        model    one that the settings name or that lies in a
    rewards   a reward model of the registry                           folder they allow, or a version of the registry

Everything else is a number or one word: no path, no address, no name of code stands under `train` and `lora`.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from app.finetune.places import Places
from app.finetune.serving import configured_models
from app.settings import Settings
from core.errors import ConfigurationError, InvalidInput, NotFound
from finetune.ports import Versions
from finetune.recipe import DataFiles, Recipe, Reward, parse_recipe
from finetune.registry import is_name

LONGEST = 64_000
"""Characters of a recipe."""
_LARGEST = 1e15
_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_WORD = re.compile(r"[A-Za-z0-9_.\-]{0,64}")
_MODULES = re.compile(r"[A-Za-z0-9_.\-]{1,200}")
"""Names of layers. PEFT reads some of them as expressions, and a sign more lets one take centuries."""
_NUMBERED = ("gradient_checkpointing_kwargs", "lr_scheduler_kwargs")
"""Settings of TRL's that are mappings of plain values."""
_WORDED = (
    "optim", "lr_scheduler_type", "loss_type", "eval_strategy", "save_strategy", "logging_strategy", "packing_strategy",
    "importance_sampling_level", "scale_rewards", "truncation_mode", "eos_token", "pad_token", "dataset_text_field",
    "formatting_func", "batch_sampler", "train_sampling_strategy",
)  # fmt: skip
"""Settings of TRL's that are words; all others are numbers, or true and false."""
_FETCHING = ("use_vllm", "push_to_hub", "torch_compile", "use_liger_kernel", "hub_always_push", "log_completions")
"""Settings of TRL's that send something away, fetch code or build it."""
_LORA_WORDED = (
    "target_modules", "exclude_modules", "modules_to_save", "layers_pattern", "bias", "init_lora_weights", "task_type",
    "target_parameters",
)  # fmt: skip
_LORA_NUMBERED = ("rank_pattern", "alpha_pattern")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipes:
    """Reads recipes, and finds what they name."""

    settings: Settings
    places: Places
    registry: Versions

    def read(self, given: str | Mapping[str, Any]) -> Recipe:
        """The recipe with whole paths. Raises `InvalidInput` for one that cannot be followed or names what it may not;
        the message begins with the place. What the registry keeps in a bucket is fetched, which may take minutes."""
        text = given if isinstance(given, str) else json.dumps(given)
        if len(text) > LONGEST:
            raise InvalidInput(f"A recipe has at most {LONGEST} characters.")
        recipe = parse_recipe(text)
        if recipe.name.startswith("."):
            _refuse("name", "It cannot begin with a dot.")
        self._trackers(recipe.trackers)
        _plain_train(recipe.train)
        _plain_lora(recipe.lora or {})
        recipe = self._merged(recipe)
        return recipe.model_copy(
            update={
                "data": self._data(recipe.data),
                "model": self._model(recipe.model),
                "rewards": tuple(self._reward(number, each) for number, each in enumerate(recipe.rewards)),
            }
        )

    def _merged(self, recipe: Recipe) -> Recipe:
        """What quantize merges: an adapter of the registry, named beside its base or instead of it."""
        if recipe.adapter is not None:
            adapter = self._version("adapter", str(recipe.adapter), ("adapter",))
            return recipe.model_copy(update={"adapter": adapter})
        if recipe.method != "quantize" or not is_name(recipe.model):
            return recipe
        with contextlib.suppress(NotFound, OSError, ValueError, KeyError):  # `_model` says what is wrong
            version = self.registry.get(recipe.model)
            if version.kind == "adapter":
                base = str(version.card()["base"]["model"])
                adapter = self._version("model", recipe.model, ("adapter",))
                return recipe.model_copy(update={"model": base, "adapter": adapter})
        return recipe

    def _trackers(self, named: tuple[str, ...]) -> None:
        """Curves leave this machine for where its owner says, and only then."""
        for each in named:
            if each not in self.settings.finetune.runs.trackers:
                _refuse(
                    "trackers",
                    f"Curves do not go to {each} from here. Remove it, or allow it: "
                    f"FOOTNOTE_FINETUNE__RUNS__TRACKERS='[\"{each}\"]'.",
                )

    def _data(self, data: Path | DataFiles) -> Path | DataFiles:
        if not isinstance(data, DataFiles):
            return self._rows("data", data)
        validation = None if data.validation is None else self._rows("data.validation", data.validation)
        return DataFiles(train=self._rows("data.train", data.train), validation=validation)

    def _rows(self, place: str, named: Path) -> Path:
        found = _inside((self.places.datasets, self.places.files), str(named))
        if found is None:
            _refuse(place, f"There is no dataset and no imported file named {str(named)[:200]}.")
        return found

    def _model(self, named: str) -> str:
        if named in configured_models(self.settings):
            return named
        if "@" in named and "/" not in named:
            return str(self._version("model", named, ("model", "embedder", "reranker")))
        found = _inside(self.settings.finetune.runs.models, named)
        if found is not None and found.is_dir():
            return str(found)
        if _HUB.fullmatch(named) and self.settings.finetune.runs.hub and not Path(named).exists():
            return named
        _refuse(
            "model",
            f"{named[:200]} is neither a model that the settings name nor one in a folder of "
            "FOOTNOTE_FINETUNE__RUNS__MODELS. Name one of them, a version of the registry, or let models be taken from "
            "the hub (FOOTNOTE_FINETUNE__RUNS__HUB=true).",
        )

    def _reward(self, number: int, reward: Reward) -> Reward:
        if not _number(reward.weight):
            _refuse(f"rewards.{number}.weight", "It has to be a number that can be reckoned with.")
        if reward.path is None:
            return reward
        path = self._version(f"rewards.{number}.path", str(reward.path), ("reward",))
        return reward.model_copy(update={"path": path})

    def _version(self, place: str, named: str, kinds: tuple[str, ...]) -> Path:
        try:
            version = self.registry.get(named)
            if version.kind not in kinds:
                _refuse(place, f"{named} is of the kind {version.kind}; wanted is {' or '.join(kinds)}.")
            return self.registry.sound(named).folder
        except NotFound:
            _refuse(place, f"There is no version named {named[:120]} in the registry.")
        except ConfigurationError as error:
            _refuse(place, error.message)


def _inside(roots: tuple[Path, ...], named: str) -> Path | None:
    """What is named, where it lies in one of the folders, links followed."""
    if not named.strip("./") or "\0" in named:
        return None
    for root in roots:
        whole = root.resolve()
        with contextlib.suppress(OSError, ValueError):  # no name that a file could have
            found = (whole / named).resolve()
            if found != whole and found.is_relative_to(whole) and found.exists():
                return found
    return None


def _plain_train(train: Mapping[str, Any]) -> None:
    for name, value in train.items():
        if name in _FETCHING and value:
            _refuse(f"train.{name}", "It reaches out of this machine or builds code; a recipe cannot ask for it here.")
        if name in _NUMBERED and isinstance(value, dict):
            wrong = not all(_number(each) for each in value.values())
        elif name in _WORDED:
            wrong = not all(_number(each) or _word(each, _WORD) for each in _each(value))
        else:
            wrong = not all(_number(each) for each in _each(value))
        if wrong:
            _refuse(f"train.{name}", "It has to be a number, or true or false.")


def _plain_lora(lora: Mapping[str, Any]) -> None:
    for name, value in lora.items():
        if name in _LORA_NUMBERED and isinstance(value, dict):
            wrong = not all(_number(each) and _MODULES.fullmatch(str(key)) for key, each in value.items())
        elif name in _LORA_WORDED:
            wrong = not all(_number(each) or _word(each, _MODULES) for each in _each(value))
        else:
            wrong = not all(_number(each) for each in _each(value))
        if wrong:
            _refuse(f"lora.{name}", "It has to be a number, true or false, or plain names of layers where they stand.")


def _each(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _number(value: Any) -> bool:
    """Of a size that can be reckoned with: neither endless nor none, nor one with thousands of digits."""
    return value is None or (isinstance(value, bool | int | float) and -_LARGEST <= value <= _LARGEST)


def _word(value: Any, allowed: re.Pattern[str]) -> bool:
    return isinstance(value, str) and allowed.fullmatch(value) is not None


def _refuse(place: str, sentence: str) -> NoReturn:
    raise InvalidInput(f"{place}: {sentence}")


__all__ = ["LONGEST", "Recipes"]
