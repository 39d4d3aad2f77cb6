"""How documents are cut into chunks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

SENSIBLE_TOKENS = 512
"""Longer passages are too coarse to be cited, however much an embedder can read at once."""


class ChunkSettings(BaseModel):
    """Sizes and overlap of chunks. Changing one of them changes the pipeline's fingerprint and calls for a reindex."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_tokens: int | None = Field(
        default=None,
        ge=128,
        description="Most tokens of a chunk, its title and headings included, as the embedder counts them. Without a "
        f"value the embedder's limit, at most {SENSIBLE_TOKENS}; never more than that limit.",
    )
    overlap_min: float = Field(
        default=0.15, ge=0, lt=0.5, description="Least share of a chunk that the next one repeats, in whole sentences."
    )
    overlap_max: float = Field(default=0.25, ge=0, lt=0.5, description="Largest share that the next chunk repeats.")
    language: str = Field(
        default="en", pattern="^[a-z]{2}$", description="Language (ISO 639-1) of documents too short to tell."
    )

    @model_validator(mode="after")
    def _ordered(self) -> ChunkSettings:
        if self.overlap_min > self.overlap_max:
            raise ValueError("overlap_min is above overlap_max; give a smaller overlap_min")
        return self

    def limit(self, embedder_limit: int) -> int:
        """The most tokens of one embedded text for an embedder that reads `embedder_limit` of them."""
        return min(self.max_tokens or SENSIBLE_TOKENS, embedder_limit)
