"""The program that runs inside the sandbox: `sandbox.py` binds this file there alone, so it imports nothing of ours.

It reads one JSON order on its standard input, gives up what the sandbox could not take away, runs the code, and writes
one JSON reply on what was its standard error. What the code prints goes to the standard output. Everything it tells is
the code's word as well as its own: whoever reads it believes nothing.
"""

from __future__ import annotations

import ast
import base64
import ctypes
import json
import linecache
import os
import platform
import resource
import stat
import struct
import sys
import traceback
from pathlib import Path
from typing import Any

NAME = "<program>"
_MOST_FILES = 4_096
_PNG = b"\x89PNG\r\n\x1a\n"

# ---- what is given up ----------------------------------------------------------------------------------------------

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_RET|K
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with EPERM
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
_X32 = 0x40000000
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_EVERYWHERE = (435, 424, 425, 438, 440, 447)
"""clone3, pidfd_send_signal, io_uring_setup, pidfd_getfd, process_madvise, memfd_secret."""
_REFUSED = {
    "x86_64": (
        *(56, 57, 58, 59, 322),  # clone, fork, vfork, execve, execveat
        *(41, 29, 64, 68, 240),  # socket, shmget, semget, msgget, mq_open
        *(319, 101, 310, 311),  # memfd_create, ptrace, process_vm_readv, process_vm_writev
        *(165, 166, 155, 272, 308),  # mount, umount2, pivot_root, unshare, setns
        *(248, 249, 250, 298, 321, 323, 175, 313),  # keys, perf_event_open, bpf, userfaultfd, modules
    ),
    "aarch64": (
        *(220, 221, 281),
        *(198, 194, 190, 186, 180),
        *(279, 117, 270, 271),
        *(40, 39, 41, 97, 268),
        *(217, 218, 219, 241, 280, 282, 105, 273),
    ),
}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def refuse_calls() -> bool:
    """No process and no thread but this one, no socket, no memory beside its own; True where the kernel obeyed.

    What is computed with here needs no threads, and without them nothing multiplies: the limits hold for all of it.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _AUDIT:
        return False
    code = _filter(_AUDIT[machine], [*_REFUSED[machine], *_EVERYWHERE])
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    return bool(libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _filter(audit: int, refused: list[int]) -> bytes:
    """A filter as the kernel reads it. A jump counts the instructions it passes over; verdicts come last."""
    count = len(refused)
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, count + 3, audit),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, count + 1, 0, _X32),
        *((_EQUAL, count - place, 0, number) for place, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def make_scratch(folder: str, size: int) -> bool:
    """Mounts the folder to work in, and gives up the right to mount; True where both succeeded.

    bubblewrap bounds how many bytes such a folder holds, but not how many files, each of which takes memory as well.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={size},nr_inodes={_MOST_FILES},mode=700".encode()
    if libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 2 | 4 | 8, options) != 0:  # MS_NOSUID, MS_NODEV, MS_NOEXEC
        return False
    os.chdir(folder)
    libc.prctl(47, 4, 0, 0, 0)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL
    nothing = struct.pack("=6I", 0, 0, 0, 0, 0, 0)
    return bool(libc.capset(struct.pack("=Ii", 0x20080522, 0), nothing) == 0)


def limit(order: dict[str, Any]) -> None:
    """Memory, processor time, files: what the kernel counts for a process."""
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, order["memory_bytes"]),
        (resource.RLIMIT_FSIZE, order["scratch_bytes"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(what, (most, most))
    seconds = order["cpu_seconds"]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # the first ends it by a signal that tells why


# ---- what is done --------------------------------------------------------------------------------------------------


def main() -> int:
    """Runs the order and replies; the exit status is 0 whatever the code did, unless it ended the process."""
    order = json.load(sys.stdin.buffer)
    reply = os.fdopen(os.dup(2), "wb")
    os.dup2(1, 2)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    sys.path.append(order["packages"])
    shut = make_scratch(order["scratch"], order["scratch_bytes"])
    limit(order)
    if not shut or not refuse_calls():
        reply.write(b'{"unsafe": true}')
        return 1
    failed = run(order["code"])
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    said = {"failed": failed, "pictures": pictures(Path.cwd(), order["max_pictures"], order["picture_bytes"])}
    reply.write(json.dumps(said).encode())
    reply.flush()
    return 0


def run(code: str) -> bool:
    """Runs the code, prints what its last line is worth, and its mistakes as Python shows them; whether it failed."""
    linecache.cache[NAME] = (len(code), None, code.splitlines(keepends=True), NAME)
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    try:
        tree = ast.parse(code, NAME)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, NAME, "exec"), names)  # noqa: S102
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), NAME, "eval"), names)  # noqa: S307
            if value is not None:
                print(value if isinstance(value, str) else repr(value))
    except SystemExit as left:
        return left.code not in (None, 0)
    except BaseException as error:
        _tell(error)
        return True
    return False


def _tell(error: BaseException) -> None:
    """The traceback from the code's own first line on."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != NAME:
        frames = frames.tb_next
    if isinstance(error, SyntaxError):
        frames = None
    lines = traceback.format_exception(type(error), error, frames, limit=-8, chain=False)
    print("".join(lines)[-8_000:], file=sys.stderr)


def pictures(folder: Path, most: int, largest: int) -> list[dict[str, str]]:
    """The figures that were drawn, and the PNG files in the scratch folder, as base64; plain files only."""
    _save_figures(folder)
    found: list[dict[str, str]] = []
    for path in sorted(folder.glob("*.png")):
        if len(found) >= most:
            break
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                state = os.fstat(file.fileno())
                if not stat.S_ISREG(state.st_mode) or state.st_size > largest:
                    continue
                data = file.read(largest)
        except OSError:
            continue
        if data.startswith(_PNG):
            found.append({"name": path.name[:100], "png": base64.b64encode(data).decode()})
    return found


def _save_figures(folder: Path) -> None:
    plots = sys.modules.get("matplotlib.pyplot")
    if plots is None:
        return
    try:
        if any(folder.glob("*.png")):
            return  # it saved what it wanted to show
        for number in plots.get_fignums()[:16]:
            plots.figure(number).savefig(folder / f"figure-{number}.png")
    except BaseException as error:
        print(f"The figures could not be drawn: {type(error).__name__}", file=sys.stderr)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # what the code left running ends with it
