"""Makes a follow-up stand alone, with the generator's help."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from agents.asker import Asker
from agents.packing import surely_fits
from agents.prompting import condense_messages
from agents.schema import condense_schema, read_question
from agents.settings import AgentSettings
from core.errors import GenerationInvalid, Unavailable
from core.ports import Generator, PromptWindow
from core.types import GenerationRequest, Message

CONDENSE_TOKENS = 256

_PLEASANTRIES = frozenset(
    {
        *("hello", "hi", "hey", "hello there", "hi there", "good morning", "good afternoon", "good evening"),
        *("thanks", "thank you", "many thanks", "thank you very much", "thanks a lot", "bye", "goodbye"),
        *("hallo", "guten morgen", "guten tag", "guten abend", "moin", "servus", "grüß gott", "tschüss"),
        *("danke", "danke schön", "dankeschön", "vielen dank", "auf wiedersehen"),
        *("bonjour", "merci", "hola", "gracias", "ciao", "grazie", "你好", "谢谢", "مرحبا", "شكرا"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Condensed:
    """The stand-alone question, and what went worse than configured on the way."""

    question: str
    degraded: tuple[str, ...] = ()


def is_pleasantry(question: str) -> bool:
    """Is it nothing but a greeting or thanks? Only whole messages that can be nothing else."""
    return " ".join(re.sub(r"[^\w\s]|_", " ", question).lower().split()) in _PLEASANTRIES


def recent(history: Sequence[Message], turns: int) -> tuple[Message, ...]:
    """The last turns of a conversation: each a question with the answers that followed it."""
    starts = [i for i, message in enumerate(history) if message.role == "user"][-turns:] if turns else []
    return tuple(message for message in history[starts[0] :] if message.role != "system") if starts else ()


async def fitting(
    question: str, history: Sequence[Message], turns: int, window: PromptWindow | None
) -> tuple[Message, ...]:
    """As many of the last turns as a window has room for; none where the last one alone is too long."""
    if window is None:
        return recent(history, turns)
    room = await window.room(CONDENSE_TOKENS)
    while some := recent(history, turns):
        messages = condense_messages(question, some)
        if surely_fits(messages, room) or await window.count(messages) <= room:
            return some
        turns = sum(message.role == "user" for message in some) - 1
    return ()


async def condense(
    question: str,
    history: Sequence[Message],
    generator: Generator,
    asker: Asker,
    settings: AgentSettings,
    *,
    window: PromptWindow | None = None,
) -> Condensed:
    """The question as it would be asked without the conversation.

    A generator that fails here costs the rewriting, not the answer: the question is then searched as it was asked. The
    same holds of a conversation whose last turn alone does not fit the window; earlier ones are left out.
    """
    if not recent(history, settings.history_turns):
        return Condensed(question=question)
    turns = await fitting(question, history, settings.history_turns, window)
    if not turns:
        return Condensed(question=question, degraded=("condense",))
    request = GenerationRequest(
        task="condense",
        messages=condense_messages(question, turns),
        schema=condense_schema(settings.max_question_chars),
        question=question,
        history=turns,
        adapter=asker.adapter,
        caller=asker.caller,
        scope=asker.scope,
        max_tokens=CONDENSE_TOKENS,
        timeout=settings.condense_seconds,
    )
    try:
        async with asyncio.timeout(settings.condense_seconds):
            generation = await generator.complete(request)
        return Condensed(question=read_question(generation.text, settings.max_question_chars))
    except (GenerationInvalid, Unavailable, TimeoutError):
        return Condensed(question=question, degraded=("condense",))
