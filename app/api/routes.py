"""All routes, in the order of the OpenAPI document."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    adapters,
    answers,
    assistants,
    changes,
    collections,
    content,
    conversations,
    datasets,
    deletions,
    documents,
    feedback,
    graph_server,
    health,
    jobs,
    lineage,
    mcp,
    not_offered,
    openai,
    registry,
    run_steps,
    search,
    session,
    stateless_runs,
    stats,
    thread_runs,
    threads,
    traces,
    training,
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
        assistants.router,
        threads.router,
        thread_runs.router,
        run_steps.router,
        stateless_runs.router,
        graph_server.router,
        not_offered.router,
        conversations.router,
        feedback.router,
        openai.router,
        mcp.router,
        adapters.router,
        datasets.router,
        lineage.router,
        training.router,
        registry.router,
        session.router,
        stats.router,
        health.router,
    )
