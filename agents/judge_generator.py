"""The model that writes judges too: one call for all claims, held to a reason and a verdict on each.

What it may say is bounded by the schema and what it reads is fenced as data, so that a source which asks for a verdict
can at worst sway one of three words. It is the base model that judges, whichever adapter wrote.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.asker import Asker
from agents.judging import Claim, Judgement, Opinion
from agents.prompting import judge_messages
from agents.schema import Verdict, judge_schema, read_verdicts
from agents.settings import JudgeSettings
from core.ports import Generator, PromptWindow
from core.types import GenerationRequest, Message, Method

SUPPORT: dict[Verdict, float] = {"supported": 1.0, "partly": 0.5, "unsupported": 0.0}
"""Only what is supported in whole counts as supported."""
_FRAME_TOKENS = 40
"""Tokens around one reason: its number, the names of the fields, the verdict."""


class GeneratorJudge:
    """The `Judge` port on a `Generator`. Without a `window` all claims are put into one prompt, however many."""

    method: Method = "generator"

    def __init__(self, generator: Generator, settings: JudgeSettings, window: PromptWindow | None = None) -> None:
        self._generator = generator
        self._settings = settings
        self._window = window

    async def judge(self, claims: Sequence[Claim], asker: Asker) -> Judgement:
        """See `Judge.judge`. What does not fit the model's window at once is judged in halves, one after the other."""
        messages = judge_messages([(claim.text, claim.sources) for claim in claims])
        if len(claims) > 1 and not await self._fits(messages, len(claims)):
            middle = len(claims) // 2
            first, second = await self.judge(claims[:middle], asker), await self.judge(claims[middle:], asker)
            return Judgement(opinions=first.opinions + second.opinions, usage=first.usage + second.usage)
        generation = await self._generator.complete(self._request(messages, len(claims), asker))
        verdicts = read_verdicts(generation.text, len(claims), self._settings.reason_chars)
        opinions = tuple(
            Opinion(support=SUPPORT[verdict], supported=verdict == "supported", reason=reason or None)
            for verdict, reason in verdicts
        )
        return Judgement(opinions=opinions, usage=generation.usage)

    async def _fits(self, messages: Sequence[Message], claims: int) -> bool:
        if self._window is None:
            return True
        return await self._window.count(messages) <= await self._window.room(self._tokens(claims))

    def _tokens(self, claims: int) -> int:
        return claims * (self._settings.reason_chars + _FRAME_TOKENS)

    def _request(self, messages: tuple[Message, ...], claims: int, asker: Asker) -> GenerationRequest:
        return GenerationRequest(
            task="judge",
            messages=messages,
            schema=judge_schema(claims, self._settings.reason_chars),
            question="",
            caller=asker.caller,
            scope=asker.scope,
            max_tokens=self._tokens(claims),
            timeout=self._settings.seconds,
        )


__all__ = ["GeneratorJudge"]
