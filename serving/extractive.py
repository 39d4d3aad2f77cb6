"""The generator that needs no model: it answers in the documents' own sentences, and always cites them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from core.errors import DeadlineExceeded, EmbedderUnavailable, GeneratorUnavailable
from core.ports import Embedder
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo
from serving import extract as scoring
from serving.extract import NOTHING, Extract, extract, shortlist
from serving.extractive_steps import Reading, next_step
from serving.follow_up import Focus, focus, stand_alone
from serving.pieces import clean
from serving.sentences import Candidate, bounded, candidates
from serving.settings import ExtractiveSettings
from serving.vectors import SentenceVectors

ALGORITHM = "2"
"""Raised whenever the same sources could give another answer."""


class ExtractiveGenerator:
    """Says the one to four sentences of the sources that answer best, verbatim but for white space and hyphenation.

    It abstains when its confidence in the best one is below the threshold. Adapters mean nothing to it.
    """

    def __init__(self, embedder: Embedder, settings: ExtractiveSettings) -> None:
        self._embedder = embedder
        self._settings = settings
        self._vectors = SentenceVectors(embedder, settings.cache)

    @property
    def info(self) -> GeneratorInfo:
        """Its name, and a fingerprint of algorithm, weights, settings and embedder."""
        parts = (
            ALGORITHM,
            *(repr(value) for value in (scoring.RANKING, scoring.CONFIDENCE, scoring.CONFIDENCE_BIAS, scoring.MARGIN)),
            self._settings.model_dump_json(exclude={"cache"}),
            self._embedder.fingerprint,
        )
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        return GeneratorInfo(name="extractive", fingerprint=f"extractive-{ALGORITHM}-{digest}")

    async def complete(self, request: GenerationRequest) -> Generation:
        """The whole output. Raises `GeneratorUnavailable` or `DeadlineExceeded`."""
        return Generation(text="".join(await self._pieces(request)), generator=self.info)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """The output statement by statement; the last piece carries the whole. Raises as `complete` does."""
        pieces = await self._pieces(request)
        for piece in pieces[:-1]:
            yield Delta(text=piece)
        yield Delta(text=pieces[-1], final=Generation(text="".join(pieces), generator=self.info))

    async def check(self) -> None:
        """Nothing that it needs can be missing by itself."""

    async def close(self) -> None:
        """It holds nothing open; the embedder is somebody else's."""

    async def best(self, request: GenerationRequest) -> Extract:
        """The chosen sentences whatever the threshold says. Raises `GeneratorUnavailable` or `DeadlineExceeded`."""
        bounds = _Bounds.of(request.schema, self._settings)
        focused = focus(request.question, request.history)
        try:
            async with asyncio.timeout(request.timeout):
                found = await asyncio.to_thread(self._shortlist, request, bounds.chars, focused)
                if not found:
                    return NOTHING
                asked, rows = await asyncio.gather(
                    self._vectors.query(request.question),
                    self._vectors.passages([candidate.embedded for candidate in found]),
                )
        except TimeoutError:
            raise DeadlineExceeded("Reading the passages took too long. Ask again.") from None
        except EmbedderUnavailable as error:
            raise GeneratorUnavailable(error.message) from error
        return extract(request.question, found, rows, asked, bounds.statements, focused)

    def _shortlist(self, request: GenerationRequest, chars: int, focused: Focus | None) -> list[Candidate]:
        return shortlist(request.question, candidates(request.sources, chars), self._settings.candidates, focused)

    async def _pieces(self, request: GenerationRequest) -> list[str]:
        if request.task == "condense":
            longest = request.schema["properties"]["question"].get("maxLength", len(request.question))
            question = clean(stand_alone(request.question, request.history))
            return [_json({"question": bounded(question, longest)})]
        if request.task == "step":
            return [await next_step(request, self._read)]
        if request.task == "critique":
            return [_json({"accept": True, "reasons": []})]  # what its sources do not carry, it cannot have said
        return (await self._answer(request))[0]

    async def _read(self, request: GenerationRequest) -> Reading:
        pieces, answerable = await self._answer(request)
        return Reading(text="".join(pieces), answerable=answerable)

    async def _answer(self, request: GenerationRequest) -> tuple[list[str], bool]:
        """The pieces of an answer, and whether it answers anything."""
        answer = await self.best(request)
        if not answer.chosen or answer.confidence < self._settings.threshold:
            return [_json({"answerable": False, "statements": []})], False
        most = _Bounds.of(request.schema, self._settings).citations
        said = [_json({"text": each.text, "sources": list(each.sources[:most])}) for each in answer.chosen]
        return ['{"answerable": true, "statements": [', *(text + ", " for text in said[:-1]), said[-1], "]}"], True


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bounds:
    """What the request's schema and the settings both allow."""

    statements: int
    chars: int
    citations: int

    @classmethod
    def of(cls, schema: Any, settings: ExtractiveSettings) -> _Bounds:
        statements = schema["properties"]["statements"]
        statement = statements["items"]["properties"]
        return cls(
            statements=min(settings.statements, statements.get("maxItems", settings.statements)),
            chars=min(settings.statement_chars, statement["text"].get("maxLength", settings.statement_chars)),
            citations=statement["sources"].get("maxItems", 1_000),
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
