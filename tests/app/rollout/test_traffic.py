"""Who is answered with what: the narrowest scope decides, and the same people stay in a canary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.rollout.champion import ChampionGenerator
from app.rollout.traffic import Choice, Traffic, scopes
from core.errors import StoreUnavailable
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo, Principal
from finetune.rollout.stages import Deployment

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ANA = Principal(id="ana", groups=frozenset({"everyone", "hr", "law"}))
INFO = GeneratorInfo(name="g", fingerprint="f")


def deployed(version: str, stage: str, scope: str = "*", **more: Any) -> Deployment:
    return Deployment(
        id=f"id of {version}", scope=scope, version=version, stage=stage, created_at=NOW, changed_at=NOW, **more
    )  # type: ignore[arg-type]


class Kept:
    def __init__(self, *found: Deployment) -> None:
        self.found = list(found)
        self.error: Exception | None = None

    async def live(self) -> list[Deployment]:
        if self.error is not None:
            raise self.error
        return self.found


async def traffic(*found: Deployment) -> Traffic:
    made = Traffic(Kept(*found))
    await made.read()
    return made


def test_scopes_are_told_from_narrow_to_wide() -> None:
    assert scopes(ANA, ("leave",)) == ("collection:leave", "group:hr", "group:law", "*")
    assert scopes(ANA, ("leave", "pay")) == ("group:hr", "group:law", "*")
    assert scopes(Principal(id="ben")) == ("*",)


async def test_without_deployments_the_default_answers() -> None:
    assert (await traffic()).choose(ANA) == Choice()


async def test_the_narrowest_scope_decides() -> None:
    made = await traffic(deployed("wide", "champion"), deployed("hr", "champion", "group:hr"))
    assert made.choose(ANA).adapter == "hr"
    assert made.choose(Principal(id="ben")).adapter == "wide"
    trial = deployed("new", "shadow", "collection:leave")
    made = await traffic(deployed("wide", "champion"), trial)
    found = made.choose(ANA, ("leave",))
    assert (found.adapter, found.arm, found.other, found.trial) == ("wide", "champion", "new", trial)
    assert made.choose(ANA).trial is None


async def test_a_canary_answers_the_same_people() -> None:
    made = await traffic(deployed("wide", "champion"), deployed("new", "canary", share=0.3))
    people = [Principal(id=f"person {number}") for number in range(500)]
    chosen = [each.id for each in people if made.choose(each).arm == "candidate"]
    assert 110 < len(chosen) < 190
    again = await traffic(deployed("wide", "champion"), deployed("new", "canary", share=0.3))
    assert chosen == [each.id for each in people if again.choose(each).adapter == "new"]


async def test_a_shadow_is_shown_to_nobody() -> None:
    made = await traffic(deployed("new", "shadow", share=1.0))
    found = made.choose(ANA)
    assert (found.adapter, found.arm, found.other) == (None, "champion", "new")


async def test_what_was_read_last_holds_while_the_store_is_away() -> None:
    kept = Kept(deployed("wide", "champion"))
    made = Traffic(kept)
    await made.read()
    kept.error = StoreUnavailable("It is away.")
    with pytest.raises(StoreUnavailable):
        await made.read()
    assert made.champion(ANA) == "wide"


class Writing:
    """A generator that keeps what it was asked."""

    info = INFO

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    async def complete(self, request: GenerationRequest) -> Generation:
        self.asked.append(request.adapter)
        return Generation(text="{}", generator=INFO)

    async def stream(self, request: GenerationRequest) -> Any:
        self.asked.append(request.adapter)
        yield Delta(text="{}", final=Generation(text="{}", generator=INFO))


async def test_the_champion_writes_for_who_names_none() -> None:
    inner, request = Writing(), GenerationRequest(task="answer", messages=(), schema={}, question="?")
    made = ChampionGenerator(inner, lambda: "wide")  # type: ignore[arg-type]
    await made.complete(request)
    await made.complete(replace(request, adapter="another"))
    assert [piece.text async for piece in made.stream(request)] == ["{}"]
    assert inner.asked == ["wide", "another", "wide"]
    assert made.info == INFO
