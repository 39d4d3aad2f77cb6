"""`calculate`: arithmetic as people write it. Numbers, operators and a few functions; nothing can be looked up or grow.

The tree is checked before simpleeval walks it, so that attributes, texts and lists never reach it.
Whole numbers are bounded where they grow: no expression of this length takes noticeable time.
"""

from __future__ import annotations

import ast
import math
import re
from typing import Any

from pydantic import Field
from simpleeval import InvalidExpression, SimpleEval

from agents.tools.base import Arguments, Observation, Tool, ToolContext
from core.errors import InvalidInput

_MOST_BITS = 4_096
_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Constant, ast.Name, ast.Load,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd,
)  # fmt: skip
_WRITTEN = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "^": "**", "\u00a0": " ", "\u202f": " "})
_WHAT = (
    "Write numbers, + - * / // ** and %, brackets, or " + "abs, ceil, exp, floor, log, log10, max, min, round, sqrt."
)


class Calculation(Arguments):
    """What is to be worked out."""

    expression: str = Field(
        min_length=1, max_length=300, description="For example 12 % of 3,400 or (3.5 + 2) * 4 or round(10 / 3, 2)"
    )


def calculated(expression: str) -> tuple[str, int | float]:
    """The expression as it was read, and its value. Raises `InvalidInput`."""
    read = _read(expression)
    try:
        tree = ast.parse(read, mode="eval")
        for node in ast.walk(tree):
            _check(node)
        value = _evaluator().eval(read)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError("no finite number")
    except ZeroDivisionError:
        raise InvalidInput("That divides by zero.") from None
    except (SyntaxError, InvalidExpression, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError):
        raise InvalidInput(f"That cannot be calculated. {_WHAT}") from None
    return read, value


def calculate_tool() -> Tool[Any]:
    """The tool; it needs nothing."""
    return Tool[Any](
        name="calculate",
        description=f"Works out an arithmetic expression. {_WHAT}",
        arguments=Calculation,
        effect="reads_inside",
        timeout=5.0,
        run=_run,
    )


async def _run(arguments: Calculation, context: ToolContext) -> Observation:
    read, value = calculated(arguments.expression)
    return Observation(text=f"{read} = {_written(value)}", data={"value": value}, untrusted=False)


def _read(expression: str) -> str:
    """Signs, thousands and percentages as Python writes them. Raises `InvalidInput` where two readings are possible."""
    text = expression.translate(_WRITTEN).strip()
    if not re.search(r"[a-z_]\w*\s*\(", text, re.IGNORECASE):  # within a function's brackets a comma parts arguments
        text = re.sub(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])", lambda found: found[0].replace(",", ""), text)
    text = re.sub(r"(\d)\s*%\s*of\b", r"\1 / 100 *", text, flags=re.IGNORECASE)
    if re.search(r"[+-]\s*[\d.]+\s*%\s*$", text):
        raise InvalidInput("Say what the percentage is of: 3400 + 12 % of 3400.")
    return re.sub(r"(\d)\s*%\s*$", r"\1 / 100", text)


def _check(node: ast.AST) -> None:
    if not isinstance(node, _NODES):
        raise ValueError("not arithmetic")
    if isinstance(node, ast.Constant) and type(node.value) not in {int, float}:
        raise ValueError("not a number")
    if isinstance(node, ast.Call) and (not isinstance(node.func, ast.Name) or node.keywords):
        raise ValueError("not a function's name")


def _power(base: float, exponent: float) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > _MOST_BITS:
        raise OverflowError("too large")
    return base**exponent


def _round(value: float, digits: int = 0) -> float:
    if not isinstance(digits, int) or abs(digits) > 15:
        raise OverflowError("too many digits")
    return round(value, digits) if digits else round(value)


def _evaluator() -> SimpleEval:
    evaluator = SimpleEval(
        functions={
            "abs": abs, "ceil": math.ceil, "exp": math.exp, "floor": math.floor, "log": math.log, "log10": math.log10,
            "max": max, "min": min, "round": _round, "sqrt": math.sqrt,
        },
        names={"pi": math.pi, "e": math.e},
    )  # fmt: skip
    evaluator.operators[ast.Pow] = _power
    return evaluator


def _written(value: float) -> str:
    """Twelve significant digits: more than a person needs, and less than the noise of binary fractions."""
    if isinstance(value, int) and abs(value) < 10**15:
        return str(value)
    return f"{value:.12g}"
