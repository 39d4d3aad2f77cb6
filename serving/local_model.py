"""A transformers model in this process: loaded, asked, and heard token by token. For one thread; it blocks.

https://huggingface.co/docs/transformers/main_classes/text_generation
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.errors import ConfigurationError, GenerationInvalid, GeneratorUnavailable
from core.types import GenerationRequest, Message, Usage
from serving.engine import HELD, PROBE
from serving.grammar import Grammar
from serving.likeliest import Likeliest
from serving.local_errors import Stopped, translated
from serving.local_files import digest_of, fetched
from serving.local_weights import load_weights
from serving.lora import Adapters
from serving.settings import LocalSettings
from serving.texts import Blanks, as_dicts, cut_off, without_system

log = logging.getLogger("footnote.generator")

DEFAULT_WINDOW = 8_192
"""Tokens read and written at a time where neither the settings nor the model say."""
_UTF8 = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, kw_only=True)
class Written:
    """A whole output, and the tokens it took."""

    text: str
    usage: Usage


class LocalModel:
    """A model with its tokenizer, its grammar and its adapters; loading them takes seconds to minutes.

    `stopped` is asked while it loads. Raises `ConfigurationError` for what cannot be loaded or does not keep to a JSON
    schema, `GeneratorUnavailable` where there is no memory for it.
    """

    def __init__(self, settings: LocalSettings, stopped: Callable[[], bool] = lambda: False) -> None:
        with translated():
            files = fetched(settings)
            assert files.folder is not None
            own = files.window or DEFAULT_WINDOW
            self.window = min(settings.window or own, own)
            weights = load_weights(settings, files.folder)
            self._model, self._tokenizer = weights.model, weights.tokenizer
            self._grammar = Grammar(self._model, self._tokenizer)
            self._adapters = Adapters(self._model, settings.adapters)
            self.digest = f"{digest_of(files.folder, stopped)}-{weights.kind}"
        self._ends, self._layers = weights.ends, weights.layers
        self._counting = threading.Lock()
        for name in (None, *sorted(settings.adapters)):
            self._probe(name, stopped)

    def count(self, messages: Sequence[Message]) -> int:
        """The tokens of a prompt, the model's own frame around it included. From any thread."""
        return len(self._tokens(messages))

    def write(
        self,
        request: GenerationRequest,
        adapter: str | None,
        tell: Callable[[str], None],
        stopped: Callable[[], bool],
    ) -> Written:
        """The output of one request; `tell` hears each piece, `stopped` is asked after each token.

        Raises `Stopped`, `GenerationInvalid` or `GeneratorUnavailable`.
        """
        with translated():
            prompt = self._tokens(request.messages)
            if len(prompt) + request.max_tokens > self.window:
                raise GeneratorUnavailable(
                    f"The prompt has {len(prompt):,} tokens; the model's window of {self.window:,} has no room for it "
                    f"and {request.max_tokens:,} more. Ask for less at once, or lower FOOTNOTE_AGENTS__MAX_TOKENS."
                )
            watched = Likeliest(request.alternatives) if request.alternatives else None
            heard = _Heard(ends=self._ends, bytes_of=self._grammar.written, tell=tell, stopped=stopped, watched=watched)
            with self._stopping_between_layers(heard):
                self._generate(request, adapter, prompt, heard)
        if heard.gone:
            log.info("an answer was given up after %d tokens: nobody waits for it", heard.count)
            raise Stopped
        if not heard.ended:
            raise cut_off(request.max_tokens)
        usage = Usage(prompt_tokens=len(prompt), completion_tokens=heard.count)
        return Written(text=heard.text, usage=watched.certainty.into(usage) if watched else usage)

    def _generate(self, request: GenerationRequest, adapter: str | None, prompt: list[int], heard: _Heard) -> None:
        import torch

        grammar = self._grammar.processor(request.schema)
        ids = torch.tensor([prompt], device=self._model.device)
        # Outlines' masks are compiled otherwise: half a minute at the first token, and again for other sizes.
        with self._adapters.using(adapter) as model, torch.compiler.set_stance("force_eager"), torch.inference_mode():
            model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=request.max_tokens,
                eos_token_id=list(self._ends),
                pad_token_id=self._ends[0],
                logits_processor=[*([heard.watched] if heard.watched else []), grammar],
                stopping_criteria=[lambda ids, *_, **__: torch.full((len(ids),), heard.done(), device=ids.device)],
                streamer=heard,
                **_sampling(request.temperature),
            )

    @contextlib.contextmanager
    def _stopping_between_layers(self, heard: _Heard) -> Iterator[None]:
        """Asks before each layer, too, since a long prompt is read at once and may take a CPU a minute."""

        def look(*_: Any) -> None:
            if heard.done():
                raise Stopped

        with contextlib.ExitStack() as stack, contextlib.suppress(Stopped):
            for layer in self._layers:
                stack.callback(layer.register_forward_pre_hook(look).remove)
            yield

    def _tokens(self, messages: Sequence[Message]) -> list[int]:
        from jinja2 import TemplateError

        with self._counting:  # tokenizers are not made for two threads at once
            try:
                return self._framed(as_dicts(messages))
            except TemplateError:  # some refuse the role "system", by a template that raises
                return self._framed(without_system(as_dicts(messages)))

    def _framed(self, messages: list[dict[str, str]]) -> list[int]:
        found: Any = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return list(found["input_ids"])

    def _probe(self, adapter: str | None, stopped: Callable[[], bool]) -> None:
        """Makes the base or an adapter write under a schema, which also loads what is loaded lazily."""
        messages = (
            Message(role="system", content="You tell stories."),
            Message(role="user", content="Tell a short story, in plain words."),
        )
        request = GenerationRequest(task="answer", messages=messages, schema=PROBE, question="", max_tokens=64)
        try:
            text = self.write(request, adapter, lambda piece: None, stopped).text
        except GenerationInvalid as error:
            text = error.message
        if text != HELD:
            raise ConfigurationError(
                f"The model{f' with the adapter {adapter}' if adapter else ''} is not held to a JSON schema: it wrote "
                f"{text[:80]!r}. Its tokenizer may not be one that Outlines reads; serve it with `footnote engine`."
            )


