"""What can be configured about retrieval, one model a part."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

PACKAGED = "all-MiniLM-L6-v2"
"""The model that comes with the installation; it was trained on English."""


class Room(BaseModel):
    """Base of this room's settings: frozen, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class QdrantSettings(Room):
    """A Qdrant server or cluster. What shapes a collection holds from the next `footnote reindex` on."""

    url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+",
        description="Address of its REST interface, e.g. http://qdrant:6333.",
    )
    api_key: SecretStr | None = Field(default=None, description="Its API key, where it asks for one.")
    grpc: bool = Field(default=False, description="Speak gRPC instead of REST.")
    grpc_port: int = Field(default=6334, ge=1, le=65535, description="Port of its gRPC interface.")
    collection: str = Field(
        default="footnote",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Each build of the index is a collection COLLECTION-N; COLLECTION is an alias of the one that "
        "answers. Two installations on one Qdrant need two names.",
    )
    shard_number: int = Field(default=1, ge=1, description="Parts that a collection is cut into, over the nodes.")
    replication_factor: int = Field(default=1, ge=1, description="Copies of each part, on as many nodes.")
    write_consistency_factor: int = Field(
        default=1, ge=1, description="Copies that must have a write before it counts as done."
    )
    vectors_on_disk: bool = Field(default=False, description="Keep the vectors on disk and cache them in memory.")
    graph_on_disk: bool = Field(default=False, description="Keep the search graph on disk and cache it in memory.")
    payload_on_disk: bool = Field(default=True, description="Read what is not filtered by from disk.")
    quantization: Literal["none", "scalar"] = Field(
        default="none",
        description="scalar: search over 8-bit copies of the vectors in memory, a quarter of the size, and score the "
        "best again with the vectors themselves.",
    )
    oversampling: float = Field(
        default=2.0, ge=1, le=10, description="quantization: candidates scored again, for each one wanted."
    )
    write_batch: int = Field(default=256, ge=1, le=4096, description="Points sent in one request.")

    @model_validator(mode="after")
    def _enough_copies(self) -> Self:
        if self.write_consistency_factor > self.replication_factor:
            raise ValueError("write_consistency_factor cannot be more than replication_factor")
        return self


class IndexSettings(Room):
    """The index: which engine keeps it, its patience, and when the embedded one rebuilds its graph."""

    kind: Literal["edge", "qdrant"] = Field(
        default="edge",
        description="edge: the embedded engine in a process of its own; qdrant: a Qdrant server or cluster. Change it "
        "with `footnote reindex`.",
    )
    qdrant: QdrantSettings = QdrantSettings()
    search_threads: int = Field(default=2, ge=1, le=64, description="Threads of the engine's search pool.")
    write_batch: int = Field(
        default=64, ge=1, le=1024, description="Points written between two looks at waiting searches."
    )
    search_timeout: float = Field(default=10.0, gt=0, description="Seconds a search may take, restarts included.")
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

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.kind == "qdrant" and self.qdrant.url is None:
            raise ValueError("kind=qdrant needs the server's address: set FOOTNOTE_RETRIEVAL__INDEX__QDRANT__URL")
        return self

    def embedded(self) -> str:
        """What the embedded engine's processes need to know, as JSON: never a server's address or key."""
        return self.model_dump_json(exclude={"kind", "qdrant"})


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


