"""The shared vocabulary: one type for every arrow between the rooms.

All of them are frozen and keyword-only. Times are aware UTC datetimes, page numbers start at 1, boxes are in points
(1/72 inch) from the page's top left corner, character spans are half-open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

EVERYONE = "everyone"
"""The group that every principal is in and that a document without named groups belongs to."""

DEFAULT_COLLECTION = "default"

BlockKind = Literal["heading", "paragraph", "list_item", "table", "code"]
ChunkKind = Literal["text", "table"]
SearchMode = Literal["hybrid", "dense", "lexical"]
Scalar = str | int | float | bool


# ---- what a reader hands over -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A rectangle on a page, in points from the page's top left corner."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One paragraph, heading, list item, code block or table of a document, in reading order.

    `level` is a heading's depth, 1 the highest. `rows` are a table's cells, the header first when `header` is true;
    a table's `text` is its rows joined by newlines, its cells by " | ".
    """

    kind: BlockKind
    text: str
    page: int | None = None
    boxes: tuple[Box, ...] = ()
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()
    header: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedDocument:
    """A file after reading: its blocks, its own title if it has one, and what had to be left out, in plain words."""

    media_type: str
    blocks: tuple[Block, ...]
    title: str | None = None
    pages: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """A passage small enough to embed.

    `text` is what is shown; what is embedded and indexed is `embedded_text(title, chunk)` of `ingestion.chunk`.
    `span` counts characters in the document's text, its blocks joined by blank lines. `sentences` are the sentences'
    spans inside `text`. `page` is where the chunk begins. `tokens` counts the embedder's tokens of the embedded text.
    """

    ordinal: int
    text: str
    kind: ChunkKind = "text"
    page: int | None = None
    boxes: tuple[Box, ...] = ()
    span: tuple[int, int] = (0, 0)
    heading_path: tuple[str, ...] = ()
    language: str = "en"
    sentences: tuple[tuple[int, int], ...] = ()
    tokens: int = 0


# ---- what the knowledge base keeps --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who asks. `groups` always contains EVERYONE; an administrator reads every document."""

    id: str
    groups: frozenset[str] = frozenset({EVERYONE})
    admin: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document as its readers see it: the live version's figures beside what identifies it.

    `version_id` is None until a first version was published.
    """

    id: str
    collection: str
    external_id: str
    title: str
    groups: tuple[str, ...]
    metadata: Mapping[str, Scalar]
    created_at: datetime
    updated_at: datetime
    version_id: str | None = None
    version: int = 0
    filename: str = ""
    media_type: str = ""
    size: int = 0
    sha256: str = ""
    pages: int | None = None
    chunks: int = 0
    language: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredChunk:
    """A chunk of a live version together with what is said of its document."""

    id: str
    document_id: str
    version_id: str
    collection: str
    title: str
    chunk: Chunk


# ---- searching ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Vectors:
    """A matrix of float32 rows, row-major and little-endian: `len(self)` rows of `size` numbers each."""

    data: bytes
    size: int

    def __len__(self) -> int:
        return len(self.data) // (4 * self.size)

    def rows(self, part: slice) -> list[bytes]:
        """The rows of a slice, each as bytes."""
        step = 4 * self.size
        return [self.data[i * step : (i + 1) * step] for i in range(*part.indices(len(self)))]


@dataclass(frozen=True, kw_only=True, slots=True)
class SparseVector:
    """The non-zero dimensions of a lexical vector and their weights."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """What a search is narrowed to; empty means no narrowing.

    `metadata` maps a key to one value or to several of which any may match. `created_after` (inclusive) and
    `created_before` (exclusive) compare with the document's creation.
    """

    document_ids: tuple[str, ...] = ()
    metadata: Mapping[str, Scalar | tuple[Scalar, ...]] = field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchRequest:
    """A question to the index on behalf of a principal. `rerank=None` leaves reranking to the settings.

    With `trace` the result tells how it came about.
    """

    query: str
    principal: Principal
    collections: tuple[str, ...] = ()
    limit: int = 10
    mode: SearchMode = "hybrid"
    rerank: bool | None = None
    filters: Filters = field(default_factory=Filters)
    trace: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A passage found. `score` orders the list; `scores` holds each leg's: dense, lexical, fused, rerank."""

    chunk_id: str
    document_id: str
    version_id: str
    title: str
    text: str
    score: float
    scores: Mapping[str, float]
    page: int | None = None
    boxes: tuple[Box, ...] = ()
    heading_path: tuple[str, ...] = ()
    language: str = "en"
    kind: ChunkKind = "text"
    sentences: tuple[tuple[int, int], ...] = ()


