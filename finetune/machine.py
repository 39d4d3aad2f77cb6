"""What there is to train on."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """`memory` is what is free on the smallest device, in bytes; on a CPU it is the machine's own."""

    device: Literal["cpu", "cuda"]
    memory: int
    devices: int = 1
    bf16: bool = False

    @property
    def cuda(self) -> bool:
        """Whether it has GPUs of NVIDIA's (or AMD's, under the same name)."""
        return self.device == "cuda"


def this_machine() -> Machine:
    """What this process sees. Imports torch."""
    import torch

    if torch.cuda.is_available():
        free = [torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())]
        return Machine(device="cuda", memory=min(free), devices=len(free), bf16=torch.cuda.is_bf16_supported())
    return Machine(device="cpu", memory=free_memory())


def machine_beside() -> Machine:
    """What a run's process would see, told without torch: by NVIDIA's own program, on other machines the CPU."""
    found = _devices()
    if not found:
        return Machine(device="cpu", memory=free_memory())
    least = min(capability for _, _, capability in found)
    return Machine(device="cuda", memory=min(free for free, _, _ in found), devices=len(found), bf16=least >= 8.0)


def device_memory() -> list[tuple[int, int]]:
    """Bytes free and in all, of each device."""
    return [(free, total) for free, total, _ in _devices()]


def _devices() -> list[tuple[int, int, float]]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    asked = [program, "--query-gpu=memory.free,memory.total,compute_cap", "--format=csv,noheader,nounits"]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        if not visible.strip() or visible.strip() == "-1":
            return []
        asked.append(f"--id={visible}")
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
        rows = [line.split(",") for line in said.splitlines() if line.strip()]
        return [(int(free) << 20, int(total) << 20, float(capability)) for free, total, capability in rows]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def free_memory() -> int:
    """Bytes that can be taken on this machine, within its control group's limit."""
    free = _available()
    try:
        with (_GROUP / "memory.max").open() as limit, (_GROUP / "memory.current").open() as used:
            said = limit.read().strip()
            if said.isdigit():
                free = min(free, max(0, int(said) - int(used.read())))
    except OSError:
        pass
    return free


def _available() -> int:
    try:
        with Path("/proc/meminfo").open() as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
