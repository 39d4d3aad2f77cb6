"""A server's part in training and nothing else of it, as a process to kill: `training_server.py FOLDER MODELS NAMES…`.

It creates a run of each name out of `recipe.json` in the folder, and keeps runs going.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from app.adapters import open_adapters
from app.finetune.opening import open_finetune
from app.finetune.recipes import Recipes
from app.settings import Settings
from finetune.settings import FinetuneSettings, RunSettings


async def main(folder: Path, models: Path, names: list[str]) -> None:
    settings = Settings(data_dir=folder, finetune=FinetuneSettings(runs=RunSettings(models=(models,))))
    async with open_finetune(settings, open_adapters(settings, "none")) as finetune:
        recipes = Recipes(settings=settings, places=finetune.places, registry=finetune.registry)
        given = json.loads((folder / "recipe.json").read_text("utf-8"))
        for name in names:
            recipe = recipes.read({**given, "name": name})
            await asyncio.to_thread(finetune.training.create, recipe, name, "root")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
