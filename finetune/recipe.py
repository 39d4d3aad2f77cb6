"""A run's recipe: one YAML file that says what is trained, how and on what.

    name: handbook            # the adapter's title
    method: dpo               # sft dpo ipo kto orpo reward grpo rloo reranker embedder quantize
    model: /models/llama      # a folder, or a name on the hub
    data: /data/handbook@4f…  # a dataset's folder, a .jsonl file, or {train: …, validation: …}
    lora: {r: 16}             # PEFT's names; `lora: false` trains every weight
    train: {num_train_epochs: 2}  # TRL's names
    quantization: nf4

Making a model smaller is a run as well: `method: quantize` with a `scheme`, on rows like those it will be asked.

What is left out has defaults that `finetune.defaults` fills in; the filled recipe is kept beside the run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import InvalidInput
from core.types import ExampleKind

Method = Literal["sft", "dpo", "ipo", "kto", "orpo", "reward", "grpo", "rloo", "reranker", "embedder", "quantize"]
Scheme = Literal["gptq-w4a16", "awq-w4a16", "fp8", "int8", "gguf-q8_0", "gguf-f16"]
"""How a model is made smaller: by llm-compressor for vLLM, or by llama.cpp's converter."""
KIND: dict[Method, ExampleKind] = {
    "sft": "sft",
    "dpo": "preference",
    "ipo": "preference",
    "orpo": "preference",
    "reward": "preference",
    "kto": "kto",
    "grpo": "prompt",
    "rloo": "prompt",
    "reranker": "retrieval",
    "embedder": "retrieval",
    "quantize": "sft",
}
"""The rows that a method learns from."""
ONLINE: tuple[Method, ...] = ("grpo", "rloo")
"""Methods that learn from what the model itself writes."""
RETRIEVAL: tuple[Method, ...] = ("reranker", "embedder")
"""Methods of the models that search."""
_SCIENTIFIC = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
_LONGEST, _DEEPEST = 4_096, 16
"""Characters of a value, and levels of a recipe, at most."""
RewardName = Literal["schema", "citations", "support", "length", "repetition", "model"]


