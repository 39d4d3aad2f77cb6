"""Expressions that a recipe names layers with, tried on layers before PEFT tries them: one may take centuries.

Python's expressions go back on their steps, and no process can stop itself in the middle of one. So they are tried in a
process that can be ended.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PLAIN = re.compile(r"[\w.\-]*", re.ASCII)
"""Names that are read alike as names and as expressions, and in one go."""
SECONDS = 10.0
"""Time for all expressions of a recipe: a sound one takes some thousandths."""
_TYPICAL = tuple(
    f"base_model.model.model.layers.{layer}.{part}_proj"
    for layer in (0, 31)
    for part in ("self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down")
)
_AROUND = {
    "target_modules": "{}",
    "exclude_modules": "{}",
    "layers_pattern": r".*\.{}\.(\d+)\..*",
    "rank_pattern": r"(.*\.)?({})",
    "alpha_pattern": r"(.*\.)?({})",
}
"""What PEFT puts around an expression (`peft.tuners.tuners_utils`)."""
_TRY = """
import json, re, sys
for expression, names in json.load(sys.stdin):
    try:
        found = re.compile(expression)
        said = {"matched": [name for name in names if found.fullmatch(name)]}
    except (re.error, RecursionError, OverflowError) as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What came of an expression: the names that it matches, what is wrong with it, or that it came to no end."""

    matched: frozenset[str] = frozenset()
    error: str | None = None
    endless: bool = False


def try_expressions(expressions: Sequence[str], names: Iterable[str] = (), seconds: float | None = None) -> list[Tried]:
    """Holds each against names of layers, usual ones among them, in a process that is ended after `seconds` (10). Those
    after one that comes to no end were not tried and are told as endless too."""
    if not expressions:
        return []
    held = sorted({*names, *_TYPICAL})
    given = json.dumps([(each, held) for each in expressions])
    command, limit = [sys.executable, "-I", "-S", "-c", _TRY], SECONDS if seconds is None else seconds
    try:
        said = subprocess.run(command, input=given.encode(), capture_output=True, timeout=limit, check=False).stdout
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
    found = [_told(json.loads(line)) for line in said.splitlines(keepends=True) if line.endswith(b"\n")]
    return found + [Tried(endless=True)] * (len(expressions) - len(found))


def expressions_of(lora: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings, and what PEFT makes of each of their expressions for whole names of layers; plain names are left
    out."""
    found = []
    for setting, around in _AROUND.items():
        given = lora.get(setting)
        if setting == "layers_pattern" and not isinstance(given, str):
            each = list(given or ())
        elif isinstance(given, Mapping):
            each = list(given)
        else:
            each = [given] if isinstance(given, str) else []  # a list names the ends of layers
        found += [(setting, around.format(one)) for one in each if not PLAIN.fullmatch(str(one))]
    return found


def _told(said: Mapping[str, Any]) -> Tried:
    return Tried(matched=frozenset(said.get("matched", ())), error=said.get("error"))
