"""Where everything that is learnt from and all that came of it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """The folders below one root. Each is made by whoever writes into it first."""

    root: Path

    @property
    def datasets(self) -> Path:
        """Datasets, a folder each: `NAME@DIGEST`."""
        return self.root / "datasets"

    @property
    def builds(self) -> Path:
        """How the building of datasets fares, a file each."""
        return self.root / "builds"

    @property
    def files(self) -> Path:
        """Files of outside data that were imported."""
        return self.root / "files"

    @property
    def runs(self) -> Path:
        """Runs of training, a folder each."""
        return self.root / "runs"

    @property
    def gates(self) -> Path:
        """Runs of the gate, a folder each."""
        return self.root / "gates"

    @property
    def drift(self) -> Path:
        """What the watch saw, a file a look."""
        return self.root / "drift"

    @property
    def registry(self) -> Path:
        """Versions of what was trained, a folder each: `TITLE@DIGEST`."""
        return self.root / "registry"

    @property
    def fetched(self) -> Path:
        """Copies of versions that are kept in a bucket, in the form of `registry`."""
        return self.root / "fetched"


def places(settings: Settings) -> Places:
    """The folders that these settings name."""
    return Places(root=settings.finetune.folder or settings.files_dir / "finetune")


__all__ = ["Places", "places"]
