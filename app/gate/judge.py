"""The judge that the settings name, as long as a run of the gate asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from core.errors import InvalidInput
from finetune.gate.settings import GateJudgeSettings
from serving.settings import EndpointSettings

if TYPE_CHECKING:
    from finetune.gate.ports import Judge
    from finetune.gate.rules import GateRules

_AT_ONCE = 256
"""Requests at a time; the rules' `at_once` decides, and is no larger."""


def require_judge(settings: GateJudgeSettings, rules: GateRules) -> None:
    """Raises `InvalidInput` for rules that ask a judge where the settings name none."""
    if rules.judge.enabled and not settings.model:
        raise InvalidInput(
            "The rules ask a judge, and none is set. Set FOOTNOTE_FINETUNE__GATE__JUDGE__BASE_URL and "
            "FOOTNOTE_FINETUNE__GATE__JUDGE__MODEL, or leave `judge.enabled` out."
        )


@asynccontextmanager
async def open_judge(settings: GateJudgeSettings, rules: GateRules) -> AsyncIterator[Judge | None]:
    """The judge that rules ask for, None where they ask none. Raises `GeneratorUnavailable` where its server does not
    answer or does not list it: a judge that cannot speak would look like one that is unsure."""
    if not rules.judge.enabled:
        yield None
        return
    from finetune.gate.judge_generator import GeneratorJudge
    from serving.openai_compatible import OpenAICompatibleGenerator

    model = OpenAICompatibleGenerator(_endpoint(settings))
    try:
        await model.check()
        yield GeneratorJudge(
            model, settings.model, seconds=settings.seconds, reason_chars=settings.reason_chars, window=model
        )
    finally:
        await model.close()


def _endpoint(settings: GateJudgeSettings) -> EndpointSettings:
    return EndpointSettings(
        base_url=settings.base_url,
        api_key=settings.api_key,
        model=settings.model,
        flavour=settings.flavour,
        window=settings.window,
        string_lengths=settings.string_lengths,
        extra=settings.extra,
        first_token_seconds=settings.seconds,
        concurrency=_AT_ONCE,
    )


__all__ = ["open_judge", "require_judge"]
