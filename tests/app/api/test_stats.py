"""The figures of the status page: for administrators, of this minute as of those before the last restart."""

from __future__ import annotations

from typing import Any

import pytest

from app.figures import Figures
from core.errors import IndexUnavailable


async def stats(world: Any, client: Any = None, **parameters: Any) -> dict[str, Any]:
    response = await (client or world.http).get("/v1/stats", params=parameters)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


async def test_an_empty_server_has_nothing_to_tell_and_says_so(world: Any) -> None:
    told = await stats(world)
    assert (told["span"], told["latency"]["stages"]) == ("24h", [])
    assert (told["totals"]["documents"], told["totals"]["chunks"], told["totals"]["collections"]) == (0, 0, 1)
    assert told["totals"]["jobs"] == {"queued": 0, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 0}
    assert told["totals"]["answers_today"] == {"answered": 0, "abstained": 0, "failed": 0}
    assert set(told["queue"]["series"]["queued"]) == {None}


async def test_what_was_done_this_minute_is_told_at_once(world: Any) -> None:
    await world.handbook()
    await world.http.post("/v1/search", json={"query": "leave"})
    answer = (await world.http.post("/v1/answers", json={"question": "leave?"})).json()
    await world.http.post("/v1/answers", json={"question": "canteen?"})
    await world.http.post("/v1/feedback", json={"answer_id": answer["id"], "rating": "down"})
    await world.http.get("/v1/documents/unknown")
    told = await stats(world, span="1h")
    totals = told["totals"]
    assert (totals["documents"], totals["live_documents"], totals["chunks"]) == (1, 1, 2)
    assert totals["jobs"]["succeeded"] == 1
    assert totals["answers_today"] == totals["answers"] == {"answered": 1, "abstained": 1, "failed": 0}
    assert (totals["feedback"], totals["errors"]) == ({"up": 0, "down": 1}, {"not_found": 1})
    stages = {(one["operation"], one["stage"]): one for one in told["latency"]["stages"]}
    assert {("search", "embed"), ("answer", "generate"), ("answer", "total")} <= set(stages)
    assert sum(stages["search", "search"]["counts"]) == 1
    assert stages["search", "search"]["whole"]["p50"] == pytest.approx(2.0, rel=0.05)
    assert len(stages["search", "search"]["p95"]) == len(told["latency"]["times"]) == 60
    assert sum(told["answers"]["series"]["abstained"]) == 1
    assert sum(told["errors"]["series"]["errors"]) == 1
    assert told["server"]["index"]["stage"] == "idle"
    assert told["server"]["processes"][0]["memory_bytes"] > 1_000_000
    assert told["server"]["workers"] == {"worker-0": "running"}


@pytest.mark.parametrize("span", ["1h", "24h", "7d", "30d"])
async def test_figures_from_before_a_restart_are_told_beside_those_of_now(world: Any, span: str) -> None:
    before = Figures(errors={"internal": 2})
    before.took("search", "total", 80.0)
    before.saw(queued=5, running=1)
    start = int(world.app.state.metrics.history.now()) // 60 * 60
    await world.store.figures.add({start: before})
    world.app.state.metrics.stages("search", {"total": 80.0})
    told = await stats(world, span=span)
    (stage,) = told["latency"]["stages"]
    assert sum(stage["counts"]) == 2
    assert told["totals"]["errors"] == {"internal": 2}
    assert max(filter(None, told["queue"]["series"]["queued"])) == 5


async def test_they_are_for_administrators(keyed: Any, ana: str, root_key: str) -> None:
    refused = await keyed.as_(ana).get("/v1/stats")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await keyed.http.get("/v1/stats")).status_code == 401
    assert (await stats(keyed, keyed.as_(root_key)))["totals"]["documents"] == 0


async def test_they_hold_nobodys_words(keyed: Any, ana: str, root_key: str) -> None:
    await keyed.handbook("Payroll is secret.", client=keyed.as_(ana), groups="hr")
    await keyed.as_(ana).post("/v1/answers", json={"question": "payroll confidential?"})
    told = str(await stats(keyed, keyed.as_(root_key))).lower()
    assert "payroll" not in told
    assert "confidential" not in told


async def test_an_index_that_does_not_answer_leaves_the_rest(world: Any) -> None:
    world.index.error = IndexUnavailable("The index process does not answer.")
    index = (await stats(world))["server"]["index"]
    assert (index["stage"], index["points"], index["embedder"]) == ("unavailable", None, "all-MiniLM-L6-v2")


@pytest.mark.parametrize("parameters", [{"span": "2h"}, {"utc_offset": 2000}, {"utc_offset": "x"}])
async def test_spans_and_zones_that_there_are_not(world: Any, parameters: dict[str, Any]) -> None:
    response = await world.http.get("/v1/stats", params=parameters)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
