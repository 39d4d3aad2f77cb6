"""Trackers are told the curves, and a run outlives them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import ConfigurationError
from finetune.trackers import guarded, trackers


class Scripted:
    """A tracker that writes down what it is told, and fails from the second log on."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.heard.append(("begin", args.run_name))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self.heard.append(("log", logs))
        if len(self.heard) > 2:
            raise ConnectionError("the server is away")


def test_a_tracker_that_fails_is_said_once_and_asked_no_more() -> None:
    said: list[str] = []
    scripted = Scripted()
    guard = guarded("mlflow", scripted, said.append)
    args = SimpleNamespace(run_name="handbook")
    guard.on_train_begin(args, None, None)  # type: ignore[arg-type]
    for step in range(4):
        guard.on_log(args, None, None, logs={"loss": step})  # type: ignore[arg-type]
    assert scripted.heard == [("begin", "handbook"), ("log", {"loss": 0}), ("log", {"loss": 1})]
    assert said == ["The tracker mlflow failed and is told nothing more: the server is away"]


def test_a_tracker_that_cannot_be_loaded_is_said_before_time_is_spent() -> None:
    with pytest.raises(ConfigurationError, match="The tracker wandb cannot be loaded"):
        trackers(("wandb",), print)
