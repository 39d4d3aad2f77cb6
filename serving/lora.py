"""LoRA adapters on a model in this process, through PEFT. Which one is in force is a state of the model."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError
from serving.local_errors import is_memory

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel

log = logging.getLogger("footnote.generator")


class Adapters:
    """The adapters of one model by name, all of them loaded here. Without any, PEFT is not imported.

    Raises `ConfigurationError` for what is no LoRA adapter of this model.
    """

    def __init__(self, base: Any, folders: Mapping[str, Path]) -> None:
        self._base = base
        self._peft: PeftModel | None = None
        # PEFT looks for its own names among the weights' names, and takes none with a dot.
        self._inner = {name: f"footnote_adapter_{number}" for number, name in enumerate(sorted(folders))}
        for name, inner in self._inner.items():
            self._peft = self._load(name, inner, folders[name])
        if self._peft is not None:
            self._peft.eval()

    @contextmanager
    def using(self, name: str | None) -> Iterator[Any]:
        """The model with this adapter in force, or with none. For one thread at a time."""
        if self._peft is None:
            yield self._base
        elif name is None:
            with self._peft.disable_adapter():
                yield self._peft
        else:
            self._peft.set_adapter(self._inner[name], inference_mode=True)
            yield self._peft

    def _load(self, name: str, inner: str, folder: Path) -> PeftModel:
        from peft import PeftConfig, PeftModelForCausalLM
        from safetensors import SafetensorError

        # PEFT asks transformers in a way that has grown old; nothing can be done about it here.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
        try:
            config = PeftConfig.from_pretrained(str(folder))
            _check(name, config)
            model = self._peft or PeftModelForCausalLM(
                self._base, config, adapter_name=inner, autocast_adapter_dtype=False
            )
            found = model.load_adapter(str(folder), inner, autocast_adapter_dtype=False)
        except (ValueError, RuntimeError, KeyError, TypeError, OSError, SafetensorError) as error:
            if is_memory(error):
                raise
            log.warning("the adapter %s in %s does not load: %s", name, folder, error)
            raise _of_another(name, folder) from error
        if found.missing_keys or found.unexpected_keys:
            log.warning("the adapter %s in %s does not fit: %s", name, folder, str(found)[:500])
            raise _of_another(name, folder)
        return model


def _check(name: str, config: PeftConfig) -> None:
    if str(getattr(config.peft_type, "value", config.peft_type)) != "LORA":
        raise ConfigurationError(
            f"The adapter {name} is of the kind {config.peft_type}. Only LoRA adapters are served."
        )


def _of_another(name: str, folder: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The adapter {name} in {folder} is broken or was trained on another model: its weights do not fit this one's. "
        "Set FOOTNOTE_SERVING__LOCAL__ADAPTERS to adapters of FOOTNOTE_SERVING__LOCAL__MODEL; the log has PEFT's words."
    )
