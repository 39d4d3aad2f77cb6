"""The worst arguments that could be thought of, tool by tool. `tests/agents/test_adversary.py` tries them."""

from __future__ import annotations

WALLS = [
    # what lies outside: files of the machine, of the server's process, of other programs
    "open('/etc/passwd')", "open('/etc/shadow')", "open('/etc/hosts')", "open('/etc/resolv.conf')",
    "open('/proc/self/environ')", "open('/proc/1/environ')", "open('/proc/1/root/etc/passwd')", "os.listdir('/proc')",
    "open('/proc/self/mem', 'rb')", "open('/proc/kcore', 'rb')", "os.listdir('/sys')", "os.listdir('/home')",
    "os.listdir('/var')", "os.listdir('/run')", "os.listdir('/tmp')", "open('/run/docker.sock')", "open('/dev/mem')",
    "open('/dev/kmsg')", "open('/dev/sda', 'rb')", "open('/dev/vda', 'rb')", "open('/dev/tty')", "open(SECRET_FILE)",
    "open('../../../../../../etc/passwd')", "open('//etc//passwd')", "open(b'/etc/passwd\\0.png')",
    # links that lead out
    "[os.symlink('/etc/passwd', 'a.png'), open('a.png')]", "[os.symlink('/proc/self/environ', 'b.png'), open('b.png')]",
    "[os.symlink('/', 'root'), open('root/etc/passwd')]", "os.link('/usr/bin/env', 'env')",
    "[os.symlink(SECRET_FILE, 'c.png'), open('c.png')]", "os.listdir('/sandbox/..' + os.path.dirname(SECRET_FILE))",
    # writing where nothing may be written
    "open('/x', 'w')", "open('/usr/x', 'w')", "open('/usr/bin/env', 'a')", "open('/sandbox/run.py', 'a')",
    "open('/sandbox/packages/numpy/x', 'w')", "os.mkdir('/x')", "os.unlink('/sandbox/run.py')", "open('/dev/x', 'w')",
    "os.rename('/usr', '/x')", "os.chmod('/usr', 0o777)", "os.chown('kept', 0, 0) if open('kept', 'w') else 0",
    "os.mknod('n', 0o60600, os.makedev(8, 0))", "open('/dev/shm/x', 'w')", "os.truncate('/sandbox/run.py', 0)",
    # the network, in every family
    "socket.socket()", "socket.socket(socket.AF_INET6)", "socket.socket(socket.AF_UNIX)",
    "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "socket.create_connection(('127.0.0.1', PORT), 1)",
    "urllib.request.urlopen(f'http://127.0.0.1:{PORT}/', timeout=1)", "socket.create_connection(('1.1.1.1', 53), 1)",
    "urllib.request.urlopen('http://169.254.169.254/latest/meta-data/', timeout=1)",
    "socket.getaddrinfo('example.com', 80)", "asyncio.run(asyncio.open_connection('127.0.0.1', PORT))",
    # other processes and threads
    "os.fork()", "os.forkpty()", "os.execv('/usr/bin/env', ['env'])", "os.posix_spawn('/usr/bin/env', ['env'], {})",
    "subprocess.run(['/usr/bin/env'])", "subprocess.run('id', shell=True)", "call(os.system('id') == 0)",
    "multiprocessing.Process(target=print).start()", "threading.Thread(target=print).start()",
    "concurrent.futures.ThreadPoolExecutor().submit(print)", "os.popen('id').read()",
    # the kernel's own doors, by number
    "kernel(57)", "kernel(58)", "kernel(56, 0x11, 0, 0, 0, 0)", "kernel(435, 0, 0)", "kernel(272, 0x10000000)",
    "kernel(101, 0, 0, 0, 0)", "kernel(165, b'none', b'/scratch', b'tmpfs', 0, 0)", "kernel(166, b'/scratch', 0)",
    "kernel(161, b'/usr')", "kernel(155, b'/', b'/')", "kernel(41, 2, 1, 0)", "kernel(319, b'x', 0)",
    "kernel(29, 1, 1 << 20, 0o600)", "kernel(321, 0, 0, 0)", "kernel(323, 0)", "kernel(425, 8, 0)",
    "kernel(298, 0, 0, -1, -1, 0)", "kernel(248, b'user', b'x', b'y', 1, -3)", "kernel(0x40000000 + 57)",
    "kernel(308, 0, 0)", "kernel(310, 1, 0, 0, 0, 0, 0)", "kernel(438, 3, 1, 0)",
    "kernel(303, -100, b'.', 0, 0, 0)", "kernel(304, -100, 0, 0)",
    # more than it was given
    "resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))", "os.nice(-5)", "os.setuid(0)", "os.setgid(0)",
    "os.setgroups([0])", "os.chroot('/')", "socket.sethostname('x')", "time.clock_settime(0, 0)",
    "resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY,) * 2)",
    # secrets of the server's environment
    "os.environ['FOOTNOTE_SECRET']", "os.environb[b'FOOTNOTE_SECRET']", "call('s3cret' in str(dict(os.environ)))",
    "call(ctypes.CDLL(None).getenv(b'FOOTNOTE_SECRET') != 0)", "os.environ['USER']", "os.environ['VIRTUAL_ENV']",
    # more memory, disk and files than there is
    "bytearray(1 << 40)", "bytearray(8 << 30)", "numpy.ones(4 << 30)", "'x' * (1 << 35)", "[0] * (1 << 33)",
    "mmap.mmap(-1, 8 << 30)", "grow()", "fill()", "crowd()", "open('sparse', 'wb').truncate(1 << 40)",
    "[os.pipe() for _ in range(1_000)]", "pandas.DataFrame(numpy.zeros((1 << 20, 1 << 12)))",
    "zlib.decompress(bomb())", "'%0999999999999d' % 1",
]  # fmt: skip
"""Expressions that must end in an exception inside the sandbox."""

