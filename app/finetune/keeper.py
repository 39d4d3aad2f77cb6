"""Keeps runs of training going: starts those that wait, takes up those whose process died, registers what came of them.

Training works in processes of its own, which outlive the server. All that is known of a run lies in its folder, so a
server that starts finds every run as it is: one that goes on, one that ended meanwhile and is still to be registered,
one that died with the machine. Of several servers on one folder one keeps its runs: it holds `.keeper`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, get_args

from app.finetune.audit import note
from core.errors import Conflict, DiskFull, FootnoteError, NotFound, Unavailable
from finetune.card import card_of, card_text, kind_of
from finetune.ports import Versions
from finetune.recipe import Recipe, parse_recipe
from finetune.run_folder import AT_WORK, RESUMABLE, RunFolder, State, Status
from finetune.runs import Runs

log = logging.getLogger("footnote.training")

ASKED, PUBLISHED, HELD, DIED = "asked.json", "published.json", "held", "died.json"
LOOK_EVERY = 1.0
"""Seconds between two looks at the runs."""
_DEATHS = 3
"""How often a run's process may die at one step before it is left alone."""
_AGAIN = 30.0
"""Seconds until what could not be registered is tried again."""


class TrainingKeeper:
    """The runs of one folder, kept going. What its methods do takes files and moments: call them in a thread."""

    def __init__(self, runs: Runs, registry: Versions, *, at_once: int = 1, waiting: int = 100) -> None:
        self.runs = runs
        self.registry = registry
        self.counts: Mapping[str, int] = {}
        self.on_published: Callable[[], None] = lambda: None
        self._at_once = at_once
        self._waiting = waiting
        self._hands = threading.RLock()
        self._mine: IO[str] | None = None
        self._seen: dict[str, State] = {}
        self._ended: list[tuple[str, str, float]] = []
        self._later: dict[str, float] = {}
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def keeps(self) -> bool:
        """Whether it is the one that keeps these runs."""
        return self._mine is not None

    # ---- what is asked of it ----------------------------------------------------------------------------------------

    def create(self, recipe: Recipe, name: str | None, who: str, *, start: bool = True) -> RunFolder:
        """A run that waits for its turn, or with `start=False` until it is resumed. Raises `Conflict` where there is
        one of this name or too many wait, `DiskFull`."""
        with self._hands, _room():
            self._has_place()
            self.runs.root.mkdir(parents=True, exist_ok=True)
            # Whole before it is seen: no look finds a run of which it is not known who asked, or that it is held back.
            making = Path(tempfile.mkdtemp(prefix=".making-", dir=self.runs.root))
            try:
                made = RunFolder.make(making / "run", recipe, self.runs.served, self.runs.support, self.runs.tools)
                made.put(ASKED, json.dumps({"by": who, "at": time.time()}))
                if not start:
                    (made.path / HELD).touch()
                folder = RunFolder(path=self.runs.root / (name or self._free(recipe.name)))
                if folder.path.exists():
                    raise Conflict(f"There is a run named {folder.path.name} already. Choose another name.")
                made.path.rename(folder.path)
            finally:
                shutil.rmtree(making, ignore_errors=True)
            self._note(who, "created", folder.path.name)
        self.nudge()
        return folder

    def cancel(self, name: str, who: str) -> None:
        """Ends a run at its next step, or takes it out of the queue; what it has learnt is kept to go on from. Raises
        `Conflict` where it has ended, `DiskFull`, `NotFound`."""
        with self._hands, _room():
            folder = self.runs.folder(name)
            state = folder.status().state
            if state in ("queued", "interrupted"):
                folder.change_status(state="cancelled", stage="", ended_at=time.time())
            elif state in AT_WORK:
                self.runs.cancel(name)
            else:
                raise Conflict(f"The run {name} has ended already: it is {state}.")
            self._note(who, "cancelled", name)

    def resume(self, name: str, who: str) -> None:
        """Puts a run back into the queue; it goes on from its last whole checkpoint. Raises `Conflict` where it is at
        work or done or too many wait, `DiskFull`, `NotFound`."""
        with self._hands, _room():
            folder = self.runs.folder(name)
            state = folder.status().state
            held = folder.path / HELD
            if state not in RESUMABLE and not (state == "queued" and held.exists()):
                raise Conflict(f"The run {name} cannot be resumed: it is {state}.")
            if state != "queued":
                self._has_place()
            for path in (held, folder.path / DIED, folder.cancel):
                path.unlink(missing_ok=True)
            folder.change_status(state="queued", stage="", error=None, ended_at=None)
            self._note(who, "resumed", name)
        self.nudge()

    def remove(self, name: str, who: str) -> None:
        """Forgets a run with its checkpoints; what was registered stays. Raises `Conflict` where it is at work,
        `NotFound`."""
        with self._hands:
            folder = self.runs.folder(name)
            if folder.status().state in AT_WORK:
                raise Conflict(f"The run {name} is at work. Cancel it first.")
            try:
                leaving = Path(tempfile.mkdtemp(prefix=".leaving-", dir=self.runs.root))
                folder.path.rename(leaving / "run")
            except OSError:  # no room for a folder: what makes room must work all the same
                (folder.path / "status.json").unlink(missing_ok=True)
                leaving = folder.path
            self._seen.pop(name, None)
            self._note(who, "deleted", name)
        shutil.rmtree(leaving, ignore_errors=True)

    # ---- what it does by itself -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to look; returns at once. For one event loop."""
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._keep(), name="keep training")

    def nudge(self) -> None:
        """Has it look at once. From any thread."""
        if self._wake is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake.set)

    async def close(self) -> None:
        """Stops looking; runs go on."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self._let_go)

    def take_ended(self) -> list[tuple[str, str, float]]:
        """Method, state and seconds of runs that ended since this was asked last."""
        ended, self._ended = self._ended, []
        return ended

    def look(self) -> None:
        """Looks at every run once, and does what is to be done."""
        if not self._holds():
            return
        counts = Counter[str](dict.fromkeys(get_args(State), 0))
        waiting: list[tuple[float, str]] = []
        for name in self.runs.names():
            try:
                folder = self.runs.folder(name)
                state = self._look_at(name, folder)
                counts[state] += 1
                if state == "queued" and not (folder.path / HELD).exists():
                    waiting.append((asked(folder)["at"], name))
            except (NotFound, FileNotFoundError):  # it was deleted meanwhile
                continue
            except (FootnoteError, OSError, ValueError) as error:
                log.warning("the run %s cannot be looked at: %s", name, error)
        self.counts = counts
        free = self._at_once - sum(counts[state] for state in AT_WORK)
        for _, name in sorted(waiting)[: max(0, free)]:
            self._begin(name)

    async def _keep(self) -> None:
        assert self._wake is not None
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                log.exception("runs of training cannot be kept")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY)
            self._wake.clear()

    def _look_at(self, name: str, folder: RunFolder) -> State:
        with self._hands:
            status = folder.status()
            if status.state == "interrupted":
                status = _taken_up(folder, status)
            self._notice(name, folder, status)
        if status.state == "done" and not (folder.path / PUBLISHED).exists():
            self._publish(name, folder)
        return status.state

    def _begin(self, name: str) -> None:
        with self._hands:
            try:
                folder = self.runs.folder(name)
                if folder.status().state == "queued":
                    self.runs.start(name)
                    log.info("the run %s begins", name)
            except FootnoteError as error:
                log.warning("the run %s cannot begin: %s", name, error)
            except OSError as error:
                log.warning("the run %s cannot begin: %s", name, error)
                with contextlib.suppress(OSError):
                    said = f"It could not begin: {error}. Mend that, and resume the run."
                    folder.change_status(state="failed", error=said, ended_at=time.time())

    def _publish(self, name: str, folder: RunFolder) -> None:
        """Registers what came of a run. The same files are one version, so that a second time, after a crash between
        the registry and the mark, changes nothing."""
        if time.monotonic() < self._later.get(name, 0.0):
            return
        try:
            recipe, card = resolved(folder), card_of(folder)
            version = self.registry.publish(recipe.name, kind_of(recipe), folder.model, card, card_text(card))
            note(self.runs.root.parent, asked(folder)["by"], "published", run=name, version=version.name)
            folder.put(PUBLISHED, json.dumps({"version": version.name}))
            self.on_published()
        except (OSError, Unavailable) as error:  # a disk that is full may have room later, a bucket answer
            if folder.path.exists():
                self._later[name] = time.monotonic() + _AGAIN
                log.warning("what the run %s made cannot be registered: %s", name, error)
        except FootnoteError as error:
            folder.put(PUBLISHED, json.dumps({"version": None, "error": error.message}))
            log.warning("what the run %s made cannot be registered: %s", name, error)

    def _notice(self, name: str, folder: RunFolder, status: Status) -> None:
        before, self._seen[name] = self._seen.get(name), status.state
        if before in ("queued", *AT_WORK) and status.state in ("done", "failed", "cancelled"):
            seconds = (status.ended_at or time.time()) - (status.started_at or time.time())
            self._ended.append((folder.recipe().method, status.state, max(0.0, seconds)))

    def _has_place(self) -> None:
        waiting = 0
        for name in self.runs.names():
            with contextlib.suppress(FootnoteError, OSError, ValueError):  # gone meanwhile, or torn by a power cut
                waiting += self.runs.folder(name).status().state == "queued"
        if waiting >= self._waiting:
            raise Conflict(
                f"{self._waiting} runs wait already. Cancel or delete one, wait until one begins, or raise "
                "FOOTNOTE_FINETUNE__RUNS__WAITING."
            )

    def _free(self, title: str) -> str:
        number = 1
        while (self.runs.root / f"{title}-{number}").exists():
            number += 1
        return f"{title}-{number}"

    def _note(self, who: str, what: str, name: str) -> None:
        """A row of the audit: who did what to which run."""
        note(self.runs.root.parent, who, what, run=name)

    def _holds(self) -> bool:
        """Whether this keeper is the one for the folder; nothing is made before there is a run."""
        if self._mine is not None:
            return True
        if not self.runs.root.is_dir():
            return False
        mine = (self.runs.root / ".keeper").open("a")
        try:
            fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            mine.close()
            return False
        self._mine = mine
        return True

    def _let_go(self) -> None:
        with self._hands:
            if self._mine is not None:
                self._mine.close()
                self._mine = None


@contextlib.contextmanager
def _room() -> Iterator[None]:
    """What cannot be written down is said."""
    try:
        yield
    except OSError as error:
        raise DiskFull(f"The run cannot be kept: {error.strerror}. Make room for it, and ask again.") from error


def asked(folder: RunFolder) -> dict[str, Any]:
    """Who asked for a run, and when (`by`, `at` in seconds since 1970)."""
    try:
        found: dict[str, Any] = json.loads((folder.path / ASKED).read_text("utf-8"))
    except FileNotFoundError:  # it was made by hand
        return {"by": "", "at": (folder.path / "recipe.yaml").stat().st_mtime}
    return found


def published(folder: RunFolder) -> dict[str, Any]:
    """What came of a run in the registry (`version`), or why nothing did (`error`); empty before that."""
    try:
        found: dict[str, Any] = json.loads((folder.path / PUBLISHED).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


def resolved(folder: RunFolder) -> Recipe:
    """The recipe with its defaults, once the run has begun."""
    with contextlib.suppress(FileNotFoundError):
        return parse_recipe((folder.path / "resolved.yaml").read_text("utf-8"))
    return folder.recipe()


def _taken_up(folder: RunFolder, status: Status) -> Status:
    """A run whose process is gone waits again, unless it was to end anyway or dies at the same step each time."""
    if folder.cancel.exists():
        return folder.change_status(state="cancelled", stage="", ended_at=time.time())
    try:
        said = json.loads((folder.path / DIED).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        said = {"step": -1, "times": 0}
    times = said["times"] + 1 if said["step"] == status.step else 1
    if times >= _DEATHS:
        words = f"Its process was killed {times} times at step {status.step}, for want of memory perhaps. See its log."
        return folder.change_status(state="failed", stage="", error=words, ended_at=time.time())
    folder.put(DIED, json.dumps({"step": status.step, "times": times}))
    return folder.change_status(state="queued", stage="", pid=None)


__all__ = ["TrainingKeeper", "asked", "published", "resolved"]
