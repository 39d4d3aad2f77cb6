"""The tests' small model and rows that it learns from in seconds."""

from __future__ import annotations

from tests.finetune.conftest import tiny  # noqa: F401
