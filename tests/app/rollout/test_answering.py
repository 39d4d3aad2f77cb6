"""Which questions are answered by both and who answers first, and what of a question is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from agents.answer import AnswerRequest
from app.rollout.answering import RollingAnswers
from app.rollout.places import Places
from app.rollout.traffic import Choice, Traffic
from core.types import Answer, AnswerEvent, AnswerTrace, GeneratorInfo, Message, Principal, Retrieval
from finetune.rollout.assign import in_share
from finetune.rollout.stages import Arm, Deployment, Figures
from tests.app.rollout.test_traffic import Kept, deployed

PEOPLE = [Principal(id=f"person {number}") for number in range(200)]
Noted = tuple[str, str, Arm, bool, Figures]


class Answering:
    """Answers everything, and keeps which adapter was asked."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.remembered: list[bool] = []
        self.waits: asyncio.Event | None = None

    async def run(self, request: AnswerRequest) -> AsyncGenerator[AnswerEvent]:
        self.asked.append(request.adapter)
        self.remembered.append(not request.forgotten)
        if self.waits is not None:
            await self.waits.wait()
        answer = Answer(
            id=request.id, question=request.question, statements=(), sources=(), answerable=False, timings_ms={},
            retrieval=Retrieval(used=True, reason="", n=0), generator=GeneratorInfo(name="g", fingerprint="f"),
        )  # fmt: skip
        trace = AnswerTrace(asked=request.question, question=request.question)
        yield AnswerEvent(name="done", data={"answer": answer, "trace": trace})


class Office:
    """A server's answers during a trial, and what was noted of them."""

    def __init__(self, *live: Deployment) -> None:
        self.noted: list[Noted] = []
        self.answering = Answering()
        self.traffic = Traffic(Kept(*live))
        self.rolling = RollingAnswers(
            answering=self.answering,
            traffic=self.traffic,
            observe=self._observe,
            base="m",
            places=Places(at_once=1_000),
        )

    async def _observe(self, choice: Choice, answer: str, person: str, arm: Arm, shown: bool, figures: Figures) -> None:
        self.noted.append((answer, person, arm, shown, figures))

    async def ask(self, who: Principal, question: str, number: int = 0, history: tuple[Message, ...] = ()) -> Figures:
        """Asks, waits for what is written beside, and returns the figures of the answer that was shown."""
        await self.traffic.read()
        request = AnswerRequest(id=f"{who.id} {number}", question=question, principal=who, history=history)
        async for _ in self.rolling.run(request):
            pass
        async with asyncio.timeout(20):
            while self.rolling._beside:
                await asyncio.sleep(0)
        return next(each[-1] for each in reversed(self.noted) if each[0] == request.id and each[3])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
async def test_as_many_of_the_others_are_compared_as_of_the_canary_s_people(share: float) -> None:
    trial = deployed("new", "canary", share=share)
    office = Office(deployed("old", "champion"), trial)
    for number in range(5):
        for each in PEOPLE:
            await office.ask(each, "How much leave?", number)
    first = {"candidate": 0, "champion": 0}
    compared = {answer for answer, _, _, shown, _ in office.noted if not shown}
    for answer, person, arm, shown, _ in office.noted:
        if shown:
            first[arm] += answer in compared
            assert (arm == "candidate") == in_share(trial.id, person, share)
            assert arm == "champion" or answer in compared, "of a canary's people all are"
    assert first["champion"] == pytest.approx(first["candidate"], rel=0.25)


async def test_where_all_are_a_canary_s_people_all_are_compared() -> None:
    office = Office(deployed("old", "champion"), deployed("new", "canary", share=1.0))
    for each in PEOPLE[:20]:
        await office.ask(each, "How much leave?")
    assert sum(shown for *_, shown, _ in office.noted) == sum(not shown for *_, shown, _ in office.noted) == 20


async def test_a_question_is_known_again_by_its_words_and_no_text_of_it_is_kept() -> None:
    office = Office(deployed("old", "champion"), deployed("new", "shadow"))
    first = await office.ask(PEOPLE[0], "How much leave is there?", 1)
    again = await office.ask(PEOPLE[1], "  how much LEAVE is there ?! ", 2)
    assert first.question == again.question != ""
    others: list[tuple[str, dict[str, Any]]] = [
        ("How much leave was there?", {}),
        ("How much leave is there?", {"history": (Message(role="user", content="And for parents?"),)}),
        ("???", {}),
        ("!!!", {}),
    ]
    digests = {(await office.ask(PEOPLE[2], words, 3 + n, **more)).question for n, (words, more) in enumerate(others)}
    assert len(digests | {first.question}) == 5
    assert all(len(each) == 16 and "leave" not in each for each in digests)


async def test_in_another_trial_the_same_question_has_another_digest() -> None:
    found = {
        (await Office(deployed("old", "champion"), deployed(name, "shadow")).ask(PEOPLE[0], "Leave?")).question
        for name in ("new", "newer")
    }
    assert len(found) == 2


async def test_many_questions_at_once_share_few_places() -> None:
    office = Office(deployed("old", "champion"), deployed("new", "shadow"))
    office.rolling.places = Places(at_once=2)
    begun = asyncio.Event()
    office.answering.waits = begun
    asking = [asyncio.create_task(office.ask(each, "How much leave?")) for each in PEOPLE[:20]]
    while len(office.answering.asked) < 20:
        await asyncio.sleep(0)
    begun.set()
    await asyncio.gather(*asking)
    assert sum(not shown for *_, shown, _ in office.noted) == 2
    assert office.answering.remembered.count(False) == 2, "what is written beside is not remembered"
    await office.ask(PEOPLE[30], "And how much now?")
    assert sum(not shown for *_, shown, _ in office.noted) == 3, "places are given back"


async def test_a_reader_who_leaves_gives_the_place_back() -> None:
    office = Office(deployed("old", "champion"), deployed("new", "shadow"))
    office.rolling.places = Places(at_once=1)
    office.answering.waits = asyncio.Event()
    leaving = asyncio.create_task(office.ask(PEOPLE[0], "How much leave?"))
    while not office.answering.asked:
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    office.answering.waits = None
    await office.ask(PEOPLE[1], "How much leave?")
    assert sum(not shown for *_, shown, _ in office.noted) == 1
