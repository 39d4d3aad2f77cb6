"""What shows that a running vLLM does what it was set to: it computes, its adapters change something, it is quantized.

A schema that admits one text is kept even by a model whose numbers have become NaN, and by an adapter that was loaded
and has no effect. So the model, and each adapter, also goes on with a fixed text and says how likely it holds that. Of
quantization vLLM tells nothing by HTTP outside of its development mode; it tells it in its log when it starts.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

from core.errors import ConfigurationError, GeneratorUnavailable
from serving.endpoint import Endpoint
from serving.settings import EngineSettings

TEXT = "Every employee has thirty days of paid leave a year, and unused days end in March."
_SECONDS = 120.0
_CONFIG = re.compile(r"Initializing a.* engine .*with config: .*?\bquantization=([\w.-]+),")


class EngineLog:
    """What vLLM's log has told so far. `quantization` is its own name for the method, "None" where there is none; None
    where the log has not said."""

    def __init__(self) -> None:
        self.quantization: str | None = None

    def hear(self, line: str) -> None:
        """One more line."""
        if found := _CONFIG.search(line):
            self.quantization = found[1]


def expected_quantization(settings: EngineSettings) -> str | None:
    """The method that was set, or that the model's own configuration names where it lies in a folder."""
    if settings.quantization is not None:
        return settings.quantization
    try:
        config = json.loads((Path(settings.model) / "config.json").read_text("utf-8"))
        method = config["quantization_config"]["quant_method"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(method)


def check_quantization(settings: EngineSettings, log: EngineLog) -> None:
    """Raises `ConfigurationError` where vLLM says that it does not quantize what should be quantized."""
    expected = expected_quantization(settings)
    if expected is not None and log.quantization == "None":
        raise ConfigurationError(
            f"The engine runs, but does not quantize: {expected} is asked for, and vLLM's log says quantization=None. "
            "Check FOOTNOTE_SERVING__ENGINE__QUANTIZATION and FOOTNOTE_SERVING__ENGINE__ARGUMENTS."
        )


async def likelihoods(endpoint: Endpoint, name: str) -> list[float]:
    """The log-probabilities of the tokens that a model or adapter goes on with after `TEXT`. Those of the text itself
    would do as well, but vLLM on processors dies of that beside other requests (deploy/vllm_cpu_lora.py).

    Raises `ConfigurationError` where they are no numbers, or none come.
    """
    body = {"model": name, "prompt": TEXT, "max_tokens": 16, "temperature": 0, "logprobs": 1, "ignore_eos": True}
    try:
        told = await endpoint.ask("POST", "/completions", body, _SECONDS)
        found = [float(each) for each in told["choices"][0]["logprobs"]["token_logprobs"] if each is not None]
    except GeneratorUnavailable as error:
        raise ConfigurationError(f"The engine runs, but {name!r} gives no probabilities: {error.message}") from None
    except (KeyError, IndexError, TypeError, ValueError):
        found = []
    if not found or not all(map(math.isfinite, found)):
        raise ConfigurationError(
            f"The engine runs, but what {name!r} computes are no numbers. Its weights, their quantization or dtype do "
            "not suit this machine: see FOOTNOTE_SERVING__ENGINE__QUANTIZATION and FOOTNOTE_SERVING__ENGINE__DTYPE."
        )
    return found


async def check_effect(endpoint: Endpoint, base: str, adapter: str) -> None:
    """Raises `ConfigurationError` where an adapter changes nothing of what the base holds likely, to the last digit."""
    if await likelihoods(endpoint, adapter) == await likelihoods(endpoint, base):
        raise ConfigurationError(
            f"The engine runs, but {adapter!r} changes nothing of what the model says. Was it trained, and on this "
            "model? Its weights may be for layers that the engine does not adapt."
        )


__all__ = ["EngineLog", "check_effect", "check_quantization", "expected_quantization", "likelihoods"]
