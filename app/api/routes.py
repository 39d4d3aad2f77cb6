"""All routes, in the order of the OpenAPI document."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    adapters,
    answers,
    changes,
    collections,
    content,
    conversations,
    deletions,
    documents,
    feedback,
    health,
    jobs,
    openai,
    search,
    session,
    stats,
    traces,
    uploads,
    versions,
)


def routers() -> tuple[APIRouter, ...]:
    """The routers of every noun."""
    return (
        documents.router,
        changes.router,
        deletions.router,
        versions.router,
        uploads.router,
        content.router,
        jobs.router,
        collections.router,
        search.router,
        answers.router,
        traces.router,
        conversations.router,
        feedback.router,
        openai.router,
        adapters.router,
        session.router,
        stats.router,
        health.router,
    )
