"""Markdown to blocks."""

from __future__ import annotations

import pytest


def test_structure(read):
    reading = read(
        "markdown",
        """---
title: "Remote work: rules"
tags: [a]
---
# Remote *work*

See [the policy](http://example.org/y) and ~~old~~ `code`.

| A | B |
|---|---|
| 1 | two |

```python
def f():
    pass
```

1. one
2. two
   - nested

<script>alert(1)</script>

<details><summary>More</summary>Inside</details>

> quote
""",
    )
    assert reading.title == "Remote work: rules"
    assert reading.shape == [
        ("h1", "Remote work"),
        ("paragraph", "See the policy and ~~old~~ code."),
        ("table", "A | B\n1 | two"),
        ("code", "def f():\n    pass"),
        ("list_item", "1. one"),
        ("list_item", "2. two"),
        ("list_item", "  - nested"),
        ("paragraph", "More"),
        ("paragraph", "Inside"),
        ("paragraph", "quote"),
    ]
    assert reading.tables[0].header


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("+++\ntitle = 'Toml'\n+++\ntext", "Toml"),
        ("\ufeff---\ntitle: Plain\n---\ntext", "Plain"),
        ("---\nauthor: Ada\n---\n# Heading\n\ntext", "Heading"),
        ("# First\n\n# Second", "First"),
        ("text", None),
    ],
)
def test_titles(read, source, title):
    assert read("markdown", source).title == title


def test_a_rule_at_the_top_is_no_front_matter(read):
    assert "kept words" in read("markdown", "---\nkept words\n---\nmore").texts[0]


def test_hostile_nesting_is_survived(read):
    assert "end" in " ".join(read("markdown", "> " * 5000 + "deep\n\nend").texts)
    assert "end" in " ".join(read("markdown", "[" * 20_000 + "\n\nend").texts)
