"""What a trainer tells its run's folder, and what it hears from it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.run_folder import RunFolder

if TYPE_CHECKING:
    from transformers import TrainerCallback

WHOLE = "footnote-whole"
"""Lies in checkpoints that were written to the end."""
_PAUSE = 0.5


def watcher(folder: RunFolder) -> TrainerCallback:
    """A callback that writes curves and status, marks whole checkpoints and ends the run when it is cancelled."""
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        said = 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                folder.change_status(state="running", stage="", step=state.global_step, steps=state.max_steps)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero and time.monotonic() - self.said > _PAUSE:
                self.said = time.monotonic()
                folder.change_status(step=state.global_step, epoch=float(state.epoch or 0))
            if _any(folder.cancel.exists(), args.world_size):
                control.should_training_stop = control.should_save = True

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if state.is_world_process_zero and logs:
                numbers = {name: value for name, value in logs.items() if isinstance(value, int | float)}
                folder.add_metrics({"step": state.global_step, "time": round(time.time(), 3), **numbers})
                if "loss" in numbers:
                    folder.change_status(loss=float(numbers["loss"]), step=state.global_step)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                mark(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return Watcher()


def mark(checkpoint: Path) -> None:
    """Says that a checkpoint is whole, once all of it is on the disk."""
    for path in (*checkpoint.iterdir(), checkpoint):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    (checkpoint / WHOLE).touch()


def last_whole(checkpoints: Path) -> Path | None:
    """The last checkpoint that was written to the end."""
    found = [path.parent for path in checkpoints.glob(f"checkpoint-*/{WHOLE}")]
    return max(found, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint was written at."""
    return int(checkpoint.name.rpartition("-")[2])


def _any(said: bool, processes: int) -> bool:
    """Whether any process says so: all of them end at the same step, or the others would wait for ever."""
    if processes < 2:
        return said
    import torch
    from accelerate import PartialState

    flag = torch.tensor([float(said)], device=PartialState().device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag.item())
