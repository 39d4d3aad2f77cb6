"""vLLM as a process: the command that starts it from settings, and the probe that it must pass to be called ready.

https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from core.errors import ConfigurationError, FootnoteError, GenerationInvalid, GeneratorUnavailable
from core.types import GenerationRequest, Message
from serving.endpoint import Endpoint
from serving.engine_proofs import EngineLog, check_effect, check_quantization, likelihoods
from serving.openai_compatible import OpenAICompatibleGenerator
from serving.settings import EndpointSettings, EngineSettings

PROBE = {
    "type": "object",
    "properties": {"held": {"enum": ["to its schema"]}},
    "required": ["held"],
    "additionalProperties": False,
}
HELD = '{"held":"to its schema"}'
"""All that the probe's schema admits. No model writes it by itself, and with white space it would be another text."""
_PAUSE = 0.5
_PROBE_SECONDS = 120.0


def command(settings: EngineSettings) -> list[str]:
    """What starts vLLM. Raises `ConfigurationError` where no model is named or no Python has vLLM."""
    if not settings.model:
        raise ConfigurationError("No model is named. Set FOOTNOTE_SERVING__ENGINE__MODEL to a folder or a hub's name.")
    if not settings.python.exists():
        raise ConfigurationError(
            f"{settings.python} does not exist. Run `make engine` for vLLM on CPUs, or set "
            "FOOTNOTE_SERVING__ENGINE__PYTHON to a Python that has vLLM."
        )
    outputs = {"backend": settings.grammar, "disable_any_whitespace": True}
    given: list[str] = [
        *(str(settings.python.absolute()), "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", settings.model, "--served-model-name", settings.served_name),
        *("--host", settings.host, "--port", str(settings.port)),
        *("--structured-outputs-config", json.dumps(outputs)),
        *("--dtype", settings.dtype),
        *("--gpu-memory-utilization", str(settings.gpu_memory_utilization)),
        *("--tensor-parallel-size", str(settings.tensor_parallel_size)),
        *("--data-parallel-size", str(settings.data_parallel_size)),
        "--disable-uvicorn-access-log",
    ]
    for name, value in (
        ("--quantization", settings.quantization),
        ("--max-model-len", settings.max_model_len),
        ("--max-num-seqs", settings.max_num_seqs),
    ):
        given += [name, str(value)] if value is not None else []
    if settings.enforce_eager:
        given.append("--enforce-eager")
    return [*given, *_adapters(settings), *settings.arguments]


def environment(settings: EngineSettings) -> dict[str, str]:
    """What vLLM reads from its environment; the key stands here because anyone may list commands."""
    made = {"VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": str(settings.cpu_kv_cache_gib)}
    if _with_lora(settings):
        made["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
    if settings.api_key is not None:
        made["VLLM_API_KEY"] = settings.api_key.get_secret_value()
    return made


def endpoint(settings: EngineSettings) -> EndpointSettings:
    """How a server on the same machine reaches this engine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    return EndpointSettings(
        base_url=f"http://{host}:{settings.port}/v1",
        api_key=settings.api_key,
        model=settings.served_name,
        flavour="vllm",
        retries=0,
    )


async def ready(settings: EngineSettings, running: Callable[[], bool], log: EngineLog) -> None:
    """Returns once the engine has passed its probes; `running` tells whether the process still is the one begun, and
    `log` what that has written.

    Raises `ConfigurationError` where it ended or cannot do what it is set to, `GeneratorUnavailable` where it did not
    answer in its time.
    """
    deadline = time.monotonic() + settings.start_seconds
    generator, wire = OpenAICompatibleGenerator(endpoint(settings)), Endpoint(endpoint(settings))
    try:
        while not await _listens(generator):
            if not running():
                raise ConfigurationError("vLLM ended before it was ready. What it wrote above says why.")
            if time.monotonic() > deadline:
                raise GeneratorUnavailable(
                    f"vLLM did not answer within {settings.start_seconds:.0f} s. Give it more time with "
                    "FOOTNOTE_SERVING__ENGINE__START_SECONDS, or a smaller model."
                )
            await asyncio.sleep(_PAUSE)
        for name in (settings.served_name, *settings.adapters):
            await probe(generator, name)
        check_quantization(settings, log)
        await likelihoods(wire, settings.served_name)
        for name in settings.adapters:
            await check_effect(wire, settings.served_name, name)
    finally:
        await generator.close()
        await wire.close()


async def probe(generator: OpenAICompatibleGenerator, name: str) -> None:
    """Makes a model or adapter write under a schema. Raises `ConfigurationError` where it does not keep to it."""
    request = GenerationRequest(
        task="answer",
        messages=(Message(role="user", content="Tell a short story, in plain words."),),
        schema=PROBE,
        question="",
        adapter=name,
        max_tokens=64,
        timeout=_PROBE_SECONDS,
    )
    try:
        written = (await generator.complete(request)).text
    except GenerationInvalid as error:
        written = error.message
    except FootnoteError as error:
        raise ConfigurationError(f"The engine runs, but {name!r} does not answer: {error.message}") from None
    if written != HELD:
        raise ConfigurationError(
            f"The engine runs, but does not hold {name!r} to a JSON schema: it wrote {written[:80]!r}. Check "
            "FOOTNOTE_SERVING__ENGINE__GRAMMAR and FOOTNOTE_SERVING__ENGINE__ARGUMENTS, and vLLM's version."
        )


async def _listens(generator: OpenAICompatibleGenerator) -> bool:
    try:
        await generator.check()
    except GeneratorUnavailable:
        return False
    return True


def _with_lora(settings: EngineSettings) -> bool:
    return settings.lora or bool(settings.adapters)


def _adapters(settings: EngineSettings) -> list[str]:
    if not _with_lora(settings):
        return []
    given = ["--enable-lora", "--max-lora-rank", str(settings.max_lora_rank), "--max-loras", str(settings.max_loras)]
    if settings.adapters:
        given += ["--lora-modules", *(f"{name}={path}" for name, path in settings.adapters.items())]
    return given
