"""vLLM's command line out of settings, and the probe, against what a badly set up engine would answer."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError, FootnoteError, GenerationInvalid, GeneratorUnavailable
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo
from serving.endpoint import Endpoint
from serving.engine import HELD, PROBE, command, endpoint, environment, probe, ready
from serving.engine_proofs import EngineLog, check_quantization, expected_quantization, likelihoods
from serving.settings import EndpointSettings, EngineSettings
from tests.scripted_engine import scripted_engine


def settings(**given: Any) -> EngineSettings:
    return EngineSettings(python=Path(sys.executable), model="/models/m", **given)


def after(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_the_command_says_what_the_settings_say() -> None:
    plain = command(settings())
    assert plain[1:3] == ["-m", "vllm.entrypoints.openai.api_server"]
    assert (after(plain, "--model"), after(plain, "--served-model-name")) == ("/models/m", "footnote")
    outputs = json.loads(after(plain, "--structured-outputs-config"))
    assert outputs == {"backend": "guidance", "disable_any_whitespace": True}
    assert not {"--enable-lora", "--quantization", "--enforce-eager", "--max-model-len"} & set(plain)
    full = command(
        settings(
            quantization="awq",
            grammar="xgrammar",
            max_model_len=4096,
            tensor_parallel_size=2,
            enforce_eager=True,
            adapters={"hr@1": Path("/adapters/hr")},
            max_lora_rank=32,
            arguments=("--swap-space", "0"),
        )
    )
    assert (after(full, "--quantization"), after(full, "--max-model-len")) == ("awq", "4096")
    assert (after(full, "--tensor-parallel-size"), after(full, "--max-lora-rank")) == ("2", "32")
    assert after(full, "--lora-modules") == "hr@1=/adapters/hr"
    assert "--enforce-eager" in full
    assert full[-2:] == ["--swap-space", "0"]


def test_the_key_is_not_on_the_command_line() -> None:
    made = settings(api_key="sk-engine-secret")
    assert environment(made)["VLLM_API_KEY"] == "sk-engine-secret"
    assert not [part for part in command(made) if "secret" in part]
    assert "VLLM_API_KEY" not in environment(settings())


def test_adapters_may_be_loaded_while_it_runs_only_where_lora_is_on() -> None:
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" not in environment(settings())
    assert environment(settings(lora=True))["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="ENGINE__MODEL"):
        command(EngineSettings(python=Path(sys.executable)))
    with pytest.raises(ConfigurationError, match="make engine"):
        command(EngineSettings(python=Path("/none/python"), model="m"))


def test_the_server_finds_an_engine_that_listens_everywhere() -> None:
    wire = endpoint(settings(host="0.0.0.0", port=8123, served_name="big"))
    assert (wire.base_url, wire.model, wire.flavour) == ("http://127.0.0.1:8123/v1", "big", "vllm")


class Written:
    """Writes one text, or fails."""

    def __init__(self, outcome: str | FootnoteError) -> None:
        self.outcome = outcome
        self.requests: list[GenerationRequest] = []

    info = GeneratorInfo(name="w", fingerprint="w")

    async def complete(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        if isinstance(self.outcome, FootnoteError):
            raise self.outcome
        return Generation(text=self.outcome, generator=self.info)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        yield Delta(text="", final=await self.complete(request))


async def test_a_held_model_passes_and_is_asked_by_its_name() -> None:
    generator = Written(HELD)
    await probe(generator, "hr@1")  # type: ignore[arg-type]
    assert (generator.requests[0].adapter, generator.requests[0].schema) == ("hr@1", PROBE)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("Once upon a time", "Once upon a time"),
        ('{ "held": "to its schema" }', "does not hold"),
        (GenerationInvalid("wrote nothing but white space"), "white space"),
        (GeneratorUnavailable("refused (400)"), "does not answer"),
    ],
)
async def test_what_is_not_held_does_not_pass(outcome: str | FootnoteError, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        await probe(Written(outcome), "m")  # type: ignore[arg-type]


async def test_an_engine_that_ends_or_never_comes_is_not_waited_for() -> None:
    with pytest.raises(ConfigurationError, match="ended before"):
        await ready(settings(port=9), lambda: False, EngineLog())
    with pytest.raises(GeneratorUnavailable, match="START_SECONDS"):
        await ready(settings(port=9, start_seconds=0.01), lambda: True, EngineLog())


SAID = (
    "(EngineCore pid=7) INFO 11-22 14:04:07 [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: "
    "model='/m', dtype=torch.bfloat16, quantization=%s, quantization_config=None, enforce_eager=True"
)
"""As vLLM 0.32 writes it, shortened; `footnote engine` tells on a real one what it read."""


def test_what_vllm_says_of_quantization_is_held_against_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"quantization_config": {"quant_method": "compressed-tensors"}}')
    by_model = EngineSettings(python=Path(sys.executable), model=str(tmp_path))
    assert expected_quantization(settings()) is None
    assert expected_quantization(by_model) == "compressed-tensors"
    assert expected_quantization(settings(quantization="fp8")) == "fp8"
    log = EngineLog()
    log.hear("INFO something else, quantization=awq,")
    assert log.quantization is None
    log.hear(SAID % None)
    check_quantization(settings(), log)
    for asked in (by_model, settings(quantization="fp8")):
        with pytest.raises(ConfigurationError, match="does not quantize"):
            check_quantization(asked, log)
    log.hear(SAID % "compressed-tensors")
    check_quantization(by_model, log)
    assert log.quantization == "compressed-tensors"


@pytest.mark.parametrize("broken", ["NaN", "null", "Infinity"])
async def test_a_model_that_computes_no_numbers_does_not_pass(broken: str) -> None:
    async with scripted_engine() as engine:
        wire = Endpoint(EndpointSettings(base_url=engine.url, model="m"))
        assert await likelihoods(wire, "m") == [-7.5]
        engine.thinks = broken
        with pytest.raises(ConfigurationError, match="no numbers"):
            await likelihoods(wire, "m")
        with pytest.raises(ConfigurationError, match="'none' gives no probabilities"):
            await likelihoods(wire, "none")
        await wire.close()
