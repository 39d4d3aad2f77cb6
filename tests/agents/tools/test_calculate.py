"""Arithmetic as people write it, and nothing else."""

from __future__ import annotations

import pytest

from agents.tools.base import ToolContext, call
from agents.tools.calculate import calculate_tool
from core.types import Principal

CONTEXT = ToolContext(principal=Principal(id="ada"), run_id="run-1")

GOOD = {
    "1 + 1": "2",
    "0.1 + 0.2": "0.3",
    "12 % of 3,400": "408",
    "12.5% of 80": "10",
    "15 %": "0.15",
    "7 % 4": "3",
    "1,234,567 + 1": "1234568",
    "3 × 4 ÷ 2 − 1": "5",
    "2^10": "1024",
    "-2 ** 2": "-4",
    "(3.5 + 2) * 4": "22",
    "max(1,200)": "200",
    "round(10 / 3, 2)": "3.33",
    "sqrt(2)": "1.41421356237",
    "10 / 4": "2.5",
    "7 // 2": "3",
    "2 * pi": "6.28318530718",
    "round(2.5)": "2",
    "10 ** 20": "1e+20",
    "3400 + 12 % of 3400": "3808",
}
HOSTILE = [
    "__import__('os').system('id')",
    "().__class__.__bases__[0].__subclasses__()",
    "open('/etc/passwd').read()",
    "eval('1')",
    "exec('1')",
    "getattr(1, 'real')",
    "(1).real",
    "(1).__class__",
    "globals()",
    "locals()",
    "vars()",
    "dir()",
    "print(1)",
    "lambda: 1",
    "(lambda: 1)()",
    "[1, 2]",
    "[x for x in range(9)]",
    "{1: 2}",
    "{1}",
    "(1, 2)",
    "'a' * 10",
    "'a'",
    "b'a'",
    "f'{1}'",
    "1 if 1 else 2",
    "x := 1",
    "x = 1",
    "import os",
    "1; 2",
    "1\n2",
    "True",
    "None",
    "...",
    "1j",
    "1 < 2",
    "not 1",
    "1 and 2",
    "1 << 100000",
    "1 >> 1",
    "1 | 2",
    "~1",
    "1 @ 2",
    "9**9**9",
    "9**9**9**9",
    "(9**999)**9999",
    "10**5000",
    "2.0 ** 100000",
    "1e308 * 10",
    "1e999",
    "-1e999",
    "(-8) ** 0.5",
    "1 / 0",
    "0 ** -1",
    "1 % 0",
    "log(0)",
    "sqrt(-1)",
    "exp(100000)",
    "round(5, -1000000000)",
    "round(5, 1000000000)",
    "round(5, 0.5)",
    "max()",
    "max(*[1])",
    "abs(x=1)",
    "max",
    "abs",
    "unknown(1)",
    "unknown",
    "sqrt(3,400)",
    "3400 + 12 %",
    "3400 - 5%",
    "(" * 290,
    "1" + "+" * 299,
    "9" * 301,
    "",
    " ",
    "#",
    "\\",
    "\x00",
    "1,23",
    "1 2",
    "＿＿import＿＿",
    "max(1, 'a')",
    "e()",
    "abs.x",
    "pi.real",
    "max.__self__",
    "rand()",
    "randint(9)",
    "int('1')",
    "str(1)",
    "float('nan')",
    "sum([1])",
    "*",
    "1[0]",
    "yield 1",
    "await x",
    "9" * 290 + "**9",
    "**".join(["9"] * 90),
    "*".join(["9**999"] * 40),
]


@pytest.mark.parametrize(("expression", "value"), GOOD.items())
async def test_a_value_is_told_with_how_it_was_read(expression: str, value: str) -> None:
    seen = await call(calculate_tool(), {"expression": expression}, CONTEXT)
    assert seen.failure is None
    assert seen.text.endswith(f" = {value}")
    assert not seen.untrusted


@pytest.mark.parametrize("expression", HOSTILE)
async def test_everything_else_is_refused(expression: str) -> None:
    seen = await call(calculate_tool(), {"expression": expression}, CONTEXT)
    assert seen.failure in {"refused", "invalid_arguments"}
