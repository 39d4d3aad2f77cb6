"""The system calls that reading never needs, refused to the child with seccomp(2).

Landlock says which files may be opened and read; it says nothing of a file's mode and owner, of sockets in the file
system, or (on older kernels) of signals. Those go here: no program is started, no other process touched, nothing
connected to, no kernel facility used that reading has no use for. What is refused fails with EPERM.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from collections.abc import Sequence

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_RET|K
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with EPERM
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little-endian
_X32 = 0x40000000

_SOCKET = {"x86_64": 41, "aarch64": 198}
_PRLIMIT = {"x86_64": 302, "aarch64": 261}
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_EVERYWHERE = (424, 425, 438, 452)  # pidfd_send_signal, io_uring_setup, pidfd_getfd, fchmodat2
_UNNEEDED = {
    "x86_64": (
        *(59, 322),  # execve, execveat
        *(62, 129, 200, 297),  # kill, rt_sigqueueinfo, tkill, rt_tgsigqueueinfo
        *(101, 310, 311),  # ptrace, process_vm_readv, process_vm_writev
        *(90, 91, 268, 92, 93, 94, 260),  # chmod, fchmod, fchmodat, chown, fchown, lchown, fchownat
        *(188, 189, 190, 197, 198, 199),  # setxattr, lsetxattr, fsetxattr, removexattr and its kin
        *(165, 272, 308),  # mount, unshare, setns
        *(248, 249, 250, 298, 321, 323),  # add_key, request_key, keyctl, perf_event_open, bpf, userfaultfd
    ),
    "aarch64": (
        *(221, 281),
        *(129, 138, 130, 240),
        *(117, 270, 271),
        *(52, 53, 54, 55),
        *(5, 6, 7, 14, 15, 16),
        *(40, 97, 268),
        *(217, 218, 219, 241, 280, 282),
    ),
}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def refuse_calls(*, sockets: bool) -> bool:
    """Gives the calls up for good, with `sockets` those that open one too; True where the kernel obeyed."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _AUDIT:
        return False
    refused = [*_UNNEEDED[machine], *_EVERYWHERE, *([_SOCKET[machine]] if sockets else [])]
    code = _program(_AUDIT[machine], refused, _PRLIMIT[machine])
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _program(audit: int, refused: Sequence[int], prlimit: int) -> bytes:
    """A filter as the kernel reads it. A jump counts the instructions it passes over."""
    after = len(refused) + 3  # from the first comparison of numbers to the refusal, the last instruction
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, after + 3, audit),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, after + 1, 0, _X32),
        *((_EQUAL, after - place, 0, number) for place, number in enumerate(refused)),
        (_EQUAL, 0, 2, prlimit),  # its own limits only, never another process'
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
