"""Long texts cut into what a classifier reads at a time."""

from __future__ import annotations

from typing import Any


def pieces(tokenizer: Any, text: str, room: int) -> list[str]:
    """Parts of a text of at most `room` tokens, each of which shares a quarter with the next: what stands across a cut
    is whole in one of them. `tokenizer` is a fast one of transformers'."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False)
    spans = list(read["offset_mapping"])
    step = max(room * 3 // 4, 1)
    starts = range(0, max(len(spans) - room, 0) + step, step)
    return [text[spans[at][0] : spans[min(at + room, len(spans)) - 1][1]] for at in starts if at < len(spans)]
