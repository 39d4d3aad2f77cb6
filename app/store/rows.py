"""Rows into records: which columns a record is read from, and how it is put together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select

from app.store import codec
from app.store.records import (
    AnswerRecord,
    Conversation,
    IndexGeneration,
    JobRecord,
    Problem,
    VersionRecord,
)
from app.store.tables import documents, versions
from core.types import Document, Feedback

AnyRow = Row[Any]


def select_documents() -> Select[Any]:
    """Documents with their live version beside them, if they have one."""
    live = [versions.c[name].label(f"v_{name}") for name in _LIVE]
    return select(documents, *live).select_from(
        documents.outerjoin(versions, versions.c.id == documents.c.live_version_id)
    )


_LIVE = ("seq", "filename", "media_type", "size", "sha256", "pages", "chunks", "language", "warnings")


def document(row: AnyRow) -> Document:
    base = {
        "id": row.id,
        "collection": row.collection,
        "external_id": row.external_id,
        "title": row.title,
        "groups": codec.strings(row.groups),
        "metadata": codec.mapping(row.metadata),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
    if row.v_seq is None:
        return Document(**base)
    return Document(
        **base,
        version_id=row.live_version_id,
        version=row.v_seq,
        filename=row.v_filename,
        media_type=row.v_media_type,
        size=row.v_size,
        sha256=row.v_sha256,
        pages=row.v_pages,
        chunks=row.v_chunks,
        language=row.v_language,
        warnings=codec.strings(row.v_warnings),
    )


def select_versions() -> Select[Any]:
    """Versions with what their documents say of them."""
    return select(
        versions,
        documents.c.collection,
        documents.c.external_id,
        documents.c.live_version_id,
        documents.c.created_at.label("d_created_at"),
        documents.c.deleted_at.label("d_deleted_at"),
        documents.c.restorable_until.label("d_restorable_until"),
    ).join_from(versions, documents, documents.c.id == versions.c.document_id)


def version(row: AnyRow) -> VersionRecord:
    return VersionRecord(
        id=row.id,
        document_id=row.document_id,
        collection=row.collection,
        external_id=row.external_id,
        seq=row.seq,
        status=row.status,
        sha256=row.sha256,
        size=row.size,
        filename=row.filename,
        media_type=row.media_type,
        pipeline=row.pipeline,
        explicit_title=row.explicit_title,
        title=row.title,
        groups=codec.strings(row.groups),
        metadata=codec.mapping(row.metadata),
        principal_id=row.principal_id,
        created_at=row.created_at,
        document_created_at=row.d_created_at,
        deleted=row.d_deleted_at is not None,
        live=row.live_version_id == row.id,
        pages=row.pages,
        language=row.language,
        warnings=codec.strings(row.warnings),
        chunks=row.chunks,
        published_at=row.published_at,
        swept=row.swept_at is not None,
    )


def _problem(row: AnyRow) -> Problem | None:
    return None if row.error_code is None else Problem(code=row.error_code, message=row.error_message or "")


def job(row: AnyRow) -> JobRecord:
    return JobRecord(
        id=row.id,
        kind=row.kind,
        status=row.status,
        stage=row.stage,
        progress=row.progress,
        attempts=row.attempts,
        principal_id=row.principal_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
        cancel_requested=row.cancel_requested,
        detail=row.detail,
        error=_problem(row),
        document_id=row.document_id,
        version_id=row.version_id,
        timings_ms=codec.timings(row.timings),
        finished_at=row.finished_at,
        not_before=row.not_before,
    )


def conversation(row: AnyRow) -> Conversation:
    return Conversation(
        id=row.id,
        principal_id=row.principal_id,
        title=row.title,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def answer(row: AnyRow) -> AnswerRecord:
    return AnswerRecord(
        id=row.id,
        conversation_id=row.conversation_id,
        principal_id=row.principal_id,
        question=row.question,
        status=row.status,
        created_at=row.created_at,
        finished_at=row.finished_at,
        answer=None if row.body is None else codec.load_answer(row.body),
        error=_problem(row),
    )


def feedback(row: AnyRow) -> Feedback:
    return Feedback(
        id=row.id,
        answer_id=row.answer_id,
        principal_id=row.principal_id,
        rating=row.rating,
        created_at=row.created_at,
        reason=row.reason,
        comment=row.comment,
        corrected=row.corrected,
        citations=codec.load_marks(row.citations),
    )


def generation(row: AnyRow) -> IndexGeneration:
    return IndexGeneration(
        id=row.id,
        fingerprint=row.fingerprint,
        embedder=row.embedder,
        size=row.size,
        pipeline=row.pipeline,
        folder=row.folder,
        status=row.status,
        created_at=row.created_at,
    )
