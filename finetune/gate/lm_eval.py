"""What the model could before, by tasks of the LM Evaluation Harness (Gao et al., https://github.com/EleutherAI/
lm-evaluation-harness): run as a program of its own against the engine, its score of every item read from what it logs.

The program sees none of this server's environment; tasks are files of YAML in a folder that the settings name, and may
call Python that lies there. Rules name tasks, never files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, GeneratorUnavailable

_BEST = ("acc_norm", "acc", "exact_match", "f1")
"""Which of a task's metrics counts, where it has one of these; else its first."""
_TAIL = 300
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "HF_HOME", "HF_DATASETS_CACHE", "SSL_CERT_FILE")

TaskScores = Mapping[str, Mapping[str, float]]
"""By task and item, in [0, 1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Harness:
    """`finetune.gate.ports.Benches` on the harness of `python`. `base_url` ends in `/v1`; `models` are the engine's
    names of versions, where they differ; `tokenizer` is a folder; `items` are asked of each task at most. Without
    `hub` nothing is downloaded: tasks and their data lie in `folder`."""

    python: Path
    base_url: str
    tokenizer: Path
    tasks: tuple[str, ...]
    items: int
    seconds: float
    at_once: int
    folder: Path | None = None
    models: Mapping[str, str] | None = None
    api_key: str = ""
    hub: bool = False

    async def scores(self, version: str) -> TaskScores:
        """See `Benches.scores`. Raises `ConfigurationError` where the program is not there or does not succeed, or a
        task scores nothing, `GeneratorUnavailable` where it takes too long."""
        if not self.python.exists():
            raise ConfigurationError(
                f"{self.python} does not exist: the rules name tasks of lm-eval. Set it up with `make lm-eval`, or "
                "name a Python that has it with FOOTNOTE_FINETUNE__GATE__LM_EVAL__PYTHON."
            )
        with tempfile.TemporaryDirectory(prefix="footnote-lm-eval-") as out:
            await self._run(self.command(version, Path(out)))
            return await asyncio.to_thread(read_samples, Path(out), self.tasks)

    def command(self, version: str, out: Path) -> list[str]:
        """What asks a version, leaving its log in `out`."""
        told = {
            "model": (self.models or {}).get(version, version),
            "base_url": f"{self.base_url}/completions",
            "tokenizer": str(self.tokenizer),
            "tokenizer_backend": "huggingface",
            "num_concurrent": self.at_once,
            "max_retries": 2,
        }
        return [
            *(str(self.python.absolute()), "-m", "lm_eval", "run", "--model", "local-completions"),
            *("--model_args", json.dumps(told), "--tasks", ",".join(self.tasks), "--limit", str(self.items)),
            *("--output_path", str(out), "--log_samples", "--seed", "7"),
            *(("--include_path", str(self.folder.absolute())) if self.folder is not None else ()),
        ]

    async def _run(self, command: Sequence[str]) -> None:
        process = await asyncio.create_subprocess_exec(
            *command, env=self._environment(), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self.seconds):
                said = (await _tail(process)).strip()
                code = await process.wait()
        except TimeoutError:
            raise GeneratorUnavailable(
                f"lm-eval took longer than {self.seconds:.0f} s. Ask fewer items, or give it more time with "
                "FOOTNOTE_FINETUNE__GATE__LM_EVAL__SECONDS."
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if code:
            raise ConfigurationError(f"lm-eval ended with {code}: {said[-_TAIL:]}")

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        offline = {} if self.hub else {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
        return {**kept, **offline, "OPENAI_API_KEY": self.api_key, "TOKENIZERS_PARALLELISM": "false"}


def read_samples(out: Path, tasks: Sequence[str]) -> TaskScores:
    """The score of every item in the logs below a folder. A task that stands for several is told by theirs. Raises
    `ConfigurationError` where there are none, or what is there is no log."""
    found: dict[str, dict[str, float]] = {}
    try:
        for path in sorted(out.rglob("samples_*.jsonl")):
            task = path.stem.removeprefix("samples_").rsplit("_", 1)[0]
            for line in path.read_text("utf-8").splitlines():
                row = json.loads(line)
                found.setdefault(task, {}).setdefault(str(row["doc_id"]), _score(row))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigurationError(f"What lm-eval logged cannot be read: {error!r}.") from None
    silent = [task for task in tasks if not any(each == task or each.startswith(f"{task}_") for each in found)]
    if silent:
        raise ConfigurationError(f"lm-eval scored nothing of {', '.join(silent)}. Check the tasks' names and files.")
    return found


def _score(row: Mapping[str, Any]) -> float:
    metrics = [str(each) for each in row["metrics"]]
    value = float(row[next((each for each in _BEST if each in metrics), metrics[0])])
    if not 0 <= value <= 1:
        raise ValueError(f"a score of {value} is not between 0 and 1")
    return value


async def _tail(process: asyncio.subprocess.Process) -> str:
    """The end of what it says, however much that is."""
    assert process.stderr is not None
    kept = b""
    while piece := await process.stderr.read(2**16):
        kept = (kept + piece)[-4 * _TAIL :]
    return kept.decode("utf-8", "replace")
