"""lm-eval as a program of its own: what it is asked, what is read of its log, and what is told where it fails. The
program here is played: it writes its log as lm_eval 0.4.13 does."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.errors import ConfigurationError, GeneratorUnavailable, InvalidInput
from finetune.gate.gate import Checks, run_gate
from finetune.gate.lm_eval import Harness, read_samples
from finetune.gate.report import GateReport
from finetune.gate.rules import GateRules, read_rules
from tests.finetune.gate.world import BASE, CANDIDATE, CHAMPION, CLEAN, Model, asker, world

PLAYED = """#!{python}
import json, os, pathlib, sys
given = dict(zip(sys.argv, sys.argv[1:]))
told = json.loads(given["--model_args"])
right = 0.9 if told["model"] == "base" else {right}
out = pathlib.Path(given["--output_path"]) / "name"
out.mkdir(parents=True)
for task in given["--tasks"].split(","):
    rows = [dict(doc_id=n, metrics=["acc", "acc_norm"], acc=0.0, acc_norm=float(n % 10 < 10 * right))
            for n in range(int(given["--limit"]))]
    (out / f"samples_{{task}}_2026-11-23T09-00-00.000000.jsonl").write_text("\\n".join(map(json.dumps, rows)))
pathlib.Path({log!r}).write_text(json.dumps([sys.argv, dict(os.environ)]))
sys.stderr.write("x" * 100_000 + "the end")
{then}
"""


def program(folder: Path, right: float = 0.9, then: str = "") -> tuple[Path, Path]:
    path, log = folder / "python", folder / "asked.json"
    path.write_text(PLAYED.format(python=sys.executable, right=right, log=str(log), then=then))
    path.chmod(0o700)
    return path, log


def harness(python: Path, **more: Any) -> Harness:
    given: dict[str, Any] = {
        "python": python, "base_url": "http://127.0.0.1:1/v1", "tokenizer": Path("/tokenizer"),
        "tasks": ("sums", "capitals"), "items": 60, "seconds": 30.0, "at_once": 4, "models": {CHAMPION: "base"},
    }  # fmt: skip
    return Harness(**{**given, **more})


async def test_it_is_asked_without_this_servers_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_AUTH__SECRET", "do-not-tell")
    python, log = program(tmp_path)
    found = await harness(python, folder=tmp_path / "tasks", api_key="engine-key").scores(CHAMPION)
    assert {name: len(scored) for name, scored in found.items()} == {"sums": 60, "capitals": 60}
    assert sum(found["sums"].values()) == 54, "acc_norm counts where it is there"
    words, environment = json.loads(log.read_text())
    assert words[words.index("--include_path") + 1] == str(tmp_path / "tasks")
    told = json.loads(words[words.index("--model_args") + 1])
    assert (told["model"], told["base_url"]) == ("base", "http://127.0.0.1:1/v1/completions")
    assert "engine-key" not in " ".join(words), "anybody may list commands"
    assert environment["OPENAI_API_KEY"] == "engine-key"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert not [name for name in environment if name.startswith("FOOTNOTE_")]
    assert os.environ["FOOTNOTE_AUTH__SECRET"] == "do-not-tell"


async def test_a_program_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    python, _ = program(tmp_path, then="sys.exit(3)")
    with pytest.raises(ConfigurationError, match=r"ended with 3: x+the end"):
        await harness(python).scores(CANDIDATE)
    with pytest.raises(ConfigurationError, match="make lm-eval"):
        await harness(tmp_path / "none").scores(CANDIDATE)


async def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    python, _ = program(tmp_path, then="import time; sys.stderr.close(); time.sleep(600)")
    with pytest.raises(GeneratorUnavailable, match="longer than 2 s"):
        await harness(python, seconds=2.0).scores(CANDIDATE)


@pytest.mark.parametrize(
    "line", ["", "{", "[]", '{"doc_id": 1, "metrics": ["acc"], "acc": 7}', '{"doc_id": 1, "metrics": []}',
             '{"doc_id": 1, "metrics": ["acc"], "acc": NaN}']
)  # fmt: skip
def test_a_log_that_is_none_is_said(line: str, tmp_path: Path) -> None:
    (tmp_path / "samples_sums_2026.jsonl").write_text(line)
    with pytest.raises(ConfigurationError, match="lm-eval"):
        read_samples(tmp_path, ["sums"])


async def held(rules: GateRules, folder: Path, benches: Harness) -> GateReport:
    checks = Checks(leaks=CLEAN, base=BASE)
    return await run_gate(
        rules, world(), CANDIDATE, CHAMPION, asker(Model()), resume=folder, checks=checks, benches=benches
    )  # fmt: skip


async def test_a_candidate_that_forgot_a_task_is_stopped_for_it(tmp_path: Path) -> None:
    rules = GateRules.model_validate({"general": {"lm_eval": ["sums"]}})
    for right, blocked in ((0.9, False), (0.3, True)):
        folder = tmp_path / str(right)
        folder.mkdir()
        python, log = program(folder, right)
        benches = harness(python, tasks=rules.general.lm_eval)
        report = await held(rules, folder / "run", benches)
        reasons: Mapping[str | None, str] = {each.slice: each.cause for each in report.verdict.reasons}
        assert ("task:sums" in reasons) is blocked
        task = next(each for each in report.to_row()["tasks"] if each["slice"] == "task:sums")
        assert task["n"] == 80, "20 anchors of that name, and 60 items"
        log.unlink()
        again = await held(rules, folder / "run", benches)
        assert again.text() == report.text()
        assert not log.exists(), "what was asked is not asked again"


@pytest.mark.parametrize("name", ["../evil", "a,b", "--include_path", "/etc/passwd", "a b", "", "x" * 101, "a.yaml"])
def test_rules_name_tasks_and_no_files(name: str) -> None:
    with pytest.raises(InvalidInput):
        read_rules(f"general: {{lm_eval: [{json.dumps(name)}]}}", yaml.safe_load)
