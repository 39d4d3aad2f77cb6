"""Models and tokenizers from disk or the hub, as a run needs them. The door to transformers; a model's own code is
never run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, InvalidInput
from finetune.machine import Machine
from finetune.recipe import Recipe


def load_tokenizer(model: str) -> Any:
    """The model's tokenizer, which must have a chat template. Raises `ConfigurationError`."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unread(model, error) from error
    if tokenizer.chat_template is None:
        raise ConfigurationError(f"{model} has no chat template. Take the instruction-tuned model, or give it one.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def check_template(tokenizer: Any) -> None:
    """Raises `ConfigurationError` for a template after which a model does not learn to stop, or that writes a prompt
    otherwise when an answer follows it."""
    asked = [{"role": "user", "content": "a"}]
    answered = [*asked, {"role": "assistant", "content": "b"}]
    try:
        prompt = str(tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True))
        whole = str(tokenizer.apply_chat_template(answered, tokenize=False))
    except Exception as error:  # a template is a program: rendered in jinja's sandbox, it may still raise anything
        raise ConfigurationError(
            f"The chat template cannot be rendered: {str(error)[:300]}. Give the model a template that writes a "
            "question and its answer."
        ) from error
    if tokenizer.eos_token is None or tokenizer.eos_token not in whole[len(prompt) :]:
        raise ConfigurationError(
            f"The chat template does not end an answer with {tokenizer.eos_token}: the model would never learn to "
            "stop. Set the tokenizer's eos_token to the token that ends a turn."
        )
    if not whole.startswith(prompt):
        raise ConfigurationError(
            "The chat template writes a prompt otherwise when an answer follows it, so that what is learnt is not what "
            "is asked. Give the model a template whose prompts are beginnings of whole conversations."
        )


def load_model(recipe: Recipe, machine: Machine, scores: bool = False) -> Any:
    """The model to train: to write, or (`scores`) to give one score a text. Raises `ConfigurationError`.

    Adapters learn over a base in its 16 bits on a GPU; weights that are trained are kept in 32 (their steps are too
    small for 16).
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    low = machine.bf16 and recipe.lora is not False
    kind = AutoModelForSequenceClassification if scores else AutoModelForCausalLM
    # Where nothing is said, transformers asks at the terminal whether a model's own code shall be run.
    given: dict[str, Any] = {"dtype": torch.bfloat16 if low else torch.float32, "trust_remote_code": False}
    if scores:
        given["num_labels"] = 1
    if recipe.quantization == "nf4":
        given |= {"quantization_config": _four_bits(), "device_map": {"": _local_rank()}}
    try:
        model = kind.from_pretrained(recipe.model, **given)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise _unread(recipe.model, error) from error
    model.config.use_cache = False
    return model


def set_seed(seed: int) -> None:
    """Python's, NumPy's and torch's chance."""
    from transformers import set_seed as seeded

    seeded(seed)


def matrices(model: str) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a model in a folder, read without loading any; empty where there are none. Raises
    `InvalidInput` for a file that is not whole."""
    from safetensors import SafetensorError, safe_open

    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(Path(model).glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:
                found |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise InvalidInput(
                f"model: {path.name} in the model's folder is no whole safetensors file: {str(error)[:200]}. Fetch "
                "the model again."
            ) from error
    return found


def _four_bits() -> Any:
    """NF4 with quantized constants, computed in bf16 (Dettmers et al. 2023)."""
    import torch
    from transformers import BitsAndBytesConfig

    make: Any = BitsAndBytesConfig
    return make(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _local_rank() -> int:
    from accelerate import PartialState

    return int(PartialState().local_process_index)


def _unread(model: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"{model} cannot be loaded: {str(error).splitlines()[0] if str(error) else error!r}")
