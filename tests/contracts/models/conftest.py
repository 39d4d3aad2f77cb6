"""Tiny models that the tests build in seconds: seeded random weights, a tokenizer trained on the repository's text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="session")
def tiny_tokenizer(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a WordPiece tokenizer of 2,000 words, trained on the documentation and the code's own text."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    texts = [path.read_text("utf-8") for name in ("core", "retrieval") for path in sorted((root / name).glob("*.py"))]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=2000, special_tokens=SPECIAL))
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder)
    return folder


def _config(tokenizer: Path, **more: int) -> object:
    from transformers import AutoTokenizer, BertConfig

    return BertConfig(
        vocab_size=len(AutoTokenizer.from_pretrained(tokenizer)),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=64,
        **more,
    )


@pytest.fixture(scope="session")
def tiny_embedding_model(tiny_tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers as a sentence-transformers folder: mean pooling, normalised, prompts for both sides."""
    import torch
    from transformers import AutoTokenizer, BertModel

    torch.manual_seed(7)
    folder = tmp_path_factory.mktemp("embedding-model")
    BertModel(_config(tiny_tokenizer)).save_pretrained(folder)  # type: ignore[arg-type]
    AutoTokenizer.from_pretrained(tiny_tokenizer).save_pretrained(folder)
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds.items())
    ]
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": 64, "do_lower_case": False})
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 64, "pooling_mode_mean_tokens": True})
    prompts = {"query": "question: ", "document": "passage: ", "short": "q "}
    _write(folder / "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": None})
    (folder / "2_Normalize").mkdir()
    return folder


@pytest.fixture(scope="session")
def make_cross_encoder(tiny_tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Builds a cross-encoder that gives so many scores a pair."""

    def make(labels: int) -> Path:
        import torch
        from transformers import AutoTokenizer, BertForSequenceClassification

        torch.manual_seed(7)
        folder = tmp_path_factory.mktemp("cross-encoder")
        BertForSequenceClassification(_config(tiny_tokenizer, num_labels=labels)).save_pretrained(folder)  # type: ignore[arg-type]
        AutoTokenizer.from_pretrained(tiny_tokenizer).save_pretrained(folder)
        return folder

    return make


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")
