"""An adapter folded into its base writes what base and adapter wrote together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench.tiny_llama import build_adapter
from core.errors import ConfigurationError, Conflict
from finetune.merge import merge


def test_the_merged_model_scores_as_base_and_adapter_did(tiny: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    adapter = build_adapter(tmp_path / "adapter", tiny, seed=3)
    folder = merge(tiny, adapter, tmp_path / "merged")
    ids = AutoTokenizer.from_pretrained(str(folder))("How many days of leave?", return_tensors="pt")
    base = AutoModelForCausalLM.from_pretrained(str(tiny), dtype=torch.bfloat16)
    with torch.inference_mode():
        plain = base(**ids).logits.float()
        apart = PeftModel.from_pretrained(base, str(adapter))(**ids).logits.float()
        merged = AutoModelForCausalLM.from_pretrained(str(folder)).to(torch.bfloat16)(**ids).logits.float()
    spread = (apart - plain).abs().mean()
    assert (merged - apart).abs().mean() < 0.1 * spread
    assert json.loads((folder / "config.json").read_text())["dtype"] == "bfloat16"


def test_what_cannot_be_merged(tiny: Path, tmp_path: Path) -> None:
    adapter = build_adapter(tmp_path / "adapter", tiny, seed=3)
    with pytest.raises(Conflict, match="is there already"):
        merge(tiny, adapter, tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be merged"):
        merge(tiny, tmp_path / "none", tmp_path / "merged")
    quantized = tmp_path / "quantized"
    shutil.copytree(tiny, quantized)
    said = json.loads((quantized / "config.json").read_text())
    (quantized / "config.json").write_text(json.dumps({**said, "quantization_config": {"bits": 4}}))
    with pytest.raises(ConfigurationError, match="would round"):
        merge(quantized, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