PRELUDE = """
import asyncio, concurrent.futures, ctypes, json, mmap, multiprocessing, os, resource, socket, subprocess, threading
import sys, time, urllib.request, zlib
import numpy, pandas

def call(found):
    if not found:
        raise OSError("it did not work")

def kernel(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")

def grow():
    kept = []
    while True:
        kept.append(bytearray(1 << 20))

def fill():
    try:
        with open("filling", "wb") as file:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
    finally:
        os.unlink("filling")

def bomb():
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(800)) + packer.flush()

def crowd():
    try:
        for number in range(1_000_000):
            os.close(os.open(f"crowd{number}", os.O_CREAT | os.O_WRONLY))
    finally:
        for name in os.listdir():
            if name.startswith("crowd"):
                os.unlink(name)

stood, names = {}, globals()
for wall in WALLS:
    try:
        eval(wall, names)
        stood[wall] = False
    except BaseException:
        stood[wall] = True
print(json.dumps([wall for wall, held in stood.items() if not held]), len(stood))
"""

ENDINGS = [
    # code, the failure, what is said
    ("while True: pass", "failed", "seconds of the processor"),
    ("import signal\nfor each in range(1, 64):\n  try: signal.signal(each, signal.SIG_IGN)\n  except Exception: pass\n"
     "while True: pass", "failed", "ended"),
    ("while True:\n  try:\n    while True: pass\n  except BaseException: pass", "failed", "ended"),
    ("while True: print('x' * 100_000)", "failed", "printed too much"),
    ("import os\nwhile True: os.write(2, b'x' * 100_000)", "failed", "printed too much"),
    ("import os\nfor n in range(3, 64):\n  try:\n    while True: os.write(n, b'x' * 100_000)\n  except OSError: pass",
     "failed", "ended"),
    ("import os\nfor n in range(3, 64):\n  try: os.write(n, b'{\"failed\": false, \"pictures\": [{\"name\": 1}]}')\n"
     "  except OSError: pass\nos._exit(0)", None, "printed nothing"),
    ("import ctypes; ctypes.memset(0, 0, 1)", "failed", "ended"),
    ("import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()", "failed", ""),
    ("import os; os.kill(os.getpid(), 9)", "failed", "ended"),
    ("exec('1' + '+1' * 100_000)", "failed", ""),
    ("raise BaseException('x' * 100_000_000)", "failed", ""),
    ("class E(Exception):\n  def __str__(self): raise SystemExit(0)\nraise E", "failed", ""),
    ("print('\\x00\\x1b[2J\\ud800'.encode('utf-8', 'surrogatepass').decode('utf-8', 'replace'))", None, ""),
    ("import os; open('a.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(5_000_000)); os.symlink('a.png', 'b.png');"
     "os.mkfifo('c.png')", None, "printed nothing"),
]  # fmt: skip
"""Programs that try not to end, or to end badly."""

DOCUMENTS = [
    "../../etc/passwd", "..", "/", "secret", "SECRET", "secret ", "secret\0", "' OR '1'='1", "secret' --", "%", "_",
    "secret%00", "*", "file:///etc/passwd", "{{7*7}}", "${HOME}", "\u202esecret", "ｓｅｃｒｅｔ", "null", "0",
    "true", "\ud800", "secret/../open", "open\r\nX: y", "d" * 64,
]  # fmt: skip
"""Ids of documents that are not the caller's, or none at all."""

MALFORMED = [
    {}, {"": ""}, {"x": 1}, {"__class__": "x"}, {"self": 1}, {1: 2}, {"query": None, "document_id": None},
    {"query": [], "document_id": {}, "code": {}, "url": [], "expression": 1, "sql": True},
    {"query": "x" * 10_000_000, "document_id": "x" * 10_000_000, "code": "x" * 10_000_000, "url": "x" * 10_000_000},
    {"query": {"a": [[[[[[]]]]]]}, "document_id": float("nan"), "url": b"bytes", "code": b"\0", "title": {"a": 1}},
]  # fmt: skip
"""Arguments that no tool takes."""