class EmbedderSettings(Room):
    """The embedding model, how it is run and how it is prompted."""

    kind: Literal["openvino", "transformers"] = Field(
        default="openvino",
        description="openvino: a BERT-shaped model prepared by `python -m retrieval.prepare`, no torch at run time; "
        "transformers: any sentence-transformers model.",
    )
    model: str = Field(
        default=PACKAGED,
        min_length=1,
        description="all-MiniLM-L6-v2, which comes with the installation; or a folder; or, for transformers, any name "
        "on the model hub, e.g. BAAI/bge-m3.",
    )
    directory: Path | None = Field(
        default=None,
        description="openvino: where prepared models lie; empty means share/footnote in the Python environment.",
    )
    scripts: tuple[str, ...] | None = Field(
        default=None,
        description="Scripts the model was trained on, e.g. Latin; questions in others are searched by their words. "
        "[] means all. Unset: Latin for all-MiniLM-L6-v2, all for any other model.",
    )
    revision: str | None = Field(default=None, description="transformers: the commit of a model named by its hub name.")
    device: str = Field(default="cpu", description="transformers: the torch device, e.g. cuda.")
    threads: int = Field(
        default=0, ge=0, le=256, description="Batches of passages embedded at once, one a core; 0 means every core."
    )
    precision: Literal["auto", "float32", "bfloat16", "eight_bit"] = Field(
        default="auto",
        description="openvino: auto takes bfloat16 where the processor multiplies it natively (AMX), 8-bit weights "
        "where it has VNNI, else float32. Vectors of one text differ by a cosine under 0.001 between them.",
    )
    batch_tokens: int = Field(
        default=2048,
        ge=1,
        description="openvino: padded tokens of one batch of passages; small ones stay in the cache.",
    )
    batch: int = Field(default=8, ge=1, le=1024, description="transformers: passages in a batch.")
    max_tokens: int | None = Field(
        default=None, ge=8, description="Tokens read of one text if fewer than the model's own limit."
    )
    query_prompt: str | None = Field(
        default=None,
        description="transformers: name of the prompt for questions; empty follows the model's own config.",
    )
    passage_prompt: str | None = Field(
        default=None, description="transformers: name of the prompt for passages; empty follows the model's own config."
    )
    query_prefix: str | None = Field(
        default=None, description="transformers: text put before questions, for models that do not configure it."
    )
    passage_prefix: str | None = Field(
        default=None, description="transformers: text put before passages, for models that do not configure it."
    )

    @property
    def read_scripts(self) -> tuple[str, ...]:
        """The scripts in force; empty means all."""
        if self.scripts is not None:
            return self.scripts
        return ("Latin",) if self.model == PACKAGED else ()


class RerankerSettings(Room):
    """What puts the best candidates in a better order."""

    kind: Literal["none", "maxsim", "cross_encoder"] = Field(
        default="none",
        description="none: the engine's fusion decides; maxsim: late interaction on the embedder's token vectors; "
        "cross_encoder: any sentence-transformers CrossEncoder.",
    )
    model: str | None = Field(
        default=None, description="cross_encoder: name or path of the model, e.g. BAAI/bge-reranker-v2-m3."
    )
    revision: str | None = Field(
        default=None, description="cross_encoder: the commit of a model named by its hub name."
    )
    device: str = Field(default="cpu", description="cross_encoder: the torch device, e.g. cuda.")
    batch: int = Field(default=16, ge=1, le=1024, description="cross_encoder: pairs in a batch.")
    max_tokens: int | None = Field(
        default=None, ge=16, description="cross_encoder: tokens read of a pair if fewer than the model's own limit."
    )


class SearchSettings(Room):
    """From a question to hits: fusion, candidates, limits."""

    fusion: Literal["rrf", "dbsf"] = Field(
        default="rrf", description="rrf: weighted reciprocal ranks; dbsf: distribution-based score fusion."
    )
    rrf_k: int = Field(
        default=5,
        ge=1,
        description="RRF's constant; the engine's ranks begin at 0, so the textbook's 60 is 61. A leg adds "
        "1 / (k - 1 + (rank + 1) / weight).",
    )
    dense_weight: float = Field(default=2.0, ge=0, description="Weight of the dense leg in RRF.")
    lexical_weight: float = Field(default=1.0, ge=0, description="Weight of the lexical leg in RRF.")
    prefetch: int = Field(default=100, ge=50, le=5000, description="Candidates that each leg brings into fusion.")
    max_limit: int = Field(default=500, ge=1, le=5000, description="The most hits one search may ask for.")
    max_query_chars: int = Field(default=4000, ge=1, description="The longest question accepted, in characters.")
    max_query_tokens: int = Field(
        default=1000,
        ge=64,
        description="Tokens that a model reads of a question; a longer one is read at its beginning and its end, and "
        "said to be degraded.",
    )
    embed_deadline: float = Field(
        default=5.0, gt=0, description="Seconds after which a hybrid search goes on without the question's vector."
    )
    rerank_top: int = Field(
        default=20,
        ge=1,
        le=500,
        description="Candidates that are reranked; the others keep their order behind them. On a GPU 50 to 100 repay.",
    )
    rerank_weight: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="The reranker's share in the order, the fused score has the rest; both standardised. 1 suits a "
        "cross-encoder; maxsim was best at 0.35 and gained nothing alone.",
    )
    rerank_deadline: float = Field(
        default=1.5, gt=0, description="Seconds after which the fused order is kept and said to be degraded."
    )
    near_duplicate: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Share of common words from which overlapping chunks of one document count as one passage.",
    )
    query_cache: int = Field(default=512, ge=0, description="Vectors of recent questions kept in memory.")


class RetrievalSettings(Room):
    """Everything about retrieval."""

    index: IndexSettings = IndexSettings()
    lexical: LexicalSettings = LexicalSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    reranker: RerankerSettings = RerankerSettings()
    search: SearchSettings = SearchSettings()