Fate = Literal["kept", "duplicate", "moved", "spare"]
"""What became of a candidate: it went on; it would have shown a passage twice; its document is no longer where it was
searched for; or there were enough before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A passage that the index proposed and that the principal may read, with an `excerpt` of its text.

    `rank` is its place in the index's order, from 1; `ranks` its place by each leg's score among all that were
    proposed, without the legs that it does not match. `duplicate_of` is the chunk that was kept in its place.
    """

    chunk_id: str
    document_id: str
    title: str
    excerpt: str
    rank: int
    score: float
    scores: Mapping[str, float]
    ranks: Mapping[str, int]
    fate: Fate
    duplicate_of: str | None = None
    page: int | None = None
    heading_path: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A passage's place at the end of a search; `rerank` is the reranker's own score, None where it did not read it."""

    chunk_id: str
    score: float
    rerank: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchTrace:
    """How a search came about.

    `mode` is the one that was left of the one asked for. The index was asked `looks` times; at the last it proposed
    `proposed` passages, of which the store `refused` some: replaced, deleted or not the principal's to read; of those
    nothing else is told. `candidates` are the others in the index's order, `order` what was kept as it was at the end,
    the hits first. `reranked` says whether a reranker had a part in that.
    """

    query: str
    mode: SearchMode
    looks: int
    proposed: int
    refused: int
    candidates: tuple[Candidate, ...]
    order: tuple[Placed, ...]
    reranked: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """Hits in order, how long each stage took in milliseconds, and what was done worse than configured."""

    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    degraded: tuple[str, ...] = ()
    trace: SearchTrace | None = None


# ---- answering ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a conversation or of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What an answer may cite. `id` is unique within the answer: "1", "2", … in the order shown to the reader.

    It is a passage; or, where an agent answers, what one of its steps brought that was no passage: then `step` is that
    step's number and there is neither chunk nor document.
    """

    id: str
    chunk_id: str
    document_id: str
    version_id: str
    title: str
    text: str
    page: int | None = None
    boxes: tuple[Box, ...] = ()
    heading_path: tuple[str, ...] = ()
    language: str = "en"
    kind: ChunkKind = "text"
    sentences: tuple[tuple[int, int], ...] = ()
    score: float = 0.0
    step: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement of an answer with the ids of the sources it rests on.

    `support` in [0, 1] says how far its sources carry it; `supported` is false below the configured threshold.
    """

    text: str
    sources: tuple[str, ...]
    support: float = 0.0
    supported: bool = False


Method = Literal["verbatim", "similarity", "nli", "generator"]
"""What told a statement's support: it is the source's own words; likeness; a model of inference; the generator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How a statement came to its support. `similarity` is the support by likeness, which stands without a judge;
    `reason` a judge's own words."""

    support: float
    supported: bool
    method: Method
    similarity: float
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieval:
    """Whether documents were consulted, why or why not, and how many passages were offered to the generator."""

    used: bool
    reason: str
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratorInfo:
    """Who spoke: the generator's kind and name, its fingerprint, and the adapter if one was used."""

    name: str
    fingerprint: str
    adapter: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens read and written by a generator. Of `scored_tokens` of those written it told how sure it was: `entropy`
    and `surprisal` are their sums in nats."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    scored_tokens: int = 0
    entropy: float = 0.0
    surprisal: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            scored_tokens=self.scored_tokens + other.scored_tokens,
            entropy=self.entropy + other.entropy,
            surprisal=self.surprisal + other.surprisal,
        )

    @property
    def mean_entropy(self) -> float | None:
        """Nats a token; None where nothing was told of any."""
        return self.entropy / self.scored_tokens if self.scored_tokens else None

    @property
    def mean_surprisal(self) -> float | None:
        """Nats a token; None where nothing was told of any."""
        return self.surprisal / self.scored_tokens if self.scored_tokens else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reused:
    """The answer that was given again, and when it was written; it may have been somebody else's who may read the
    same."""

    answer_id: str
    written_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A finished answer. `question` is the stand-alone form that was searched for; `reused` is set where it was not
    written for this question but remembered."""

    id: str
    question: str
    statements: tuple[Statement, ...]
    sources: tuple[Source, ...]
    answerable: bool
    retrieval: Retrieval
    generator: GeneratorInfo
    timings_ms: Mapping[str, float]
    degraded: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    reused: Reused | None = None

    @property
    def text(self) -> str:
        """The statements as one paragraph, each followed by its citation marks, for example "… [1][3]"."""
        return " ".join(
            s.text + (" " + "".join(f"[{source}]" for source in s.sources) if s.sources else "")
            for s in self.statements
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerEvent:
    """A step on the way to an answer.

    `status` data: {"stage"}; `sources`: {"sources": tuple[Source, ...]}; `delta`: {"index", "text"} of a growing
    statement; `statement`: {"index", "statement": Statement}; `verdict`: the same, once a judge has spoken; `done`:
    {"answer": Answer, "trace": AnswerTrace}; `failed`, before the error that ends it is raised: {"trace": AnswerTrace}.
    """

    name: Literal["status", "sources", "delta", "statement", "verdict", "done", "failed"]
    data: Mapping[str, Any]


# ---- rails and agents ---------------------------------------------------------------------------------------------

Place = Literal["question", "passage", "tool_result", "arguments", "answer", "training"]
"""Where a text is on its way: what a person asks; a passage found; what a tool brought; what a tool is given; an
answer's statement; an example to learn from."""


