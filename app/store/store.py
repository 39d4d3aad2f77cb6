"""The store: every noun's book over one database, opened at the newest schema."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from app.store import codec, stats
from app.store.agent_runs import AgentRuns
from app.store.agent_threads import AgentThreads
from app.store.answers import Answers
from app.store.approvals import Approvals
from app.store.backup import backup_sqlite
from app.store.chunks import Chunks
from app.store.collections import Collections
from app.store.conversations import Conversations
from app.store.corpus import Corpus
from app.store.database import BUSY_SECONDS, Database
from app.store.deployments import Deployments
from app.store.documents import Documents
from app.store.effects import Effects
from app.store.feedback import Feedbacks
from app.store.figures import FigureBook
from app.store.generations import Generations
from app.store.idempotency import Idempotency
from app.store.jobs import Jobs
from app.store.learning import Learning
from app.store.presence import Presence
from app.store.records import Stats
from app.store.run_steps import RunSteps
from app.store.run_work import RunWork
from app.store.schema import upgrade
from app.store.seen import SeenAnswers
from app.store.step_prompts import StepPrompts
from app.store.traces import Traces
from core.errors import ConfigurationError


class Store:
    """The database of record. Belongs to the event loop that opened it; must be closed, or used as a context.

    `name` is one that no other has: answers are begun in it, and `presence` tells others whether it still is there.
    Every method raises `StoreUnavailable` when the database does not answer, with what to do about it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.collections = Collections(database)
        self.documents = Documents(database)
        self.chunks = Chunks(database)
        self.jobs = Jobs(database)
        self.conversations = Conversations(database)
        self.presence = Presence(database)
        self.name = codec.new_id()
        self.answers = Answers(database, self.presence, self.name)
        self.traces = Traces(database)
        self.feedback = Feedbacks(database)
        self.learning = Learning(database)
        self.figures = FigureBook(database)
        self.deployments = Deployments(database)
        self.seen = SeenAnswers(database)
        self.generations = Generations(database)
        self.corpus = Corpus(database)
        self.idempotency = Idempotency(database)
        self.threads = AgentThreads(database)
        self.runs = AgentRuns(database)
        self.run_work = RunWork(database)
        self.run_steps = RunSteps(database)
        self.step_prompts = StepPrompts(database)
        self.approvals = Approvals(database)
        self.effects = Effects(database)

    @classmethod
    async def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Store:
        """Connects and migrates to the newest schema. `url` is `sqlite:///PATH` or `postgresql://USER@HOST/NAME`.

        `busy_seconds` is how long a writer waits for another process's to finish. Raises `StoreUnavailable`, and
        `ConfigurationError` for a database that a newer Footnote wrote.
        """
        database = Database(url, busy_seconds=busy_seconds)
        try:
            await database.prepare()
            await upgrade(database)
        except BaseException:
            await database.close()
            raise
        return cls(database)

    async def close(self) -> None:
        """Lets go of every connection."""
        await self._database.close()

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def stats(self) -> Stats:
        """Figures for the metrics."""
        return await stats.collect(self._database)

    async def ping(self) -> None:
        """Returns when the database answers."""
        async with self._database.read() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def describe(self) -> str:
        """What the database is: PostgreSQL's version and address, or SQLite's file."""
        return await self._database.describe()

    async def backup_to(self, path: Path) -> None:
        """Writes a consistent copy of the database to a new file while others go on reading and writing.

        Raises `ConfigurationError` on PostgreSQL, which has its own tools, and `StoreUnavailable`.
        """
        source = self._database.path
        if source is None:
            raise ConfigurationError("Only the embedded database is backed up from here; use pg_dump for PostgreSQL.")
        await backup_sqlite(source, path)
