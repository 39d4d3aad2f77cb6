"""What can be configured about retrieval, one model a part."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Room(BaseModel):
    """Base of this room's settings: frozen, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IndexSettings(Room):
    """The embedded index: its process, its patience and when it rebuilds its graph."""

    search_threads: int = Field(default=2, ge=1, le=64, description="Threads of the engine's search pool.")
    write_batch: int = Field(
        default=64, ge=1, le=1024, description="Points written between two looks at waiting searches."
    )
    search_timeout: float = Field(default=3.0, gt=0, description="Seconds a search may take, restarts included.")
    write_timeout: float = Field(
        default=10.0, gt=0, description="Seconds a write may stay without a sign of life, restarts included."
    )
    flush_points: int = Field(
        default=2048, ge=1, description="Points written before the engine's files are synced and its log is cut."
    )
    optimize_points: int = Field(
        default=5_000, ge=1, description="Unindexed or deleted points that start a rebuild once writing is quiet."
    )
    optimize_hard_points: int = Field(
        default=20_000, ge=1, description="Unindexed or deleted points that start a rebuild even while writing goes on."
    )
    optimize_quiet: float = Field(default=3.0, ge=0, description="Seconds without a write that count as quiet.")
    optimize_nice: int = Field(default=15, ge=0, le=19, description="Niceness of the process that rebuilds.")
    optimize_log_bytes: int = Field(
        default=512 * 2**20,
        gt=0,
        description="Bytes of writes remembered during a rebuild; beyond them it is given up and tried later.",
    )


class LexicalSettings(Room):
    """BM25: its constants and the languages a question may be written in."""

    k: float = Field(default=1.2, ge=0, description="BM25's k1: how soon repeated terms stop adding.")
    b: float = Field(default=0.75, ge=0, le=1, description="BM25's b: how much long passages are discounted.")
    avg_len: float = Field(
        default=130.0, gt=0, description="Mean passage length in terms after stop words: a constant of the chunk size."
    )
    languages: tuple[str, ...] = Field(
        default=("en", "de", "fr", "es"),
        description="ISO 639-1 codes of the languages questions in Latin script are read as; others go by script.",
    )


class RetrievalSettings(Room):
    """Everything about retrieval."""

    index: IndexSettings = IndexSettings()
    lexical: LexicalSettings = LexicalSettings()
