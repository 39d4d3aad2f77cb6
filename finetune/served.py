"""What the trained model will be served by, as far as training must know it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM's `--max-lora-rank` may be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """The engine's model by the name it was started with, its folder where that is at hand (for comparing shapes), the
    longest prompt with answer in tokens, and vLLM's `--max-lora-rank`. What is None is not known."""

    model: str | None = None
    folder: Path | None = None
    context: int | None = None
    max_lora_rank: int | None = 16
