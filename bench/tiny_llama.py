"""A small Llama with random weights, a byte-level BPE tokenizer and a chat template, made in seconds.

`python -m bench.tiny_llama FOLDER [--seed N] [--hidden N] [--layers N] [--adapter NAME …]`; adapters get folders of
their own beside it. It says nothing sensible, and that is what it is for: what it writes under a schema, the engine
made it write. The same seed gives the same weights.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VOCABULARY = 2_000
WINDOW = 8_192
SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def build(folder: Path, seed: int = 7, hidden: int = 64, layers: int = 2) -> Path:
    """Writes the model and its tokenizer into a folder, and returns the folder."""
    tokenizer = read_tokenizer(VOCABULARY)
    tokenizer.save_pretrained(folder)
    far_from_uniform = 0.3  # answers differ from prompt to prompt
    new_model(tokenizer, seed, hidden, layers, heads=2, initializer_range=far_from_uniform).save_pretrained(folder)
    return folder


def new_model(tokenizer: Any, seed: int, hidden: int, layers: int, heads: int, **settings: Any) -> Any:
    """A Llama of random weights that fits a tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=WINDOW,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        dtype="float32",
        **settings,
    )
    return LlamaForCausalLM(config)


def build_adapter(folder: Path, base: Path, seed: int, rank: int = 4) -> Path:
    """Writes a LoRA adapter of random weights, strong enough to change what the base says."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base)
    torch.manual_seed(seed)
    size = config.hidden_size
    weights = {}
    for layer in range(config.num_hidden_layers):
        for part in ("q_proj", "v_proj"):
            name = f"base_model.model.model.layers.{layer}.self_attn.{part}"
            weights[f"{name}.lora_A.weight"] = torch.randn(rank, size)
            weights[f"{name}.lora_B.weight"] = torch.randn(size, rank)
    folder.mkdir(parents=True)
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    described = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base),
        "r": rank,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": ["q_proj", "v_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(described), "utf-8")
    return folder


def read_tokenizer(vocabulary: int, single_digits: bool = False) -> Any:
    """Trained on the repository's own prose; every byte has a token, so any text can be read."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    parts = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, parts]) if single_digits else parts
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "examples").rglob("*.md"))]
    texts += [path.read_text("utf-8") for path in sorted((ROOT / "agents").rglob("*.md"))]
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=WINDOW,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        chat_template=TEMPLATE,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--adapter", action="append", default=[])
    given = parser.parse_args()
    print(build(given.folder, given.seed, given.hidden, given.layers))
    for number, name in enumerate(given.adapter, start=1):
        print(build_adapter(given.folder.parent / name, given.folder, given.seed + number))
