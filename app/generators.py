"""The configured generator, with what stands before it: a queue and a circuit breaker, each the same port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.settings import Settings
from core.errors import ConfigurationError
from core.ports import Embedder, Generator, PromptWindow
from serving.queue import QueuedGenerator
from serving.settings import EndpointSettings, LocalSettings


@dataclass(frozen=True, kw_only=True)
class WritingParts:
    """A generator; how much it reads at a time, None for all; the queue before it, where there is one; and what begins
    to load it, for one that takes a while."""

    generator: Generator
    window: PromptWindow | None = None
    queue: QueuedGenerator | None = None
    begin: Callable[[], None] = lambda: None


def writing(settings: Settings, embed: Embedder) -> WritingParts:
    """The generator and what belongs to it. Raises `ConfigurationError` for one that lacks a setting."""
    if settings.serving.generator == "openai_compatible":
        return _scored(_endpoint(settings.serving.endpoint), settings)
    if settings.serving.generator == "local":
        return _scored(_local(settings.serving.local), settings)
    from retrieval.questions import ShortQuestions
    from serving.extractive import ExtractiveGenerator

    # It reads no more of a question than searching does, which says so.
    embed = ShortQuestions(embed, settings.retrieval.search.max_query_tokens)
    return WritingParts(generator=ExtractiveGenerator(embed, settings.serving.extractive))


def _endpoint(settings: EndpointSettings) -> WritingParts:
    from serving.breaker import GuardedGenerator
    from serving.openai_compatible import OpenAICompatibleGenerator

    if not settings.model:
        raise ConfigurationError(
            "FOOTNOTE_SERVING__GENERATOR is openai_compatible, but no model is named. Set "
            "FOOTNOTE_SERVING__ENDPOINT__MODEL to a name that the server lists under /v1/models."
        )
    model = OpenAICompatibleGenerator(settings)
    guarded = GuardedGenerator(model, failures=settings.breaker_failures, seconds=settings.breaker_seconds)
    queue = QueuedGenerator(guarded, concurrency=settings.concurrency, waiting=settings.queue)
    return WritingParts(generator=queue, window=model, queue=queue)


def _local(settings: LocalSettings) -> WritingParts:
    from serving.local import LocalGenerator

    model = LocalGenerator(settings)
    queue = QueuedGenerator(model, concurrency=1, waiting=settings.queue)
    return WritingParts(generator=queue, window=model, queue=queue, begin=model.begin)


def _scored(parts: WritingParts, settings: Settings) -> WritingParts:
    """Asks for the entropy of tokens, where the watch wants it of any."""
    watch = settings.finetune.watch
    if not watch.enabled or watch.entropy_share == 0:
        return parts
    from serving.scored import ScoredGenerator

    scored = ScoredGenerator(parts.generator, share=watch.entropy_share, alternatives=watch.entropy_alternatives)
    return replace(parts, generator=scored)
