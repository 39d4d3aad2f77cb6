"""A 16-bit model made smaller by other people's programs, each in an environment of its own: llm-compressor, which pins
other versions than TRL, and llama.cpp's converter."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, Conflict, DeadlineExceeded, InvalidInput
from finetune.defaults import model_config
from finetune.recipe import Scheme

log = logging.getLogger("footnote.finetune")

CALIBRATED: tuple[Scheme, ...] = ("gptq-w4a16", "awq-w4a16", "int8")
"""Schemes that look at what the model is asked; the others do not need to."""
GGUF = "model.gguf"
_CHILD = Path(__file__).with_name("quantize_child.py")
_TAIL = 2_000
_PAUSE = 0.1
_DAY = 86_400.0
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class Stopped(Exception):
    """Somebody asked for an end before there was one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The programs: `quantizer` is the Python that has llm-compressor, `converter` the command that calls llama.cpp's
    `convert_hf_to_gguf.py`."""

    quantizer: Path | None = None
    converter: tuple[str, ...] = ()

    def lack(self, scheme: Scheme) -> str | None:
        """What is missing for a scheme, and where to have it; None where nothing is. Figures are measured by the
        quantizer whatever the scheme."""
        if self.quantizer is None or not self.quantizer.is_file():
            wanted = self.quantizer or "llm-compressor"
            return f"There is no {wanted}. Run `make quantizer`, or name a Python that has llmcompressor."
        if scheme.startswith("gguf") and not self.converter:
            return (
                "GGUF is written by llama.cpp's convert_hf_to_gguf.py: set FOOTNOTE_FINETUNE__RUNS__GGUF_CONVERTER to "
                'the command that calls it, as ["/opt/llama.cpp/python", "/opt/llama.cpp/convert_hf_to_gguf.py"].'
            )
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantized:
    """What came of it; sizes of the weights in bytes."""

    folder: Path
    scheme: Scheme
    before: int
    after: int
    seconds: float


def quantize(
    tools: Tools, model: Path, folder: Path, scheme: Scheme, texts: Sequence[str] = (), *,
    length: int = 2_048, attention: bool = True, seconds: float = _DAY, stop: Callable[[], bool] = lambda: False,
) -> Quantized:  # fmt: skip
    """Writes the model in fewer bits into `folder`. `texts` are whole conversations as the model reads them,
    `attention` whether its layers are made smaller, too (on CPUs without AMX vLLM puts no adapter beside those).

    Raises `InvalidInput` without texts where the scheme needs them, `Conflict` where `folder` is there,
    `ConfigurationError` where a program or the model is not what it should be, `DeadlineExceeded`, and `Stopped` where
    `stop` says so.
    """
    if scheme in CALIBRATED and not texts:
        raise InvalidInput(f"{scheme} is set by what the model is asked. Give it some hundred texts of its own kind.")
    if folder.exists():
        raise Conflict(f"{folder} is there already. Take another folder.")
    lacking = tools.lack(scheme)
    if lacking:
        raise ConfigurationError(lacking)
    if model_config(str(model)).get("quantization_config"):
        raise ConfigurationError(f"{model} is quantized already. Name the 16-bit model.")
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    began = time.monotonic()
    try:
        if scheme.startswith("gguf"):
            command = [*tools.converter, str(model.absolute()), "--outfile", str(making.absolute() / GGUF)]
            _work([*command, "--outtype", scheme.removeprefix("gguf-")], making, f"{model} to {scheme}", seconds, stop)
            _check_gguf(making / GGUF)
        else:
            job: dict[str, Any] = {"what": "quantize", "model": str(model.absolute()), "folder": str(making.absolute())}
            job |= {"scheme": scheme, "texts": list(texts), "length": length, "attention": attention}
            _in_quantizer(tools, job, making, f"{model} to {scheme}", seconds, stop)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    spent = round(time.monotonic() - began, 1)
    found = Quantized(folder=folder, scheme=scheme, before=size(model), after=size(folder), seconds=spent)
    return found


def measured(
    tools: Tools, models: Sequence[Path], rows: Sequence[Mapping[str, Any]], making: Path,
    stop: Callable[[], bool] = lambda: False,
) -> list[dict[str, Any]]:  # fmt: skip
    """What each model makes of rows kept back: `loss` a token of their completions, `chosen` the likeliest token at
    each place of them, `speed` in tokens a second of what it writes by itself, in transformers. A row has `ids` and
    where in them its completion starts (`start`). `making` is a folder for files that nobody needs afterwards.

    Raises as `quantize` does.
    """
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        named = [str(model.absolute()) for model in models]
        job = {"what": "measure", "models": named, "rows": list(rows), "folder": str(making.absolute())}
        _in_quantizer(tools, job, making, f"{', '.join(named)} measured", _DAY, stop)
        found: list[dict[str, Any]] = json.loads((making / "measured.json").read_text("utf-8"))
        return found
    finally:
        shutil.rmtree(making, ignore_errors=True)


def size(folder: Path) -> int:
    """Bytes of a model's weights."""
    return sum(path.stat().st_size for kind in ("*.safetensors", "*.gguf") for path in folder.glob(kind))


def _in_quantizer(
    tools: Tools, job: Mapping[str, Any], making: Path, what: str, seconds: float, stop: Callable[[], bool]
) -> None:
    (making / "job.json").write_text(json.dumps(job), "utf-8")
    _work([str(tools.quantizer), "-I", str(_CHILD), str((making / "job.json").absolute())], making, what, seconds, stop)
    (making / "job.json").unlink()


def _work(command: Sequence[str], making: Path, what: str, seconds: float, stop: Callable[[], bool]) -> None:
    # Its environment alone: this one's packages must not be seen.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    deadline = time.monotonic() + seconds
    said = making / ".said"
    with said.open("wb") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=kept, cwd=making,
            preexec_fn=_end_with_parent,
        )  # fmt: skip
        try:
            while child.poll() is None:
                if stop():
                    raise Stopped
                if time.monotonic() > deadline:
                    raise DeadlineExceeded(f"{what}: not done in {seconds:.0f} seconds. Give it longer.")
                time.sleep(_PAUSE)
        finally:
            child.kill()
            child.wait()
    words = said.read_text("utf-8", "replace").strip()
    log.info("%s: %s", what, words)
    if child.returncode:
        raise ConfigurationError(f"{what}: it could not be done: {words[-_TAIL:]}")
    said.unlink()


def _end_with_parent() -> None:
    """Whoever waits for a program may be killed; then nothing that it writes is wanted any more."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _check_gguf(path: Path) -> None:
    """Raises `ConfigurationError` where a converter that said nothing wrote nothing either."""
    try:
        with path.open("rb") as file:
            whole = file.read(4) == b"GGUF"
    except FileNotFoundError:
        whole = False
    if not whole:
        raise ConfigurationError("The converter wrote no GGUF. Look whether it is llama.cpp's convert_hf_to_gguf.py.")
