"""What the server holds for learning from feedback."""

from __future__ import annotations

from dataclasses import dataclass

from app.finetune.builds import Builds
from app.finetune.datasets import DatasetShelf
from app.finetune.files import ImportedFiles
from app.finetune.keeper import TrainingKeeper
from app.finetune.places import Places
from app.finetune.retention import Retention
from app.gate.gates import Gates
from finetune.ports import Versions


@dataclass(frozen=True, kw_only=True)
class Finetune:
    """The parts of learning in one server process."""

    places: Places
    files: ImportedFiles
    builds: Builds
    datasets: DatasetShelf
    training: TrainingKeeper
    registry: Versions
    retention: Retention
    gates: Gates


__all__ = ["Finetune"]
