"""What goes into the store and comes out of it, where `core.types` has no word for it already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar

from core.types import Answer, AnswerTrace, PersonalPolicy, Principal, Scalar

T = TypeVar("T")

VersionStatus = Literal["pending", "live", "replaced", "failed", "cancelled", "deleted"]
JobKind = Literal["ingest", "update", "delete", "reindex"]
JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
AnswerStatus = Literal["running", "done", "failed"]
GenerationStatus = Literal["building", "active", "retired"]
PublishOutcome = Literal["live", "superseded", "deleted", "cancelled", "stale"]

UNFINISHED: frozenset[JobStatus] = frozenset({"queued", "running"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[T]):
    """A part of a listing; `next_cursor` asks for the following part and is None on the last one."""

    items: tuple[T, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """A named set of documents with what it holds: documents not deleted, and the chunks of their live versions."""

    name: str
    description: str
    created_at: datetime
    documents: int = 0
    chunks: int = 0
    personal: PersonalPolicy = "allow"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewUpload:
    """A file that was stored as a blob and asks to become a version.

    `title=None` leaves the title to the document itself. `groups` and `metadata` that are None keep what an existing
    document has (a new one belongs to EVERYONE); no groups at all means the same, so nobody widens access by omission.
    `pipeline` is the fingerprint of how it will be read and chunked.
    """

    collection: str
    external_id: str
    filename: str
    size: int
    sha256: str
    pipeline: str
    principal: Principal
    title: str | None = None
    groups: tuple[str, ...] | None = None
    metadata: Mapping[str, Scalar] | None = None
    media_type: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What shall be said of a document from now on; what is None stays as it is.

    `title` counts only with `retitle`, and None then leaves it to the document itself. `pipeline` is the fingerprint of
    how a version under another title will be read and chunked.
    """

    principal: Principal
    pipeline: str
    retitle: bool = False
    title: str | None = None
    groups: tuple[str, ...] | None = None
    metadata: Mapping[str, Scalar] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """What an upload became. `unchanged`: the live version has these bytes already; the job needs no new version."""

    document_id: str
    version_id: str
    job_id: str
    unchanged: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionRecord:
    """One version of a document, as the worker needs it.

    `explicit_title` is what the upload named; `title` what holds: until the file was parsed the explicit one or the
    file's name without its ending. `groups` and `metadata` are what the document gets when this version is published.
    `deleted` says that the document is gone, if only for now; `live` that this version is the one that answers.
    `swept` that nothing is left of it but this record.
    """

    id: str
    document_id: str
    collection: str
    external_id: str
    seq: int
    status: VersionStatus
    sha256: str
    size: int
    filename: str
    media_type: str
    pipeline: str
    explicit_title: str | None
    title: str
    groups: tuple[str, ...]
    metadata: Mapping[str, Scalar]
    principal_id: str
    created_at: datetime
    document_created_at: datetime
    deleted: bool
    live: bool
    pages: int | None = None
    language: str | None = None
    warnings: tuple[str, ...] = ()
    chunks: int = 0
    published_at: datetime | None = None
    swept: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionEntry:
    """A version as a document's readers see it, with the job that was to bring it about, if that is still known."""

    version: VersionRecord
    job: JobRecord | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """How a publication went.

    `live`: this version answers now, and `replaced_version_ids` are the document's older ones still to be swept from
    the index. `superseded`: a later upload is live already. `deleted`: the document is gone. `cancelled`: the version's
    job was cancelled or failed meanwhile. `stale`: another generation became active; embed and index again for it.
    """

    outcome: PublishOutcome
    replaced_version_ids: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        return self.outcome == "live"

    @property
    def superseded(self) -> bool:
        return self.outcome == "superseded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why a job or an answer failed: a code of the error tree and a sentence for a person."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRecord:
    """A piece of work and how far it got. `revision` grows with every change; `progress` is in [0, 1].

    `timings_ms` tells how long the stages of the present attempt took that are over, "queued" being the wait before the
    first. A stage that its worker's death broke off counts from when it was begun again. No worker begins it before
    `not_before`.
    """

    id: str
    kind: JobKind
    status: JobStatus
    stage: str
    progress: float
    attempts: int
    principal_id: str
    created_at: datetime
    updated_at: datetime
    revision: int
    cancel_requested: bool = False
    detail: str = ""
    error: Problem | None = None
    document_id: str | None = None
    version_id: str | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    finished_at: datetime | None = None
    not_before: datetime | None = None

    @property
    def finished(self) -> bool:
        return self.status not in UNFINISHED


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """A thread of questions of one principal."""

    id: str
    principal_id: str
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerRecord:
    """A question that was asked, and its answer once there is one.

    `withheld` are the ids of sources whose documents this reader may no longer see (deleted, or permission revoked);
    their text is blanked, and so are the statements that rest on them.
    """

    id: str
    conversation_id: str
    principal_id: str
    question: str
    status: AnswerStatus
    created_at: datetime
    finished_at: datetime | None = None
    answer: Answer | None = None
    error: Problem | None = None
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceRecord:
    """How an answer came about. `withheld` are the ids of chunks whose documents this reader may no longer see; what
    they say is blanked, and what was sent and written if they were among the sources."""

    trace: AnswerTrace
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationDetail:
    """A conversation with its answers, oldest first."""

    conversation: Conversation
    answers: tuple[AnswerRecord, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewGeneration:
    """A build of the index to be: its fingerprint, the embedder's name and dimension, the pipeline, its folder."""

    fingerprint: str
    embedder: str
    size: int
    pipeline: str
    folder: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexGeneration:
    """One build of the index. Exactly one is active. `folder` is where its shard lies, by default the id."""

    id: int
    fingerprint: str
    embedder: str
    size: int
    pipeline: str
    folder: str
    status: GenerationStatus
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredResponse:
    """The response that a repeated request gets again."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Answers (answered, abstained, failed) and feedback (up, down) by the second at which each step of time began."""

    answers: Mapping[str, Mapping[int, int]]
    feedback: Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stats:
    """Figures for the metrics. `answers` counts by (day as YYYY-MM-DD in UTC, answerable) over the last days."""

    documents: int
    live_documents: int
    chunks: int
    jobs: Mapping[JobStatus, int]
    answers: Mapping[tuple[str, bool], int]
    feedback: Mapping[str, int]
