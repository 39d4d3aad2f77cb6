"""A model's files: where they lie, whether they can be those of a generator, and a digest of what they hold."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, GeneratorUnavailable
from serving.adapters import adapter_digest
from serving.settings import LocalSettings

WRITES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How transformers ends the names of models that write text."""
READ = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
"""What a model is read from. Weights in other formats can run code when they are loaded."""
NOT_READ = ("*/*", "consolidated*")
"""The same weights once more, for other programs."""
_ON_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_SETTING = "FOOTNOTE_SERVING__LOCAL__MODEL"
_BLOCK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """A model by its short name; `folder` is None for one of the hub's that was not fetched yet, and so `window`."""

    name: str
    folder: Path | None
    window: int | None = None


def look(settings: LocalSettings) -> ModelFiles:
    """The configured model, as far as that can be told without loading it.

    Raises `ConfigurationError` for a folder that holds no model that writes, and for an adapter's that holds none.
    """
    if not settings.model:
        raise ConfigurationError(
            f"FOOTNOTE_SERVING__GENERATOR is local, but no model is named. Set {_SETTING} to a model's folder, or to "
            "its name on the model hub."
        )
    for path in settings.adapters.values():
        adapter_digest(path)
    folder = Path(settings.model).expanduser()
    if folder.is_dir():
        return _looked_at(folder.resolve())
    if not _ON_HUB.fullmatch(settings.model):
        raise ConfigurationError(f"There is no folder {settings.model}. Set {_SETTING} to a model's folder.")
    return ModelFiles(name=settings.model.rpartition("/")[2], folder=None)


def fetched(settings: LocalSettings) -> ModelFiles:
    """The same, with a model of the hub's on this machine's disk afterwards; takes as long as the network does.

    Raises `GeneratorUnavailable` where the hub cannot be reached, and what `look` raises.
    """
    files = look(settings)
    if files.folder is not None:
        return files
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        folder = snapshot_download(
            settings.model, revision=settings.revision, allow_patterns=list(READ), ignore_patterns=list(NOT_READ)
        )
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise ConfigurationError(
            f"The model hub has no {settings.model}, or does not show it to you. Correct {_SETTING}; for a model with "
            "a licence to be accepted set HF_TOKEN."
        ) from None
    except Exception as error:
        raise GeneratorUnavailable(
            f"The model {settings.model} is neither a folder here nor to be had from the model hub "
            f"({type(error).__name__}). Set {_SETTING} to a folder that exists, or let this machine reach the hub."
        ) from error
    return _looked_at(Path(folder), files.name)


def digest_of(folder: Path, stopped: Callable[[], bool]) -> str:
    """A digest of the names and contents of all files that a model is read from; a gigabyte takes about a second.

    Raises `GeneratorUnavailable` once `stopped` says so.
    """
    digest = hashlib.sha256()
    for path in sorted({path for pattern in READ for path in folder.glob(pattern)}):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                if stopped():
                    raise GeneratorUnavailable("The generator was closed while its model was being loaded.")
                digest.update(block)
    return digest.hexdigest()[:16]


def _looked_at(folder: Path, name: str = "") -> ModelFiles:
    config = _json(folder / "config.json")
    if config is None:
        raise ConfigurationError(
            f"{folder} holds no model: it has no readable config.json. Set {_SETTING} to the folder that has it."
        )
    kinds = [str(each) for each in config.get("architectures") or []]
    if not any(kind.endswith(WRITES) for kind in kinds):
        raise ConfigurationError(
            f"The model in {folder} ({', '.join(kinds) or 'of no named kind'}) does not write text. Set {_SETTING} to "
            "a causal language model."
        )
    if not any(folder.glob("*.safetensors")):
        raise ConfigurationError(
            f"{folder} has no *.safetensors, and weights in other formats can run code when they are loaded. Save the "
            "model again with save_pretrained."
        )
    if not _has_template(folder):
        raise ConfigurationError(
            f"The model in {folder} has no chat template, so it was not trained to be asked. Set {_SETTING} to an "
            "instruction-tuned model, or put its template into chat_template.jinja."
        )
    inner = config.get("text_config")  # of models that read pictures, too
    window = (inner if isinstance(inner, dict) else config).get("max_position_embeddings")
    return ModelFiles(name=name or folder.name, folder=folder, window=window if isinstance(window, int) else None)


def _has_template(folder: Path) -> bool:
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    return bool((_json(folder / "tokenizer_config.json") or {}).get("chat_template"))


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
