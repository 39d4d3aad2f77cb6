"""What counts as a sum, and what only looks like one."""

from __future__ import annotations

import pytest

from agents.tools.calculate import calculated
from core.errors import InvalidInput
from serving.arithmetic import expression_of


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("What is 12 * 7?", 84),
        ("What is 17.5 % of 1,240?", 217),
        ("how much is 3 plus 4 times 2", 11),
        ("Calculate (3.5 + 2) * 4.", 22),
        ("Please compute 2^10", 1024),
        ("2 + 2", 4),
        ("What's 100 divided by 8?", 12.5),
        ("sqrt(2) * sqrt(2)", 2),
        ("What is the square root of 144?", 12),
        ("Wie viel ist 12 mal 7?", 84),
        ("Was ist 19 Prozent von 1.250,50?", 237.595),
        ("Berechne 1,5 + 2,25", 3.75),
        ("Wurzel aus 81 plus 1 =", 10),
        ("what is 10 - 4", 6),
        ("What is 5 squared plus 1?", 26),
        ("round(10 / 3, 2)", 3.33),
    ],
)
def test_sums(question: str, value: float) -> None:
    expression = expression_of(question)
    assert expression is not None
    assert calculated(expression)[1] == pytest.approx(value)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "How many days of leave do I have?",
        "What is the deadline of 2024-05-31?",
        "2024-05-31",
        "+49 30 1234-567",
        "030/123456",
        "What is section 4.2?",
        "What is ISO 27001?",
        "What is 42?",
        "1/2/2024 invoice",
        "Who approves travel over 500 EUR plus VAT?",
        "What is 12 * 7 in the report?",
        "What is __import__('os').system('id') * 2?",
        "What is our revenue divided by 12?",
        "9" * 400 + "*9",
    ],
)
def test_no_sums(question: str) -> None:
    assert expression_of(question) is None


def test_what_cannot_be_worked_out_is_left_to_the_tool() -> None:
    expression = expression_of("What is 1 / (2 - 2)?")
    assert expression == "1 / (2 - 2)"
    with pytest.raises(InvalidInput):
        calculated(expression)
