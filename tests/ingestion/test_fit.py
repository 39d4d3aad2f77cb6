"""Cutting what is longer than a chunk, on text that was made to take for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ingestion import fit

WORDS = """
import sys
from ingestion import fit
text = "first" + sys.argv[1] * 500_000 + "second — third"
spans = fit.cut(text, (0, len(text)), 2, lambda texts: [len(each.split()) + (len(each) > 60) * 9 for each in texts])
print([text[first:last] for first, last in spans])
"""


@pytest.mark.parametrize("space", [" ", "\t", " \t", "\u00a0"])
def test_a_long_run_of_white_space_is_passed_over_once(root: Path, space: str) -> None:
    # In a process of its own: a pattern that goes astray cannot be interrupted. Hours, where each space is a new try.
    done = subprocess.run(
        [sys.executable, "-c", WORDS, space], cwd=root, capture_output=True, text=True, timeout=120, check=True
    )

    assert done.stdout.strip() == "['first', 'second', '— third']"


def test_a_dash_between_spaces_is_a_place_to_cut() -> None:
    text = "one two   – three four | five"

    spans = fit.cut(text, (0, len(text)), 3, lambda texts: [len(each.split()) for each in texts])

    assert [text[first:last] for first, last in spans] == ["one two", "– three four", "| five"]
