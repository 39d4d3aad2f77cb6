"""What the reading child takes away from itself before it looks at a file. Linux; elsewhere what exists is used.

Resource limits (setrlimit(2)), death with the parent (prctl(2)), no network (unshare(2), namespaces(7)), and a file
system of which only the interpreter, the libraries, the one file and the scratch folder are left (landlock(7)). What is
left of the kernel's calls is `ingestion.calls`' to say. Limits must hold; the rest is taken where the kernel gives it,
since reading never needs it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_VERSION = 1
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights to files a version of Landlock knows; before the third, truncate(2) was not among them."""
_SCOPES_SINCE, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 1 << 0 | 1 << 1


class _Ruleset(ctypes.Structure):
    _fields_ = [
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    ]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def limit(memory_bytes: int, file_bytes: int) -> None:
    """Address space, file size, open files, no core dump; and death when the parent dies."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == 1:  # it died before we asked
            os._exit(1)


def limit_cpu(seconds: int) -> None:
    """At most `seconds` more of processor time, from now; SIGXCPU ends the process after that."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def leave_network() -> bool:
    """Moves into a network namespace without interfaces; True where that worked. The process must have one thread."""
    if sys.platform != "linux":
        return False
    return bool(_libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0 or _libc().unshare(_CLONE_NEWNET) == 0)


def leave_files(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    """Gives up every file outside these folders and files; True where the kernel has Landlock.

    All that the kernel's version can take is taken: cutting files off, and signals to processes outside.
    """
    if sys.platform != "linux":
        return False
    libc = _libc()
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    everything = (1 << max(bits for since, bits in _RIGHTS.items() if since <= version)) - 1
    attributes = _Ruleset(handled_access_fs=everything)
    size = _Ruleset.handled_access_net.offset  # older kernels know no more fields than the first
    if version >= _SCOPES_SINCE:
        attributes.scoped, size = _ABSTRACT_SOCKETS_AND_SIGNALS, ctypes.sizeof(attributes)
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        for paths, access in ((readable, _READ), (writable, everything)):
            for path in paths:
                _allow(libc, ruleset, path, access)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def interpreter_paths() -> list[Path]:
    """What Python and its libraries must read: prefixes, packages, shared libraries, Tesseract's data.

    Of the devices only those that hold nothing: beside them lie disks, terminals and other processes' shared memory.
    """
    names = {
        *sysconfig.get_paths().values(),
        *(entry for entry in sys.path if "site-packages" in entry or "dist-packages" in entry),
        sys.prefix,
        str(Path(sys.base_prefix) / "lib"),
        str(Path(sys.executable).resolve().parent),
        *("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types"),
        *("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
        os.environ.get("TESSDATA_PREFIX", "/usr/share"),
    }
    return [Path(name) for name in sorted(names)]


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what does not exist needs no permission
    try:
        if not path.is_dir():
            access &= _EXECUTE | _WRITE_FILE | _READ_FILE  # other rights are a folder's, and refused for files
        rule = _PathBeneath(allowed_access=access, parent_fd=handle)
        libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(handle)


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc
