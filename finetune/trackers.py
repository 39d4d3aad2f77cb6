"""Curves for MLflow and Weights & Biases, which a run never depends on: its own files hold the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger("footnote.finetune")
_EVENTS = ("on_init_end", "on_train_begin", "on_log", "on_predict", "on_save", "on_train_end")
"""All that the trackers of transformers listen to."""


def trackers(names: tuple[str, ...], lost: Callable[[str], None]) -> list[TrainerCallback]:
    """The named trackers, each guarded by itself. Raises `ConfigurationError` where one cannot be loaded: that is
    said before time is spent."""
    from transformers.integrations.integration_utils import MLflowCallback, WandbCallback

    kinds: dict[str, Callable[[], Any]] = {"mlflow": MLflowCallback, "wandb": WandbCallback}
    found = []
    for name in names:
        try:
            found.append(guarded(name, kinds[name](), lost))
        except Exception as error:  # whatever is wrong with somebody else's package
            raise ConfigurationError(f"The tracker {name} cannot be loaded: {error}") from error
    return found


def guarded(name: str, tracker: Any, lost: Callable[[str], None]) -> TrainerCallback:
    """A tracker that a run outlives: once it fails it is asked no more, and `lost` is told why, once."""
    from transformers import TrainerCallback

    failed = False

    def told(event: str) -> Callable[..., None]:
        def tell(_: Any, args: Any, state: Any, control: Any, **rest: Any) -> None:
            nonlocal failed
            if failed:
                return
            try:
                getattr(tracker, event)(args, state, control, **rest)
            except Exception as error:  # a server that is away ends no training
                failed = True
                log.warning("the tracker %s failed", name, exc_info=True)
                lost(f"The tracker {name} failed and is told nothing more: {error}")

        return tell

    kind: type[TrainerCallback] = type("Guarded", (TrainerCallback,), {event: told(event) for event in _EVENTS})
    return kind()
