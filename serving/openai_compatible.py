"""A language model behind any server that speaks OpenAI's protocol: vLLM, Ollama, SGLang, TGI, hosted APIs."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from core.errors import GeneratorRefused, GeneratorUnavailable
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo, Message
from serving.endpoint import Endpoint, Forbidden
from serving.settings import EndpointSettings
from serving.texts import as_dicts
from serving.told import Told, chunk

log = logging.getLogger("footnote.generator")

DEFAULT_WINDOW = 8_192
"""Tokens read and written at a time where neither the settings nor the server say."""
_BYTES_A_TOKEN = 3
"""Fewer than a byte-level tokenizer usually takes together."""
_FRAME = 32
"""Tokens allowed for what a chat template puts around one message."""
_SHORT = 5.0
"""Seconds for a call that a server answers at once."""


class OpenAICompatibleGenerator:
    """Chat completions under a JSON schema. What `adapter` names is asked for as a model of its own; the model's own
    name is the base, whichever adapter answers by default."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._endpoint = Endpoint(settings)
        self._fingerprint: str | None = None
        self._window: int | None = settings.window
        self._tells = True
        """Whether it tells logarithms of probabilities, as far as is known."""

    @property
    def info(self) -> GeneratorInfo:
        """The model's name; the fingerprint has what the server last told of itself."""
        return self._info(self._adapter(None), self._fingerprint)

    async def complete(self, request: GenerationRequest) -> Generation:
        """The whole output. Raises `GeneratorUnavailable`, `GenerationInvalid` or `DeadlineExceeded`."""
        async with aclosing(self.stream(request)) as pieces:
            async for piece in pieces:
                if piece.final is not None:
                    return piece.final
        raise AssertionError("a stream ends in its final piece or raises")

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """The output as it is written. Closing the iterator stops the engine. Raises as `complete` does."""
        told = Told()
        async with aclosing(self._events(request)) as events:
            async for data in events:
                for piece in told.take(chunk(data)):
                    yield Delta(text=piece)
        self._fingerprint = told.fingerprint or self._fingerprint
        yield Delta(
            text="",
            final=Generation(
                text=told.whole(request.max_tokens),
                generator=self._info(self._adapter(request.adapter), told.fingerprint),
                usage=told.certainty.into(told.usage),
            ),
        )

    async def check(self) -> None:
        """Asks for the list of models. Raises `GeneratorUnavailable` where the model, or the adapter that answers by
        default, is not on it."""
        names = [str(each.get("id")) for each in await self._models()]
        listed = ", ".join(sorted(names)[:10]) or "none"
        if self._settings.model not in names:
            raise GeneratorUnavailable(
                f"The model's server does not list {self._settings.model!r}; it has {listed}. "
                "Set FOOTNOTE_SERVING__ENDPOINT__MODEL to one of them."
            )
        if (adapter := self._adapter(None)) is not None and adapter not in names:
            raise GeneratorUnavailable(
                f"The model's server does not list the adapter {adapter!r}; it has {listed}. Load it, or set "
                "FOOTNOTE_SERVING__ENDPOINT__ADAPTER to one of them."
            )

    async def close(self) -> None:
        """Closes its connections."""
        await self._endpoint.close()

    # ---- the prompt's size: the port PromptWindow --------------------------------------------------------------

    async def room(self, max_tokens: int) -> int:
        """The tokens a prompt may have. What vLLM says of its window is asked once."""
        if self._window is None and self._settings.flavour == "vllm":
            try:
                mine = [each for each in await self._models() if each.get("id") == self._settings.model]
                self._window = int(mine[0]["max_model_len"]) if mine else None
            except (GeneratorUnavailable, KeyError, TypeError, ValueError):
                self._window = None  # asked again by the next question
        return (self._window or DEFAULT_WINDOW) - max_tokens

    async def count(self, messages: Sequence[Message]) -> int:
        """The engine's own count; where it has none, as many as there are bytes, which no byte-level tokenizer
        exceeds. While it does not answer, what is usual: an outage must not look like a question that is too long."""
        most = _FRAME + sum(len(each.content.encode("utf-8", "replace")) + _FRAME for each in messages)
        if self._settings.flavour == "vllm":
            body = {"model": self._settings.model, "messages": as_dicts(messages)}
            try:
                return int((await self._endpoint.ask("POST", "//tokenize", body, _SHORT))["count"])
            except (GeneratorRefused, KeyError, TypeError, ValueError):
                pass
            except GeneratorUnavailable:
                return most // _BYTES_A_TOKEN
        return most

    # ---- parts -------------------------------------------------------------------------------------------------

    async def _events(self, request: GenerationRequest) -> AsyncGenerator[str]:
        """The events of a request. What refuses it with logarithms of probabilities is asked without; where it answers
        then, it is never asked for them again."""
        asked = request if self._tells else replace(request, alternatives=0)
        deadline = time.monotonic() + request.timeout
        try:
            async with aclosing(self._posted(asked, request.timeout)) as events:
                async for data in events:
                    yield data
            return
        except (GeneratorRefused, Forbidden):  # before anything came
            if not asked.alternatives:
                raise
        plain = replace(asked, alternatives=0)
        async with aclosing(self._posted(plain, max(deadline - time.monotonic(), 0.001))) as events:
            async for data in events:
                self._tells_none()
                yield data

    def _posted(self, request: GenerationRequest, seconds: float) -> AsyncGenerator[str]:
        return self._endpoint.events("/chat/completions", self._body(request), seconds)

    def _tells_none(self) -> None:
        if self._tells:
            self._tells = False
            log.warning(
                "the model's server refuses `logprobs`: how sure the model is of its answers cannot be watched. Set "
                "FOOTNOTE_FINETUNE__WATCH__ENTROPY_SHARE to 0 to ask for them no more"
            )

    async def _models(self) -> list[Any]:
        listing = await self._endpoint.ask("GET", "/models", None, _SHORT)
        found = listing.get("data") if isinstance(listing, dict) else None
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    def _adapter(self, asked: str | None) -> str | None:
        """The adapter that answers where this one is asked for; None is the base."""
        name = asked or self._settings.adapter
        return None if name == self._settings.model else name

    def _info(self, adapter: str | None, fingerprint: str | None) -> GeneratorInfo:
        model = self._settings.model
        return GeneratorInfo(
            name=model, fingerprint=f"{model}:{fingerprint}" if fingerprint else model, adapter=adapter
        )

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        schema = dict(request.schema) if self._settings.string_lengths else _without_lengths(request.schema)
        body: dict[str, Any] = {
            "model": self._adapter(request.adapter) or self._settings.model,
            "messages": as_dicts(request.messages),
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": request.task, "strict": True, "schema": schema},
            },
            self._settings.max_tokens_field: request.max_tokens,
            "temperature": request.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.alternatives:
            body |= {"logprobs": True, "top_logprobs": request.alternatives}
        if self._settings.flavour == "vllm" and request.scope:
            body["cache_salt"] = hashlib.sha256(request.scope.encode("utf-8", "replace")).hexdigest()
        return body | self._settings.extra


def _without_lengths(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        kept = {key: _without_lengths(value) for key, value in schema.items()}
        if kept.get("type") == "string":
            kept = {key: value for key, value in kept.items() if key not in ("minLength", "maxLength")}
        return kept
    if isinstance(schema, list):
        return [_without_lengths(each) for each in schema]
    return schema
