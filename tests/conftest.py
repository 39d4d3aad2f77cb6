"""What every test may use: the optional data folder, said aloud when it is absent."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from core.terms import terms
from core.types import Vectors
from tests import engine_process, s3_server
from tests.redis_process import RedisProcess

ROOT = Path(__file__).resolve().parent.parent
DATASETS = Path(os.environ.get("FOOTNOTE_DATA_SETS", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def datasets() -> Path | None:
    """The folder of the larger data sets, or None; tests then use the small sets in `tests/data`."""
    return DATASETS if DATASETS.is_dir() else None


class WordTokens:
    """Counts words; stands in for a model's tokenizer."""

    max_tokens = 256

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + 2 for text in texts]


class WordEmbedder:
    """Unit vectors of hashed terms: texts are alike as far as they share words. `calls` keeps what was embedded."""

    fingerprint = "words-1"
    size = 128
    tokens = WordTokens()

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    async def passages(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(tuple(texts))
        return Vectors(data=b"".join(self._row(text) for text in texts), size=self.size)

    async def query(self, text: str) -> Vectors:
        return Vectors(data=self._row(text), size=self.size)

    def _row(self, text: str) -> bytes:
        row = np.full(self.size, 1e-3, dtype=np.float32)
        for term in terms(text):
            row[zlib.crc32(term.encode()) % self.size] += 1
        return bytes((row / np.linalg.norm(row)).astype("<f4").tobytes())


@pytest.fixture
def word_embedder() -> WordEmbedder:
    """An embedder without a model."""
    return WordEmbedder()


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A PostgreSQL server; `url` is that of a database in which its superuser may make others."""

    url: str

    @contextlib.contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The address of a new database, which is dropped at the end."""
        name = f"footnote_{uuid.uuid4().hex}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield f"{self.url.rpartition('/')[0]}/{name}"
        finally:
            self.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def run(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL of this run's own, from Debian's packages, on a free port; it refuses to run as root."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
    assert binaries is not None, "PostgreSQL is not installed: deploy/system-packages.sh installs it"
    as_user = {}
    if os.geteuid() == 0:
        somebody = pwd.getpwnam("postgres")
        as_user = {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="footnote-postgres-"))  # pytest's own folders are closed to other users
    if as_user:
        os.chown(folder, as_user["user"], as_user["group"])
    data, log = folder / "data", folder / "log"
    made = ["-D", str(data), "-U", "footnote", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
    subprocess.run([binaries / "initdb", *made], check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_user)
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "max_connections": 200}
    options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [binaries / "postgres", "-D", str(data), *(f"--{key}={value}" for key, value in options.items())]
    server = subprocess.Popen(command, stderr=log.open("wb"), cwd=folder, **as_user)
    found = Postgres(url=f"postgresql://footnote@127.0.0.1:{port}/postgres")
    try:
        _wait_for(server, found, log)
        yield found
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown: it ends its connections
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(server: subprocess.Popen[bytes], found: Postgres, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        assert server.poll() is None, log.read_text()
        try:
            found.run("SELECT 1")
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


@pytest.fixture
def redis_process() -> Iterator[RedisProcess]:
    """A real redis-server of this test's own, on a free port, that may be killed and started again."""
    process = RedisProcess().start()
    yield process
    process.kill()


@pytest.fixture(scope="session")
def s3() -> Iterator[s3_server.S3]:
    """S3 on a free port of this machine, with one bucket; each test takes a prefix of its own."""
    with s3_server.started() as found:
        yield found


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine_process.Engine]:
    """A real vLLM, started once for the whole run: a small random model "tiny" with adapters "a" and "b"."""
    with engine_process.started(tmp_path_factory.mktemp("engine")) as found:
        found.wait_ready()
        yield found


@pytest.fixture(scope="session")
def trained_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine_process.Engine]:
    """Another one, which serves the model that learned to answer, in eight bits, under the same names."""
    folder = tmp_path_factory.mktemp("trained-engine")
    given = {"QUANTIZATION": "compressed-tensors", "ARGUMENTS": '["--lora-target-modules", "q_proj", "v_proj"]'}
    with engine_process.started(folder, engine_process.trained_models, **given) as found:
        found.wait_ready()
        yield found


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small random model "base" and its adapters "a" and "b", for a generator in this process."""
    from bench.tiny_llama import build, build_adapter

    folder = tmp_path_factory.mktemp("random-model")
    build(folder / "base", layers=1)
    for seed, name in enumerate("ab", start=1):
        build_adapter(folder / name, folder / "base", seed)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes, timers and threads share the machine with whatever else runs there: a failure counts when it comes
    twice, and for what drives a whole server, a browser or an engine when it comes three times. Every further try is
    listed at the end of a run; a fault of the code comes each time."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        engine = item.get_closest_marker("engine") or any(name.endswith("engine") for name in fixtures)
        whole = engine or {"browser", "flow"} & set(item.path.relative_to(ROOT).parts)
        item.add_marker(pytest.mark.flaky(reruns=2 if whole else 1))


def pytest_report_header() -> str:
    if DATASETS.is_dir():
        return f"data sets: {DATASETS}"
    return (
        f"data sets: {DATASETS} is absent; SciFact, XQuAD, COVID-QA, the seven reports and the hostile PDFs are left "
        "out, the small sets in tests/data stand in (set FOOTNOTE_DATA_SETS to a folder that has them)"
    )
