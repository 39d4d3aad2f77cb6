"""Whether weights are numbers at all: training that diverged leaves some that are not, and engines answer with noise or
an error of their own.

Read as the format's own specification lays it out, so that no framework is loaded:
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

_EXPONENTS: dict[str, tuple[str, int]] = {
    "F64": ("<u8", 0x7FF0_0000_0000_0000),
    "F32": ("<u4", 0x7F80_0000),
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
}
"""Of each type its width and the bits that are all set in what is infinite or no number (IEEE 754)."""
_LONGEST, _ABOUT = 100_000_000, "__metadata__"


def not_finite(path: Path) -> list[str]:
    """Names of the tensors in a safetensors file with infinite values or values that are no numbers. Raises `OSError`,
    `ValueError` for a file that is none or not whole."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= _LONGEST:
            raise ValueError(f"{path.name} is no safetensors file")
        header: Any = json.loads(file.read(length))
    whole = path.stat().st_size > 8 + length  # nothing cannot be mapped
    data = np.memmap(path, np.uint8, "r", 8 + length) if whole else np.zeros(0, np.uint8)
    try:
        tensors = {name: (said["dtype"], *said["data_offsets"]) for name, said in header.items() if name != _ABOUT}
        if not all(0 <= start <= end <= len(data) for _, start, end in tensors.values()):
            raise ValueError("a matrix is cut off")
        return sorted(name for name, (kind, start, end) in tensors.items() if _lost(data[start:end], kind))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is no whole safetensors file: {error}") from None


def _lost(data: np.ndarray[Any, np.dtype[np.uint8]], kind: str) -> bool:
    if kind not in _EXPONENTS:
        return False
    width, exponent = _EXPONENTS[kind]
    values = data.view(width)
    return bool(((values & values.dtype.type(exponent)) == exponent).any())


__all__ = ["not_finite"]
