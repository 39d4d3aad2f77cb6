"""Which parts the settings choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.judge_generator import GeneratorJudge
from app.generators import writing
from app.settings import load_settings
from app.wiring import judge
from core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("agents", "serving", "kind"),
    [
        ({}, {}, None),
        ({"kind": "generator"}, {"generator": "openai_compatible", "endpoint": {"model": "m"}}, GeneratorJudge),
    ],
)
async def test_likeness_has_the_last_word_unless_a_judge_is_set(
    agents: dict[str, Any], serving: dict[str, Any], kind: type | None, tmp_path: Path, word_embedder: Any
) -> None:
    settings = load_settings({}, data_dir=tmp_path, agents={"judge": agents}, serving=serving)
    found = judge(settings, writing(settings, word_embedder))
    assert found is None if kind is None else isinstance(found, kind)


async def test_a_judge_that_cannot_judge_is_refused(tmp_path: Path, word_embedder: Any) -> None:
    settings = load_settings({}, data_dir=tmp_path, agents={"judge": {"kind": "generator"}})
    with pytest.raises(ConfigurationError, match="extractive generator has no model"):
        judge(settings, writing(settings, word_embedder))
    settings = load_settings({}, data_dir=tmp_path, agents={"judge": {"kind": "nli", "model": str(tmp_path / "none")}})
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        judge(settings, writing(settings, word_embedder))
    with pytest.raises(ConfigurationError, match=r"FOOTNOTE_AGENTS__JUDGE: .* needs a model"):
        load_settings({}, data_dir=tmp_path, agents={"judge": {"kind": "nli"}})
