"""Running a program that a model wrote where it can do no harm: bubblewrap outside, `sandbox_child` inside.

Inside there is no network, no process and no thread but the one, no /proc, an empty environment, and of the file system
only /usr, the interpreter, the packages for computing and a scratch folder in memory, all but the last read-only.
Nothing of it is believed before it was tried: `fault` runs a program that tests the walls.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agents.settings import PythonSettings

PACKAGES = (
    *("numpy", "numpy.libs", "pandas", "pandas.libs", "dateutil", "pytz", "tzdata", "six.py"),
    *("matplotlib", "mpl_toolkits", "pylab.py", "PIL", "pillow.libs", "contourpy", "cycler", "fontTools"),
    *("kiwisolver", "packaging", "pyparsing"),
)
"""What is shown of the installed packages: numpy, pandas and matplotlib with all they need."""
_CHILD = Path(__file__).with_name("sandbox_child.py")
_INSIDE = "/sandbox"
_SCRATCH = "/scratch"
_PIECE = 64 * 1024
_MOST_PRINTED = 16 << 20
"""Bytes of output after which a program is ended; what goes beyond the characters kept is thrown away until then."""
_WALLS = """
import os, socket, subprocess, sys
import numpy, pandas
import matplotlib.pyplot as plots
def is_shut(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False
walls = {
    "files": not os.path.exists(%(file)r) and not os.path.exists("/etc/passwd") and not os.path.exists("/proc/self"),
    "folders": is_shut(lambda: open("/written", "w")) and is_shut(lambda: open("/sandbox/written", "w")),
    "network": is_shut(lambda: socket.create_connection(("127.0.0.1", %(port)d), 1)),
    "processes": is_shut(os.fork) and is_shut(lambda: subprocess.run(["/usr/bin/true"])),
    "rights": is_shut(lambda: socket.sethostname("x")),
    "environment": set(os.environ) <= set(%(names)r) | {"LC_CTYPE", "PWD"},
}
open("/scratch/kept", "w").write("x")
print("open:", sorted(wall for wall, shut in walls.items() if not shut))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """How a program ended: `over` says what it ran over, `failed` whether it stopped by a mistake of its own."""

    printed: str
    cut: bool = False
    failed: bool = False
    over: str | None = None
    reply: dict[str, Any] | None = None
    complaint: str = ""


async def run(code: str, settings: PythonSettings, seconds: float) -> Ran:
    """Runs a program. Being cancelled kills it. Raises `FileNotFoundError` without bubblewrap."""
    order = {
        "code": code,
        "packages": f"{_INSIDE}/packages",
        "scratch": _SCRATCH,
        "memory_bytes": settings.memory_bytes,
        "cpu_seconds": settings.cpu_seconds,
        "scratch_bytes": settings.scratch_bytes,
        "max_pictures": settings.max_pictures,
        "picture_bytes": settings.picture_bytes,
    }
    process = await asyncio.create_subprocess_exec(
        *command(settings),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={}, cwd="/", start_new_session=True,
    )  # fmt: skip
    output, reply = bytearray(), bytearray()
    room = settings.max_pictures * (2 * settings.picture_bytes + 1_000) + 10_000
    try:
        async with asyncio.timeout(seconds):
            _, *counts = await asyncio.gather(
                _give(process, json.dumps(order).encode()),
                _take(process, process.stdout, output, 4 * settings.max_chars, _MOST_PRINTED),
                _take(process, process.stderr, reply, room, room),
            )
            status = await process.wait()
    except TimeoutError:
        return _ended(output, settings, f"took longer than {seconds:g} seconds")
    finally:
        await asyncio.shield(_kill(process))
    if any(counts):
        return _ended(output, settings, "printed too much")
    return _judged(status, output, reply, settings)


async def fault(settings: PythonSettings) -> str | None:
    """Why no safe sandbox can be made here; None where one was made and its walls stood."""
    program = shutil.which(settings.bwrap)
    if program is None:
        return "bubblewrap is not installed: apt-get install bubblewrap"
    missing = [name for name in ("numpy", "pandas", "matplotlib") if find_spec(name) is None]
    if missing:
        return f"these packages are not installed: {', '.join(missing)}"
    with tempfile.NamedTemporaryFile(prefix="footnote-wall-") as file:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            asked = {"file": file.name, "port": server.sockets[0].getsockname()[1], "names": sorted(_ENVIRONMENT)}
            try:
                ran = await run(_WALLS % asked, settings, max(settings.seconds, 60.0))
            except OSError as error:
                return f"bubblewrap cannot be started: {error.strerror}"
    ended_well = ran.over is None and ran.reply is not None and not ran.failed
    if ended_well and ran.printed.strip() == "open: []":
        return None
    if ended_well and ran.printed.startswith("open:"):
        return f"the sandbox does not hold here: {ran.printed.strip()[:200]}"
    said = " ".join((ran.over or ran.complaint or ran.printed or "it said nothing").split())
    return f"bubblewrap cannot make a sandbox here: {said[-200:]}"


def command(settings: PythonSettings) -> list[str]:
    """The command line of a sandbox with the interpreter in it."""
    python = Path(sys.executable).resolve()
    inside = f"{_INSIDE}/packages"
    line = [
        shutil.which(settings.bwrap) or settings.bwrap,
        *("--unshare-user", "--unshare-all", "--die-with-parent", "--new-session"),
        *("--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--cap-drop", "ALL", "--clearenv"),
        *("--cap-add", "CAP_SYS_ADMIN"),  # for the scratch folder; the child gives it up before the program runs
        *("--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
    ]
    for name in ("/bin", "/sbin", "/lib", "/lib64"):
        if Path(name).is_symlink():
            line += ["--symlink", str(Path(name).readlink()), name]
        else:
            line += ["--ro-bind-try", name, name]
    for place in _interpreter(python):
        line += ["--ro-bind-try", place, place]
    for device in ("null", "zero", "full", "random", "urandom"):
        line += ["--dev-bind-try", f"/dev/{device}", f"/dev/{device}"]
    site = _site()
    for name in PACKAGES:
        line += ["--ro-bind-try", str(site / name), f"{inside}/{name}"]
    line += [
        *("--tmpfs", "/usr/share/fonts"),  # matplotlib has fonts of its own, and would read all of these at each start
        *("--ro-bind", str(_CHILD), f"{_INSIDE}/run.py"),
        *("--dir", _SCRATCH),
        *("--remount-ro", "/usr/share/fonts", "--remount-ro", "/"),
    ]
    for name, value in _ENVIRONMENT.items():
        line += ["--setenv", name, value]
    return [*line, "--", str(python), "-I", "-S", "-B", f"{_INSIDE}/run.py"]


_ENVIRONMENT = {
    "HOME": _SCRATCH,
    "TMPDIR": _SCRATCH,
    "PATH": "/usr/bin",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": f"{_SCRATCH}/.matplotlib",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


def _interpreter(python: Path) -> list[str]:
    """Folders of an interpreter that is not the system's own, without what else may be installed beside it."""
    base = Path(sys.base_prefix)
    if base.is_relative_to("/usr"):
        return []
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    libraries = sorted(base.glob("lib/*.so*"))
    return [str(each) for each in (python, base / "lib" / version, *libraries)]


def _site() -> Path:
    """Where numpy is installed, and the others with it."""
    spec = find_spec("numpy")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.parent


# ---- the process ---------------------------------------------------------------------------------------------------


async def _give(process: asyncio.subprocess.Process, order: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(order)
        await process.stdin.drain()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.close()


async def _take(
    process: asyncio.subprocess.Process, stream: asyncio.StreamReader | None, kept: bytearray, keep: int, most: int
) -> bool:
    """Reads to the end and keeps the beginning. After `most` bytes the process is killed; whether that happened."""
    assert stream is not None
    count = 0
    while piece := await stream.read(_PIECE):
        count += len(piece)
        kept += piece[: max(0, keep - len(kept))]
        if count > most:
            _signal(process)
    return count > most


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Ends the sandbox: when bubblewrap dies, the first process inside does, and with it all else there."""
    _signal(process)
    for stream in (process.stdout, process.stderr):
        while stream is not None and await stream.read(_PIECE):
            pass  # asyncio waits for the pipes' ends, too
    await process.wait()


def _signal(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        process.kill()


def _ended(output: bytearray, settings: PythonSettings, over: str) -> Ran:
    text, cut = _text(output, settings)
    return Ran(printed=text, cut=cut, over=over)


def _judged(status: int, output: bytearray, reply: bytearray, settings: PythonSettings) -> Ran:
    text, cut = _text(output, settings)
    try:
        said = json.loads(bytes(reply))
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and status == 0:
        return Ran(printed=text, cut=cut, failed=bool(said.get("failed")), reply=said)
    ends = {
        128 + signal.SIGXCPU: f"used more than {settings.cpu_seconds} seconds of the processor",
        128 + signal.SIGKILL: "used more memory or processor time than there is",
        128 + signal.SIGXFSZ: "wrote a larger file than there is room for",
    }
    complaint = bytes(reply).decode("utf-8", "replace")[-500:]
    return Ran(printed=text, cut=cut, failed=True, over=ends.get(status), complaint=complaint)


def _text(output: bytearray, settings: PythonSettings) -> tuple[str, bool]:
    text = bytes(output).decode("utf-8", "replace").replace("\0", "")
    return text[: settings.max_chars], len(text) > settings.max_chars
