"""Models and tokenizers out of folders that nobody vouches for."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError, InvalidInput
from finetune.lint import lint
from finetune.machine import Machine
from finetune.memory import estimate
from finetune.weights import check_template, load_model, load_tokenizer, matrices
from tests.finetune.conftest import SERVED, Make

CPU = Machine(device="cpu", memory=8 << 30)
TEMPLATES = {
    "it never ends an answer": ("{% for m in messages %}{{ m.content }}{% endfor %}", "learn to stop"),
    "it writes the prompt otherwise": (
        "{% for m in messages %}{{ messages | length }}{{ m.content }}<|end|>{% endfor %}",
        "writes a prompt otherwise",
    ),
    "it looks for Python": ("{{ messages.__class__.__mro__[-1].__subclasses__() }}", "cannot be rendered"),
    "it reads a file": ("{% include '/etc/passwd' %}", "cannot be rendered"),
    "it counts for ever": ("{% for i in range(10 ** 12) %}{% endfor %}", "cannot be rendered"),
    "it is broken": ("{% for m in messages %}", "cannot be rendered"),
    "it gives up": ("{{ raise_exception('no') }}", "cannot be rendered"),
}


@pytest.fixture
def copied(tiny: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny, tmp_path / "model")


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("wrong", TEMPLATES)
def test_a_template_that_a_run_cannot_learn_by(tiny: Path, wrong: str) -> None:
    tokenizer = load_tokenizer(str(tiny))
    check_template(tokenizer)
    tokenizer.chat_template, said = TEMPLATES[wrong]
    with pytest.raises(ConfigurationError, match=said):
        check_template(tokenizer)


def test_a_models_own_code_is_not_run_even_where_somebody_at_a_terminal_agrees(
    copied: Path, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    ran = tmp_path / "ran"
    (copied / "theirs.py").write_text(f"open({str(ran)!r}, 'w')\n")
    mapped = {"AutoConfig": "theirs.C", "AutoModelForCausalLM": "theirs.M", "AutoTokenizer": ["theirs.T", None]}
    changed(copied / "config.json", model_type="theirs", auto_map=mapped)
    changed(copied / "tokenizer_config.json", tokenizer_class="Theirs", auto_map=mapped)
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        load_tokenizer(str(copied))
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        load_model(make("sft", model=str(copied)), CPU)
    assert not ran.exists()


@pytest.mark.parametrize(
    "header",
    [b"", struct.pack("<Q", 2**63), struct.pack("<Q", 8) + b"{}", struct.pack("<Q", 4) + b"nope", b"\x80\x04pickle..."],
    ids=["empty", "longer than memory", "cut", "no JSON", "a pickle"],
)
def test_a_weights_file_whose_header_lies_is_named(copied: Path, make: Make, header: bytes) -> None:
    (copied / "model.safetensors").write_bytes(header)
    with pytest.raises(InvalidInput, match=r"model: model\.safetensors in the model's folder is no whole"):
        matrices(str(copied))


def test_a_description_that_is_nested_without_end_is_none(copied: Path, make: Make) -> None:
    (copied / "config.json").write_text('{"a":' + "[" * 200_000)
    recipe = make("sft", model=str(copied), train={"max_length": 64})
    assert "no_model" in [each.code for each in lint(recipe, SERVED, CPU)]
    assert estimate(recipe, CPU) is None
