"""What can be configured about writing answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Room(BaseModel):
    """Base of this room's settings: frozen, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ExtractiveSettings(Room):
    """Answering in the documents' own sentences."""

    threshold: float = Field(
        default=0.35,
        ge=0,
        le=1,
        description="Confidence in the best sentence below which no answer is given; set for the default embedder.",
    )
    statements: int = Field(default=4, ge=1, le=8, description="Sentences in one answer, at most.")
    candidates: int = Field(
        default=20, ge=4, le=512, description="Sentences compared by meaning, after a cheap choice by words and rank."
    )
    statement_chars: int = Field(default=1_000, ge=40, le=10_000, description="Longest sentence shown, in characters.")
    cache: int = Field(default=4_096, ge=0, description="Sentences whose vectors are kept in memory.")


class ServingSettings(Room):
    """The generator and its parts."""

    extractive: ExtractiveSettings = ExtractiveSettings()