class Part(BaseModel):
    """Base of a recipe's parts: frozen, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataFiles(Part):
    """Rows in files of one's own, in TRL's columns."""

    train: Path
    validation: Path | None = None


class Reward(Part):
    """One reward. With a weight of 0 it judges and does not teach: cheating the others shows there."""

    name: RewardName
    weight: float = Field(default=1.0, ge=0, description="Its share of the sum; 0 watches only.")
    path: Path | None = Field(default=None, description="The folder of a reward model (`model`).")
    target: int = Field(default=200, ge=1, description="Words from which length costs (`length`).")
    limit: int = Field(default=600, ge=2, description="Words at which length costs a whole point (`length`).")


class Recipe(Part):
    """What a run does. `train` and `lora` are TRL's and PEFT's own arguments; `lora` is False where all is trained."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Title of what will be made.")
    method: Method
    model: str = Field(min_length=1, description="A folder, or a name on the hub.")
    data: Path | DataFiles
    lora: dict[str, Any] | Literal[False] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    quantization: Literal["nf4"] | None = Field(default=None, description="nf4: the frozen base in 4 bits (QLoRA).")
    rewards: tuple[Reward, ...] = Field(default=(), description="What grpo and rloo are led by.")
    long_rows: Literal["leave_out", "refuse"] = Field(
        default="leave_out", description="What becomes of rows over the length; they are never cut."
    )
    negatives: int = Field(default=3, ge=1, le=32, description="Hard negatives a question (reranker, embedder).")
    processes: int = Field(default=0, ge=0, le=64, description="Processes, one a GPU; 0 takes all GPUs there are.")
    scheme: Scheme | None = Field(default=None, description="How `quantize` makes the model smaller.")
    adapter: Path | None = Field(default=None, description="A folder whose adapter `quantize` merges first.")
    trackers: tuple[Literal["mlflow", "wandb"], ...] = Field(
        default=(), description="Where curves go beside the run's own files."
    )

    @model_validator(mode="before")
    @classmethod
    def _searching_models_are_trained_whole(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("method") in (*RETRIEVAL, "quantize") and "lora" not in given:
            return {**given, "lora": False}
        return given

    @field_validator("train", "lora", mode="before")
    @classmethod
    def _numbers(cls, given: Any) -> Any:
        return {name: _number(value) for name, value in given.items()} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.rewards and self.method not in ONLINE:
            raise ValueError(f"rewards are for {' and '.join(ONLINE)}; {self.method} has none")
        for reward in self.rewards:
            if (reward.name == "model") != (reward.path is not None):
                raise ValueError("the reward `model` needs `path`, the folder of a reward model; the others have none")
            if reward.limit <= reward.target:
                raise ValueError("a reward's `limit` must be above its `target`")
        if (self.method == "quantize") != (self.scheme is not None):
            raise ValueError("quantize needs a `scheme`, and nothing else has one")
        if self.method != "quantize" and self.adapter is not None:
            raise ValueError("`adapter` is what quantize merges; nothing else takes one")
        if self.method == "quantize" and self.lora is not False:
            raise ValueError("quantize trains nothing: it has no `lora`")
        names = [reward.name for reward in self.rewards]
        if len(names) != len(set(names)):
            raise ValueError("a reward is named twice")
        return self

    @property
    def kind(self) -> ExampleKind:
        """The rows it learns from."""
        return KIND[self.method]


def parse_recipe(text: str, base: Path | None = None) -> Recipe:
    """A recipe out of YAML; relative paths count from `base`. Raises `InvalidInput`, saying which line is wrong."""
    try:
        given = yaml_value(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(f"The recipe is no YAML: {str(error)[:500]}") from None
    if not isinstance(given, dict):
        raise InvalidInput("The recipe must be a mapping with name, method, model and data.")
    try:
        recipe = Recipe.model_validate(given)
    except ValidationError as error:
        raise InvalidInput(f"The recipe cannot be followed: {_said(error)}") from None
    return recipe if base is None else _below(recipe, base)


def yaml_value(text: str) -> Any:
    """What a text of YAML holds. Refused is what takes minutes to read: aliases, depths, numbers of thousands of
    digits. Raises `InvalidInput`, `yaml.YAMLError`, `ValueError`, `RecursionError`."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise InvalidInput("It must not repeat parts of itself by an alias (`*name`): write them out.")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > _LONGEST:
            raise InvalidInput(f"A value in it is longer than {_LONGEST} characters.")
        if isinstance(event, yaml.ScalarEvent) and any("\ud800" <= sign <= "\udfff" for sign in event.value):
            raise InvalidInput("A value in it holds half a character, which no file can hold.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise InvalidInput(f"It is more than {_DEEPEST} levels deep.")
    return yaml.safe_load(text)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file; relative paths count from its folder. Raises `InvalidInput`."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The recipe {path} cannot be read: {error}") from None
    return parse_recipe(text, path.absolute().parent)


def recipe_text(recipe: Recipe) -> str:
    """The recipe as YAML that reads back as the same."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-4, without a dot, as text."""
    return float(value) if isinstance(value, str) and _SCIENTIFIC.fullmatch(value) else value


def _below(recipe: Recipe, base: Path) -> Recipe:
    def at(path: Path) -> Path:
        return base / path

    if isinstance(recipe.data, DataFiles):
        validation = None if recipe.data.validation is None else at(recipe.data.validation)
        data: Path | DataFiles = DataFiles(train=at(recipe.data.train), validation=validation)
    else:
        data = at(recipe.data)
    rewards = tuple(each.model_copy(update={"path": each.path and at(each.path)}) for each in recipe.rewards)
    model = str(at(Path(recipe.model))) if at(Path(recipe.model)).is_dir() else recipe.model
    adapter = recipe.adapter and at(recipe.adapter)
    return recipe.model_copy(update={"data": data, "rewards": rewards, "model": model, "adapter": adapter})


def _said(error: ValidationError) -> str:
    def where(place: tuple[int | str, ...]) -> str:
        return ".".join(str(part) for part in place) or "it"

    return "; ".join(f"{where(each['loc'])}: {each['msg'].lower()}" for each in error.errors()[:5]) + "."
