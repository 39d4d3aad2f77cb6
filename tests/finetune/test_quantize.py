"""Quantizing by other programs: what is refused before, what is said when it fails, every scheme on a real model."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import pytest

from core.errors import ConfigurationError, Conflict, DeadlineExceeded, InvalidInput
from finetune.quantize import Stopped, Tools, quantize
from finetune.recipe import Scheme

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "tests" / "data" / "answering_model"
REAL = Tools(quantizer=ROOT / ".venv-quantizer" / "bin" / "python")
"""What `make quantizer` sets up."""
TEXTS = [f"How many days of leave has team {number}? " * 8 for number in range(8)]


def test_what_is_refused_before(tmp_path: Path) -> None:
    there = Tools(quantizer=Path(sys.executable))
    with pytest.raises(InvalidInput, match="what the model is asked"):
        quantize(there, MODEL, tmp_path / "q", "gptq-w4a16")
    with pytest.raises(Conflict):
        quantize(there, MODEL, tmp_path, "fp8")
    with pytest.raises(ConfigurationError, match="make quantizer"):
        quantize(Tools(quantizer=tmp_path / "python"), MODEL, tmp_path / "q", "fp8")
    with pytest.raises(ConfigurationError, match="GGUF_CONVERTER"):
        quantize(there, MODEL, tmp_path / "q", "gguf-q8_0")
    quantized = tmp_path / "quantized"
    shutil.copytree(MODEL, quantized)
    said = json.loads((quantized / "config.json").read_text())
    (quantized / "config.json").write_text(json.dumps({**said, "quantization_config": {"bits": 8}}))
    with pytest.raises(ConfigurationError, match="quantized already"):
        quantize(there, quantized, tmp_path / "q", "fp8")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_program_that_fails_is_quoted_and_leaves_nothing(tmp_path: Path) -> None:
    broken = script(tmp_path / "python", "echo 'No module named llmcompressor' >&2; exit 1")
    with pytest.raises(ConfigurationError, match="No module named llmcompressor"):
        quantize(Tools(quantizer=broken), MODEL, tmp_path / "q", "fp8")
    slow = Tools(quantizer=script(tmp_path / "slow", "exec sleep 60"))
    with pytest.raises(DeadlineExceeded):
        quantize(slow, MODEL, tmp_path / "q", "fp8", seconds=0.2)
    began = time.monotonic()
    with pytest.raises(Stopped):
        quantize(slow, MODEL, tmp_path / "q", "fp8", stop=lambda: time.monotonic() > began + 0.2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["python", "slow"]


def test_only_its_own_environment_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    seen = tmp_path / "seen"
    said = script(tmp_path / "python", f'env > {seen}; echo "$@" >> {seen}; exit 1')
    with pytest.raises(ConfigurationError):
        quantize(Tools(quantizer=said), MODEL, tmp_path / "q", "fp8")
    assert "PYTHONPATH" not in seen.read_text()
    assert "quantize_child.py" in seen.read_text()


def test_a_converter_is_called_as_llama_cpp_wants_it(tmp_path: Path) -> None:
    """Its arguments are those of `convert_hf_to_gguf.py MODEL --outfile FILE --outtype TYPE`."""
    writes = script(tmp_path / "convert", '[ -f "$1/config.json" ] && [ "$2 $4" = "--outfile --outtype" ] || exit 1\n'
                    'printf "GGUF%s" "$5" > "$3"')  # fmt: skip
    given = Tools(quantizer=Path(sys.executable), converter=(str(writes),))
    found = quantize(given, MODEL, tmp_path / "q", "gguf-q8_0")
    assert (found.folder / "model.gguf").read_bytes() == b"GGUFq8_0"
    assert found.after == 8 < found.before
    silent = Tools(quantizer=Path(sys.executable), converter=("true",))
    with pytest.raises(ConfigurationError, match="wrote no GGUF"):
        quantize(silent, MODEL, tmp_path / "r", "gguf-f16")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("scheme", ["gptq-w4a16", "fp8"])  # int8 is a run's in test_quantizing; AWQ needs a GPU
def test_every_scheme_makes_it_smaller(tmp_path: Path, scheme: Scheme) -> None:
    found = quantize(REAL, MODEL, tmp_path / "q", scheme, TEXTS, length=128)
    assert found.after < 0.7 * found.before
    assert json.loads((found.folder / "config.json").read_text())["quantization_config"]
