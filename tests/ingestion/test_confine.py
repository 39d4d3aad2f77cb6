"""What the child takes away from itself, tried in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from ingestion.readers.limits import ReadLimits

MIB = 1024 * 1024


def run(root: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )


def test_memory_is_limited(root: Path) -> None:
    done = run(root, f"from ingestion import confine; confine.limit({400 * MIB}, {MIB}); bytearray({600 * MIB})")

    assert "MemoryError" in done.stderr


def test_processor_time_is_limited(root: Path) -> None:
    done = run(root, "from ingestion import confine; confine.limit_cpu(0)\nwhile True: pass")

    assert done.returncode == -24  # SIGXCPU


def test_files_written_are_limited(root: Path, tmp_path: Path) -> None:
    code = f"""
from ingestion import confine
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
confine.limit({1024 * MIB}, {MIB})
open({str(tmp_path / "large")!r}, "wb").write(bytes({2 * MIB}))
"""
    run(root, code)

    assert (tmp_path / "large").stat().st_size <= MIB


def test_the_network_is_out_of_reach_where_the_kernel_allows_it(root: Path) -> None:
    code = """
from ingestion import confine
import socket
with socket.socket() as server:
    server.bind(("127.0.0.1", 0))
    server.listen()
    address = server.getsockname()
    left = confine.leave_network()
    try:
        socket.create_connection(address, timeout=2)
        print(left, "connected")
    except OSError:
        print(left, "refused")
"""
    assert run(root, code).stdout.strip() in ("True refused", "False connected")


def test_other_files_are_out_of_reach_where_the_kernel_has_landlock(root: Path, tmp_path: Path) -> None:
    for name in ("allowed", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    code = f"""
from pathlib import Path
from ingestion import confine
folder = Path({str(tmp_path)!r})
left = confine.leave_files([*confine.interpreter_paths(), folder / "allowed"], [])
import json, decimal  # the interpreter still works
seen = []
for name in ("allowed", "secret"):
    try:
        seen.append((folder / name / "file").read_text())
    except PermissionError:
        seen.append("denied")
try:
    (folder / "allowed" / "new").write_text("x")
    seen.append("written")
except PermissionError:
    seen.append("denied")
print(left, *seen)
"""
    assert run(root, code).stdout.strip() in ("True allowed denied denied", "False allowed secret written")


def test_of_the_devices_only_those_that_hold_nothing_can_be_read(root: Path) -> None:
    """`/dev/shm` is the memory that other processes of this user share, and disks and terminals lie beside it."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as shared:
        code = f"""
from ingestion import confine
left = confine.leave_files(confine.interpreter_paths(), [])
fine = [len(open(path, "rb").read(1)) for path in ("/dev/null", "/dev/zero", "/dev/urandom")]
try:
    open({shared.name!r}, "rb")
    print(left, fine, "read")
except PermissionError:
    print(left, fine, "denied")
"""
        assert run(root, code).stdout.strip() in ("True [0, 1, 1] denied", "False [0, 1, 1] read")


def test_the_names_beside_the_program_cannot_be_listed(root: Path, tmp_path: Path) -> None:
    """`make run` keeps the data there, and a file's name in it is the hash of its content."""
    order = {"path": str(tmp_path / "file"), "filename": "file", "scratch": str(tmp_path), "limits": ReadLimits()}
    code = f"""
import os
from ingestion import child, wire
from ingestion.readers.limits import ReadLimits
held = child.give_up(wire.Order(**{order!r}, memory_bytes=2**31, cpu_seconds=60, isolate_network=True))
import ingestion.readers.pdf, pymupdf, docx  # what is imported from now on is found all the same
try:
    print(held, len(os.listdir(child.ROOT)))
except PermissionError:
    print(held, "denied")
"""
    said = run(root, code)
    assert said.stdout.strip() == "True denied" or said.stdout.startswith("False"), said.stderr


def test_nothing_outside_can_be_cut_off_signalled_or_reached(root: Path, tmp_path: Path) -> None:
    """A child that was taken over meets its parent's data, its parent, and its parent's sockets."""
    (tmp_path / "scratch").mkdir()
    (tmp_path / "database").write_text("rows")
    code = f"""
import os, signal, socket, resource, subprocess, sys
from pathlib import Path
from ingestion import calls, confine
folder = Path({str(tmp_path)!r})
server = socket.socket(socket.AF_UNIX)
server.bind(str(folder / "rpc"))
server.listen()
client = socket.socket(socket.AF_UNIX)
left = confine.leave_files(confine.interpreter_paths(), [folder / "scratch"])
left = calls.refuse_calls(sockets=True) and left
tries = dict(
    truncate=lambda: os.truncate(folder / "database", 0),
    chmod=lambda: os.chmod(folder, 0o777),
    signal=lambda: os.kill(os.getppid(), 0),
    limit=lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU),
    socket=lambda: socket.socket(socket.AF_UNIX),
    program=lambda: subprocess.run([sys.executable, "--version"]),
)
for name, act in tries.items():
    try:
        act()
        print(name, "done")
    except PermissionError:
        print(name, "refused")
import decimal
(folder / "scratch" / "page").write_text("x")
os.truncate(folder / "scratch" / "page", 0)
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
print("works", left)
"""
    done = run(root, code)

    assert done.stderr == ""
    assert done.stdout.split("\n")[-2].startswith("works")
    if done.stdout.endswith("True\n"):
        assert "done" not in done.stdout
        assert (tmp_path / "database").read_text() == "rows"
