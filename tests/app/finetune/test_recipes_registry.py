"""What a recipe names of the registry is fetched, held against its digests, and named by the folder it lies in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.finetune.places import places
from app.finetune.recipes import Recipes
from app.settings import Settings
from core.errors import InvalidInput
from finetune.bucket_registry import BucketRegistry
from tests.contracts.test_versions import CARD, adapter
from tests.finetune.conftest import rows_of, write_rows
from tests.s3_server import S3


def test_a_reward_model_in_a_bucket_is_fetched(s3: S3, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, serving={"engine": {"model": "/models/llama"}})
    where, bucket = places(settings), s3.settings("recipes")
    elsewhere = BucketRegistry(bucket, tmp_path / "elsewhere")
    reward = elsewhere.publish("judge", "reward", adapter(tmp_path / "judge"), CARD, "")
    other = elsewhere.publish("hr", "adapter", adapter(tmp_path / "hr"), CARD, "")
    write_rows(where.files / "rows.jsonl", rows_of("prompt", 2, 1))
    recipes = Recipes(settings=settings, places=where, registry=BucketRegistry(bucket, where.fetched))

    def named(path: str) -> dict[str, Any]:
        rewards = [{"name": "model", "path": path}]
        return {"name": "a", "method": "grpo", "model": "/models/llama", "data": "rows.jsonl", "rewards": rewards}

    [found] = recipes.read(named(reward.name)).rewards
    assert found.path == where.fetched / reward.name
    assert (found.path / "adapter_model.safetensors").read_bytes() == b"weights"
    with pytest.raises(InvalidInput, match="wanted is reward"):
        recipes.read(named(other.name))
    with pytest.raises(InvalidInput, match="no version named"):
        recipes.read(named("none@0123456789abcdef"))
    for key in s3.keys("recipes"):
        if key.endswith("adapter_model.safetensors"):
            s3.client().put_object(Bucket=s3.bucket, Key=f"recipes/{key}", Body=b"others")
    anew = Recipes(settings=settings, places=where, registry=BucketRegistry(bucket, tmp_path / "anew"))
    with pytest.raises(InvalidInput, match="is damaged"):
        anew.read(named(reward.name))
