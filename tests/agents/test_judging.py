"""A second opinion on statements: who is asked about what, what it changes, and what is said where it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from agents.answer import Answerer, AnswerRequest
from agents.asker import Asker
from agents.judging import Claim, Judgement, Opinion
from agents.settings import AgentSettings, JudgeSettings
from core.errors import DeadlineExceeded, GenerationInvalid, GeneratorBusy
from core.types import Answer, AnswerEvent, AnswerTrace, Hit, Principal, Usage

QUOTE = "Unused days expire in March."
REWORDED = "Per year, German employees receive 28 days of vacation, paid."
FOREIGN = "The canteen serves soup on Fridays."
Written = Callable[..., str]


class ScriptedJudge:
    """Has an opinion ready for each claim, fails, or falls silent."""

    method = "nli"

    def __init__(self, *opinions: Opinion, error: Exception | None = None, silent: bool = False) -> None:
        self.opinions = opinions
        self.error = error
        self.silent = silent
        self.asked: list[tuple[Claim, ...]] = []

    async def judge(self, claims: Sequence[Claim], asker: Asker) -> Judgement:
        self.asked.append(tuple(claims))
        if self.silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return Judgement(opinions=self.opinions, usage=Usage(prompt_tokens=100, completion_tokens=20))


@pytest.fixture
def events(
    searcher_of: Any, generator_of: Any, written: Written, word_embedder: Any, hits: list[Hit]
) -> Callable[..., Any]:
    async def ask(judge: Any, *statements: tuple[str, list[str]], seconds: float = 60) -> list[AnswerEvent]:
        settings = AgentSettings(judge=JudgeSettings(seconds=seconds))
        generator = generator_of([written(*statements)])
        answerer = Answerer(searcher_of(hits), generator, word_embedder, settings, judge=judge)
        request = AnswerRequest(id="a1", question="What of vacation?", principal=Principal(id="ana"))
        return [event async for event in answerer.run(request)]

    return ask


def ended(events: list[AnswerEvent]) -> tuple[Answer, AnswerTrace]:
    return events[-1].data["answer"], events[-1].data["trace"]


async def test_a_word_for_word_statement_is_nobodys_to_judge(events: Any) -> None:
    judge = ScriptedJudge(Opinion(support=0.9, supported=True))
    answer, trace = ended(await events(judge, (QUOTE, ["1"]), (REWORDED, ["1", "2"])))
    ((claim,),) = judge.asked
    assert (claim.text, [source.id for source in claim.sources]) == (REWORDED, ["1", "2"])
    assert [verdict.method for verdict in trace.verdicts] == ["verbatim", "nli"]
    assert answer.degraded == ()
    only = ScriptedJudge()
    answer, trace = ended(await events(only, (QUOTE, ["1"])))
    assert (only.asked, answer.statements[0].support) == ([], 1.0)


async def test_the_judges_word_replaces_that_of_likeness_in_answer_and_trace(events: Any) -> None:
    judge = ScriptedJudge(
        Opinion(support=0.1, supported=False, reason="It says 28."), Opinion(support=0.8, supported=True)
    )
    answer, trace = ended(await events(judge, (REWORDED, ["1"]), (FOREIGN, ["2"])))
    assert [(each.support, each.supported) for each in answer.statements] == [(0.1, False), (0.8, True)]
    assert [each.supported for each in trace.verdicts] == [False, True]
    assert [each.reason for each in trace.verdicts] == ["It says 28.", None]
    assert trace.verdicts[0].similarity > 0.4 > trace.verdicts[1].similarity
    assert answer.usage.prompt_tokens == 7 + 100
    assert trace.timings_ms["verify"] >= 0


async def test_statements_come_first_and_verdicts_follow(events: Any) -> None:
    judge = ScriptedJudge(Opinion(support=0.0, supported=False), Opinion(support=0.9, supported=True))
    found = await events(judge, (REWORDED, ["1"]), (FOREIGN, ["2"]))
    names = [event.name for event in found if event.name in ("statement", "verdict", "done")]
    assert names == ["statement", "statement", "verdict", "verdict", "done"]
    statements = [event.data["statement"] for event in found if event.name == "statement"]
    verdicts = [event.data["statement"] for event in found if event.name == "verdict"]
    assert [event.data["index"] for event in found if event.name == "verdict"] == [0, 1]
    assert [each.supported for each in statements] == [True, False]
    assert [each.text for each in verdicts] == [each.text for each in statements]
    assert tuple(verdicts) == ended(found)[0].statements


@pytest.mark.parametrize(
    ("judge", "says"),
    [
        (ScriptedJudge(error=GeneratorBusy("Too much to do.")), "judge_failed"),
        (ScriptedJudge(error=GenerationInvalid("Broken.")), "judge_failed"),
        (ScriptedJudge(error=RuntimeError("a bug")), "judge_failed"),
        (ScriptedJudge(Opinion(support=1, supported=True), Opinion(support=1, supported=True)), "judge_failed"),
        (ScriptedJudge(error=DeadlineExceeded("Too slow.")), "judge_timeout"),
    ],
)
async def test_a_judge_that_fails_leaves_likeness_and_it_is_said(events: Any, judge: Any, says: str) -> None:
    found = await events(judge, (REWORDED, ["1"]))
    answer, trace = ended(found)
    assert answer.degraded == trace.degraded == (says,)
    assert answer.statements[0].supported
    assert [verdict.method for verdict in trace.verdicts] == ["similarity"]
    assert not [event for event in found if event.name == "verdict"]


async def test_a_silent_judge_is_not_waited_for(events: Any) -> None:
    answer, trace = ended(await events(ScriptedJudge(silent=True), (REWORDED, ["1"]), seconds=0.01))
    assert answer.degraded == ("judge_timeout",)
    assert trace.verdicts[0].method == "similarity"


async def test_without_a_judge_likeness_decides(events: Any) -> None:
    found = await events(None, (QUOTE, ["1"]), (REWORDED, ["1"]))
    answer, trace = ended(found)
    assert [verdict.method for verdict in trace.verdicts] == ["verbatim", "similarity"]
    assert [verdict.support for verdict in trace.verdicts] == [each.support for each in answer.statements]
    assert (answer.degraded, "verdict" in {event.name for event in found}) == ((), False)
