"""A generative guard model as a rail's ear: Llama Guard and its kind, by name or folder, on transformers.

Such a model is no sequence classifier: in the prompt of its own chat template it is asked about a text, and writes
`safe`, or `unsafe` and a line with the hazards' names (`S1,S14`). Nothing else counts as a verdict.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agents.prompting import plain
from agents.rails.pieces import pieces
from agents.rails.settings import ClassifierSettings
from core.errors import ConfigurationError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger("footnote.rails")

_VERDICT = re.compile(r"\s*(?:(safe)|unsafe(?:[ \t]*\n\s*([A-Za-z]\w{0,15}(?:[ \t]*,[ \t]*[A-Za-z]\w{0,15})*))?)\s*")
_NEW_TOKENS = 48
"""Tokens of a verdict, at most: the names of all hazards that Llama Guard knows are fewer."""
_PROBE = "harmless probe"


class GuardModel:
    """The `Classifier` port on `AutoModelForCausalLM`. Loading takes seconds and happens here.

    A text's score is the probability that the verdict's first word was not to be `safe`, in the model's own eyes, so
    a threshold can be calibrated on it; at 0.5 every `unsafe` counts. Where `labels` are set, a verdict that names
    others alone is 0.
    Raises `ConfigurationError` for a model that cannot be loaded or has no chat template that shows a text.
    """

    def __init__(self, settings: ClassifierSettings) -> None:
        self._settings = settings
        self._tokenizer, self._model = _load(settings)
        self._labels = {label.strip().upper() for label in settings.labels}
        self._parts = self._as_parts()

    def scores(self, texts: Sequence[str]) -> list[float]:
        """See `Classifier.scores`. A text longer than `max_tokens` counts as its worst part."""
        worst = [0.0] * len(texts)
        asked = [(at, piece) for at, text in enumerate(texts) for piece in self._pieces(text)]
        for start in range(0, len(asked), self._settings.batch):
            batch = asked[start : start + self._settings.batch]
            for (at, _), score in zip(batch, self._read([piece for _, piece in batch]), strict=True):
                worst[at] = max(worst[at], score)
        return worst

    def _as_parts(self) -> bool:
        """Whether the template wants a message's content as typed parts (Llama Guard 3 1B and 4) and not as a text."""
        for parts in (False, True):
            try:
                if _PROBE in self._prompt(_PROBE, parts=parts):
                    return parts
            except Exception:  # templates raise what they like
                log.debug("the chat template does not take this shape of content", exc_info=True)
        raise ConfigurationError(
            f"The chat template of {self._settings.model} does not show a text that it is asked about. Name a guard "
            "model with its own template, Llama Guard for example, or set kind=sequence for a classifier."
        )

    def _prompt(self, text: str, *, parts: bool) -> str:
        tokenizer: Any = self._tokenizer
        content = [{"type": "text", "text": text}] if parts else text
        asked = [{"role": "user", "content": content}]
        return str(tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True))

    def _pieces(self, text: str) -> list[str]:
        return pieces(
            self._tokenizer, plain(text.encode("utf-8", "replace").decode("utf-8")), self._settings.max_tokens
        )

    def _read(self, pieces: Sequence[str]) -> list[float]:
        import torch

        tokenizer: Any = self._tokenizer
        model: Any = self._model
        prompts = [self._prompt(piece, parts=self._parts) for piece in pieces]
        given = tokenizer(prompts, padding=True, add_special_tokens=False, return_tensors="pt")
        ids, mask = (given[name].to(self._settings.device) for name in ("input_ids", "attention_mask"))
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids,
                attention_mask=mask,
                do_sample=False,
                num_beams=1,
                max_new_tokens=_NEW_TOKENS,
                pad_token_id=tokenizer.pad_token_id,
                output_logits=True,
                return_dict_in_generate=True,
            )
        written = out.sequences[:, ids.shape[1] :].tolist()
        return [self._score(tokens, [step[at] for step in out.logits]) for at, tokens in enumerate(written)]

    def _score(self, tokens: Sequence[int], logits: Sequence[Any]) -> float:
        tokenizer: Any = self._tokenizer
        safe, named = verdict(tokenizer.decode(tokens, skip_special_tokens=True))
        if not safe and self._labels and named and not self._labels & named:
            return 0.0
        first = next(
            at for at in range(len(tokens)) if tokenizer.decode([tokens[at]], skip_special_tokens=True).strip()
        )
        sure = float(logits[first].float().softmax(dim=-1)[tokens[first]])
        if not math.isfinite(sure):
            raise ValueError("the guard model gave probabilities that are no numbers")
        return max(1 - sure, 0.0) if safe else min(max(sure, 0.5), 1.0)


def verdict(written: str) -> tuple[bool, frozenset[str]]:
    """Whether a guard model said safe, and the hazards that it named, in capitals. Raises `ValueError` for anything
    that is not a verdict to the letter: who cannot be understood has not said that a text is safe."""
    found = _VERDICT.fullmatch(written)
    if found is None:
        raise ValueError("the guard model wrote no verdict")
    named = found[2] or ""
    return found[1] is not None, frozenset(each.strip().upper() for each in named.split(",") if each.strip())


def _load(settings: ClassifierSettings) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    name = str(settings.model)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name, revision=settings.revision, padding_side="left")
        model: Any = AutoModelForCausalLM.from_pretrained(name, revision=settings.revision, dtype="auto")
        model = model.to(settings.device).eval()
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        raise ConfigurationError(
            f"The guard model {settings.model} cannot be loaded: {error}. Name the folder of a generative guard model, "
            "or one of the hub that this machine can reach; for a sequence classifier set kind=sequence."
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigurationError(f"The guard model {settings.model} has no fast tokenizer (tokenizer.json).")
    if not getattr(tokenizer, "chat_template", None):
        raise ConfigurationError(f"The guard model {settings.model} has no chat template to ask it with.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model
