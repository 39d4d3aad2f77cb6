"""The tables, as SQLAlchemy Core knows them. The migrations build them; a test holds the two equal.

Times are microseconds since 1970 in UTC (quick, sortable, the same in every database); structured values are JSON text.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

HEAD = "0012"
"""The revision of the newest migration; a test holds it equal to Alembic's head. `Store.open` compares with it."""


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime kept as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = String(36)
_NOT_DELETED = text("deleted_at IS NULL")

collections = Table(
    "collections",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("description", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    # What becomes of personal data: allow, mask or block.
    Column("personal", String(8), nullable=False, server_default="allow"),
)

documents = Table(
    "documents",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("collection", String(64), ForeignKey("collections.name"), nullable=False),
    Column("external_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    # No foreign key: it would close a circle with `versions`. Only publishing and deleting write it.
    Column("live_version_id", _ID),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("deleted_at", Moment),
    # Until then a deletion can be taken back and nothing is swept; none where it cannot, or no longer.
    Column("restorable_until", Moment),
    Index(
        "uq_documents_live",
        "collection",
        "external_id",
        unique=True,
        sqlite_where=_NOT_DELETED,
        postgresql_where=_NOT_DELETED,
    ),
    Index("ix_documents_newest", "created_at", "id"),
    Index("ix_documents_collection_newest", "collection", "created_at", "id"),
    Index("ix_documents_live_version", "live_version_id"),
)

document_groups = Table(
    "document_groups",
    metadata,
    Column("document_id", _ID, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(255), primary_key=True),
)

versions = Table(
    "versions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("document_id", _ID, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("explicit_title", Text),
    Column("title", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("pages", Integer),
    Column("language", String(16)),
    Column("warnings", Text, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("principal_id", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("published_at", Moment),
    # Its points and file are gone; the row stays as the document's history.
    Column("swept_at", Moment),
    Index("uq_versions_seq", "document_id", "seq", unique=True),
    Index("ix_versions_sha256", "sha256"),
    Index("ix_versions_status", "status"),
)

renditions = Table(
    "renditions",
    metadata,
    Column("version_id", _ID, ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("chunks", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
)
"""Which versions have their chunks in which generation of the index."""

chunks = Table(
    "chunks",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("document_id", _ID, nullable=False),
    Column("version_id", _ID, ForeignKey("versions.id", ondelete="CASCADE"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Index("uq_chunks_place", "version_id", "generation", "ordinal", unique=True),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("stage", String(64), nullable=False),
    Column("progress", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("detail", Text, nullable=False),
    # No foreign keys: a job outlives the document it removed.
    Column("document_id", _ID),
    Column("version_id", _ID),
    Column("principal_id", Text, nullable=False),
    Column("cancel_requested", Boolean, nullable=False, server_default=false()),
    Column("revision", Integer, nullable=False),
    Column("timings", Text, nullable=False, server_default="{}"),
    Column("not_before", Moment),
    # The deletion that asked this job to stop, and lets it go on when it is taken back.
    Column("stopped_by", _ID),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Index("ix_jobs_newest", "created_at", "id"),
    Index("ix_jobs_finished", "finished_at", "id"),
    Index("ix_jobs_status", "status"),
    Index("ix_jobs_document", "document_id"),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("principal_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("deleted_at", Moment),
    Index("ix_conversations_owner", "principal_id", "updated_at", "id"),
)

answers = Table(
    "answers",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("conversation_id", _ID, ForeignKey("conversations.id"), nullable=False),
    Column("principal_id", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("server", _ID),
    Column("status", String(16), nullable=False),
    Column("answerable", Boolean),
    Column("body", Text),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    # The answer in whose place this one was asked for; it may be gone.
    Column("regenerates", _ID),
    Index("ix_answers_conversation", "conversation_id", "created_at"),
    Index("ix_answers_finished", "finished_at"),
    Index("ix_answers_status", "status"),
)

answer_traces = Table(
    "answer_traces",
    metadata,
    Column("answer_id", _ID, ForeignKey("answers.id", ondelete="CASCADE"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("ix_answer_traces_created", "created_at"),
)
"""How answers came about: compressed JSON, read for one answer at a time and forgotten after some time."""

feedback = Table(
    "feedback",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("answer_id", _ID, ForeignKey("answers.id"), nullable=False),
    Column("principal_id", Text, nullable=False),
    Column("rating", String(8), nullable=False),
    Column("reason", Text),
    Column("comment", Text),
    Column("corrected", Text),
    Column("citations", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("uq_feedback_word", "answer_id", "principal_id", unique=True),
    Index("ix_feedback_newest", "created_at", "id"),
    Index("ix_feedback_updated", "updated_at"),
)

generations = Table(
    "generations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("fingerprint", Text, nullable=False),
    Column("embedder", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(
        "uq_generations_status",
        "status",
        unique=True,
        sqlite_where=text("status IN ('active', 'building')"),
        postgresql_where=text("status IN ('active', 'building')"),
    ),
    # Ids name folders and chunks: a number is never used again, not even after its row is gone.
    sqlite_autoincrement=True,
)

corpus = Table(
    "corpus",
    metadata,
    # No foreign key, and the row outlives its collection: it is written last, when no other row may be locked any more.
    Column("collection", String(64), primary_key=True),
    Column("version", _ID, nullable=False),
)
"""The version in which each collection stands; see `app.store.corpus`."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("principal_id", String(255), primary_key=True),
    Column("route", String(255), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("status", Integer),
    Column("headers", Text),
    Column("body", Text),
    Column("created_at", Moment, nullable=False),
    Index("ix_idempotency_created", "created_at"),
)

exclusions = Table(
    "exclusions",
    metadata,
    # What it is: document, person or answer. It need not be there any more.
    Column("kind", String(16), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("reason", Text),
    Column("principal_id", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)
"""What shall not be learnt from, and who said so."""

figures = Table(
    "figures",
    metadata,
    Column("resolution", Integer, primary_key=True, autoincrement=False),
    Column("start", Moment, primary_key=True),
    Column("body", Text, nullable=False),
)
"""What the server counted in the `resolution` seconds from `start` on; coarser ones are kept for longer."""