PersonalPolicy = Literal["allow", "mask", "block"]
"""What is done with personal data in a collection's texts: nothing; masked wherever they go; they go nowhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a rail did to a text: never the text itself. `what` names the kind, for example EMAIL_ADDRESS."""

    rail: str
    place: Place
    action: Literal["marked", "masked", "blocked"]
    what: str
    count: int = 1


Permission = Literal["always", "ask", "deny"]
"""What a policy says of a call: it may be made; a person is asked first; it may not."""

StepStatus = Literal["running", "waiting", "done"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step of an agent: a thought, an action, what it brought, and what it took.

    `number` counts all steps of a run from 1, whichever agent takes them; `agent` is who takes it, below whom
    ("coordinator/researcher"), and `parent` the step that handed the work to it. `tool` is "answer" where the action is
    the agent's answer. `observation` is what the model is shown of the result and `rest` says where more of it is;
    `data` is the result for programs. `failure` says why a call did not do what it was asked. `sources` are the ids of
    what this step made citable. `permission` and `reasons` are the policy's word. A step is `waiting` while a person is
    asked, and `decision` what they said. `findings` are what rails did to what it said and brought.
    """

    number: int
    agent: str
    tool: str
    arguments: Mapping[str, Any]
    thought: str = ""
    status: StepStatus = "running"
    parent: int | None = None
    permission: Permission = "always"
    reasons: tuple[str, ...] = ()
    decision: str | None = None
    observation: str | None = None
    rest: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    failure: str | None = None
    untrusted: bool = False
    sources: tuple[str, ...] = ()
    generator: GeneratorInfo | None = None
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


GenerationTask = Literal["answer", "condense", "judge", "step", "critique", "augment"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """What a generator is asked to write.

    `messages` is the prompt; `schema` the JSON schema its output must satisfy. `question`, `history` and `sources` say
    as data what the prompt says as prose, for generators that do not read prose; `steps` are those that an agent took
    on this question so far, and `sources` what they made citable. `timeout` is in seconds. `caller` is
    whose turn it takes where requests wait for one another; requests of one `scope` may share what an engine remembers
    of prompts, because whoever sent them may read the same. `alternatives` is how many likely tokens it weighs at each
    place to tell how sure it was (`Usage.entropy`); 0, or a generator without a model, tells nothing.
    """

    task: GenerationTask
    messages: tuple[Message, ...]
    schema: Mapping[str, Any]
    question: str
    history: tuple[Message, ...] = ()
    sources: tuple[Source, ...] = ()
    steps: tuple[Step, ...] = ()
    adapter: str | None = None
    max_tokens: int = 1024
    temperature: float = 0.0
    timeout: float = 60.0
    caller: str = ""
    scope: str = ""
    alternatives: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """A generator's whole output: JSON text that satisfies the request's schema, and who wrote it."""

    text: str
    generator: GeneratorInfo
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delta:
    """A piece of a generator's output; the last piece carries the whole as `final`."""

    text: str
    final: Generation | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What a generator wrote, to the letter, and why it was not taken."""

    output: str
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerTrace:
    """How an answer came about, or as far as it came.

    `asked` is the question as it was put, `question` as it was searched for. `offered` are the chunks of the sources
    "1", "2", …; `messages` and `schema` what the generator was sent, empty where it was not asked. `verdicts` are the
    statements', in their order; traces of old have none. `timings_ms` are the answer's stages, `search_ms` those of the
    search. `findings` are what the rails did; where they mask, texts in a trace are masked.
    """

    asked: str
    question: str
    collections: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    search: SearchTrace | None = None
    offered: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    search_ms: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    reused: Reused | None = None
    findings: tuple[Finding, ...] = ()


# ---- feedback -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class CitationMark:
    """A person's word on one citation of an answer: was source `source` rightly cited?"""

    source: str
    correct: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """What a person said of an answer. `corrected` is the answer as it should have been."""

    id: str
    answer_id: str
    principal_id: str
    rating: Literal["up", "down"]
    created_at: datetime
    reason: str | None = None
    comment: str | None = None
    corrected: str | None = None
    citations: tuple[CitationMark, ...] = ()


# ---- learning -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedAnswer:
    """A finished answer as it was logged, and what people said of it.

    `asked` is the question as it was put; `answer.sources` are the sources as they were. `messages` and `schema` are
    what the generator was sent and `output` what it wrote, to the letter; all three are empty where none was asked.
    `regenerates` is the answer in whose place this one was asked for. `step` is what an agent's step did, where it is
    one ("answer", or a tool's name); its output holds the thought as well, and its sources are all that it could cite.
    """

    answer: Answer
    asked: str
    conversation_id: str
    principal_id: str
    created_at: datetime
    messages: tuple[Message, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)
    output: str = ""
    feedback: tuple[Feedback, ...] = ()
    regenerates: str | None = None
    step: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class DocumentVersion:
    """A version of a document."""

    document_id: str
    version_id: str


Maker = Literal[
    "correction", "regeneration", "thumb", "evidence", "marks", "replay", "import", "anchor", "rephrase", "seed",
    "adversarial",
]  # fmt: skip
"""How an example came about: from a person's correction, from a second answer they took, from a thumb; from evidence
that was not found, from marks on citations; out of a file of general instructions, of outside data, of anchors; by a
model that rephrased one, wrote one like it, or one that is hard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """Where an example comes from. `person` is whose word it rests on, `asker` who asked; `documents` are the versions
    whose text is in it. `first` is the answer that this one was first written as, where it was remembered. `origin` is
    a file's place ("handbook.jsonl:12") where it came from a file, `parents` are the ids of the examples that a model
    made it from. `masked` counts the personal data that was masked in it."""

    maker: Maker
    answer_id: str | None = None
    first: str | None = None
    feedback_id: str | None = None
    conversation_id: str | None = None
    person: str | None = None
    asker: str | None = None
    documents: tuple[DocumentVersion, ...] = ()
    generator: GeneratorInfo | None = None
    at: datetime | None = None
    origin: str | None = None
    parents: tuple[str, ...] = ()
    masked: int = 0


ExampleKind = Literal["sft", "preference", "kto", "prompt", "retrieval"]
Split = Literal["train", "validation", "test", "anchor"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One row to learn from. `id` is a digest of its kind and content.

    `prompt` is what a generator is sent. `completion` is the target of "sft", what is judged in "kto" (good or not:
    `label`) and the better one of a "preference", `rejected` being the other. A "prompt" has no completion: rewards
    judge what a policy writes by `schema` and `sources`. "retrieval" has `question`, `positives` and `negatives`, which
    are passages, and no prompt. `schema` is empty where the completion is free text.
    """

    id: str
    kind: ExampleKind
    lineage: Lineage
    question: str = ""
    prompt: tuple[Message, ...] = ()
    completion: str = ""
    rejected: str = ""
    label: bool | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    positives: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