@dataclass(kw_only=True)
class _Heard:
    """What transformers calls a streamer: the prompt, then each token, in the order they are written."""

    ends: Sequence[int]
    bytes_of: Callable[[Sequence[int]], bytes]
    tell: Callable[[str], None]
    stopped: Callable[[], bool]
    text: str = ""
    count: int = 0
    ended: bool = False
    gone: bool = False
    watched: Likeliest | None = None
    _prompt: bool = True
    _blanks: Blanks = field(default_factory=Blanks)
    _decoder: codecs.IncrementalDecoder = field(default_factory=lambda: _UTF8("replace"))

    def put(self, value: Any) -> None:
        """Called by `generate`: first with the prompt."""
        if self._prompt:
            self._prompt = False
            return
        for token in value.reshape(-1).tolist():
            self.count += 1
            if self.watched is not None:
                self.watched.took(token)
            if token in self.ends:
                self.ended = True
            elif piece := self._decoder.decode(self.bytes_of([token])):
                self._blanks.watch(piece)
                self.text += piece
                self.tell(piece)

    def end(self) -> None:
        """Called by `generate` after the last token."""

    def done(self) -> bool:
        """Whether nobody waits for it any more."""
        self.gone = self.gone or (not self.ended and self.stopped())
        return self.gone


def _sampling(temperature: float) -> Mapping[str, Any]:
    """The model's whole distribution, without what its makers set for chats: a penalty for repetition would punish
    the words of the passages."""
    if temperature <= 0:
        return {"do_sample": False}
    return {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
