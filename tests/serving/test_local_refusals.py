"""Models, adapters and machines that the local generator cannot work with: it says so in time, and what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError, GeneratorUnavailable
from core.types import Message
from serving.local import LocalGenerator
from serving.local_errors import translated
from tests.local_requests import request, settings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("nowhere", "no folder"),
        ("no config", "no readable config.json"),
        ("no writer", "BertModel"),
        ("no weights", "safetensors"),
        ("no template", "chat template"),
        ("no adapter", "holds no adapter"),
        ("no model named", "no model is named"),
    ],
)
async def test_folders_that_cannot_work_are_told_before_anything_is_loaded(
    random_model: Path, tmp_path: Path, broken: str, says: str
) -> None:
    base = shutil.copytree(random_model / "base", tmp_path / "base")
    given: dict[str, Any] = {}
    if broken == "nowhere":
        given = {"model": str(tmp_path / "nowhere")}
    elif broken == "no config":
        (base / "config.json").write_text("{")
    elif broken == "no writer":
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps({**config, "architectures": ["BertModel"]}))
    elif broken == "no weights":
        (base / "model.safetensors").rename(base / "pytorch_model.bin")
    elif broken == "no template":
        for path in (base / "chat_template.jinja", base / "tokenizer_config.json"):
            path.unlink(missing_ok=True)
    elif broken == "no adapter":
        given = {"adapters": {"x": base}}
    else:
        given = {"model": ""}
    with pytest.raises(ConfigurationError, match=says):
        LocalGenerator(settings(tmp_path, **given))


async def test_the_adapter_that_answers_is_one_there_is(random_model: Path) -> None:
    with pytest.raises(ValueError, match="'x' is not among the adapters"):
        settings(random_model, adapter="x")


async def told(made: LocalGenerator) -> str:
    """Why a model is not loaded, as a question and a readiness check learn it."""
    with pytest.raises((ConfigurationError, GeneratorUnavailable)) as caught:
        await made.complete(request())
    with pytest.raises(type(caught.value), match=re.escape(str(caught.value))):
        await made.check()
    assert await made.count((Message(role="user", content="x" * 100),)) > 100  # never raises, estimates high
    await made.close()
    return f"{type(caught.value).__name__}: {caught.value}"


async def test_what_shows_only_when_it_is_loaded_is_told_by_every_question(random_model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from bench.tiny_llama import build, build_adapter

    deep = build(tmp_path / "deep", layers=3)
    build_adapter(tmp_path / "of another", deep, seed=3)
    wide = build(tmp_path / "wide", hidden=128)
    build_adapter(tmp_path / "too wide", wide, seed=3)
    other = shutil.copytree(random_model / "a", tmp_path / "of another kind")
    kind = {"peft_type": "IA3", "task_type": "CAUSAL_LM", "target_modules": ["q_proj"], "feedforward_modules": []}
    (other / "adapter_config.json").write_text(json.dumps(kind))
    broken = shutil.copytree(random_model / "a", tmp_path / "broken")
    (broken / "adapter_model.safetensors").write_bytes(b"no weights")
    for folder in ("of another", "of another kind", "too wide", "broken"):
        says = await told(LocalGenerator(settings(random_model, adapters={"x": tmp_path / folder})))
        assert says.startswith("ConfigurationError: The adapter x ")
    weights = shutil.copytree(random_model / "base", tmp_path / "base") / "model.safetensors"
    save_file({name: each for name, each in load_file(weights).items() if "lm_head" not in name}, weights)
    assert "lack weights" in await told(LocalGenerator(settings(tmp_path)))
    weights.write_bytes(weights.read_bytes()[:1_000])
    assert "cannot be loaded" in await told(LocalGenerator(settings(tmp_path)))
    assert "cannot use the device" in await told(LocalGenerator(settings(random_model, device="cuda:99")))


async def test_want_of_memory_is_told_as_such() -> None:
    import torch

    with pytest.raises(GeneratorUnavailable, match="does not fit into memory"), translated():
        torch.empty(1 << 50)
    with pytest.raises(GeneratorUnavailable, match="RuntimeError"), translated():
        torch.empty(2) @ torch.empty(3)


async def test_a_server_with_another_generator_imports_none_of_it(root: Path) -> None:
    program = (
        "import sys\n"
        "from app import wiring\n"
        "from app.generators import writing\n"
        "from app.settings import load_settings\n"
        "from serving.local import LocalGenerator\n"
        "settings = load_settings()\n"
        "writing(settings, wiring.embedder(settings))\n"
        "print(sorted({'torch', 'transformers', 'outlines', 'peft', 'llguidance'} & set(sys.modules)))\n"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=root, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
