"""Examples that a model writes from others: a question in other words, a new one on the same sources, a near one that
they do not answer. Each is held against the sources before it enters; what cannot be shown to be right is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core.errors import DeadlineExceeded, GenerationInvalid, GeneratorRefused
from core.ports import Embedder, Generator
from core.terms import numbers, squeezed
from core.types import Example, GenerationRequest, Maker, Message
from finetune.augment_prompts import (
    adversarial_messages,
    question_schema,
    rephrase_messages,
    seed_messages,
    seed_schema,
)
from finetune.ports import Languages, Support
from finetune.report import Report
from finetune.rows import identified
from finetune.schema import keeps_to
from finetune.settings import CurateSettings
from finetune.splits import shuffled
from finetune.target import answer, parsed, plain, statements, written

DETAILS = {
    "no_output": "The model wrote nothing that keeps to the schema.",
    "no_place": "The question does not stand in the prompt as it was asked.",
    "unchanged": "The model wrote the same question again.",
    "numbers_differ": "The question has other numbers in it than the one it was made from.",
    "language": "It is in another language than what it was made from.",
    "unlike": "It asks something too far from what it was made from.",
    "unsupported": "The sources do not carry what the model answered.",
    "answered": "The sources answer the question that they should not answer.",
}
"""What a report says of each reason."""


class _Refused(Exception):
    """The code of why an example does not enter."""


async def augmented(
    examples: Sequence[Example],
    generator: Generator,
    support: Support,
    embedder: Embedder,
    language: Languages | None,
    settings: CurateSettings,
    report: Report,
) -> list[Example]:
    """What the model wrote and what passed. Raises `GeneratorUnavailable` and `EmbedderUnavailable`."""
    writer = _Writer(generator, support, embedder, language, settings)
    seeds = [each for each in examples if each.kind == "sft" and each.schema and each.sources]
    turn = asyncio.Semaphore(settings.augment.at_once)
    ways: list[tuple[Maker, Callable[[Example], Awaitable[Example]], int, list[Example]]] = [
        ("rephrase", writer.rephrased, settings.augment.rephrase, seeds),
        ("seed", writer.from_seed, settings.augment.seeds, seeds),
        ("adversarial", writer.adversarial, settings.augment.adversarial, seeds),
    ]

    async def one(way: Callable[[Example], Awaitable[Example]], seed: Example) -> Example | str:
        async with turn:
            try:
                return await way(seed)
            except _Refused as refusal:
                return str(refusal)
            except (GenerationInvalid, GeneratorRefused, DeadlineExceeded):
                return "no_output"

    found: list[Example] = []
    told = {}
    for maker, way, most, apt in ways:
        chosen = shuffled(apt, f"{settings.split.seed}:{maker}")[:most]
        results = await asyncio.gather(*(one(way, seed) for seed in chosen))
        for seed, result in zip(chosen, results, strict=True):
            if isinstance(result, str):
                report.refuse(f"example:{seed.id}", "augment", f"{maker}_{result}", DETAILS[result])
            else:
                lineage = replace(seed.lineage, maker=maker, at=None, parents=(*seed.lineage.parents, seed.id))
                found.append(identified(replace(result, lineage=replace(lineage, generator=generator.info))))
        told[maker] = {"asked": len(chosen), "kept": sum(not isinstance(result, str) for result in results)}
    report.figures["augmented"] = told
    return found


class _Writer:
    def __init__(
        self,
        generator: Generator,
        support: Support,
        embedder: Embedder,
        language: Languages | None,
        settings: CurateSettings,
    ) -> None:
        self._generator = generator
        self._support = support
        self._embedder = embedder
        self._language = language
        self._settings = settings

    async def rephrased(self, seed: Example) -> Example:
        """The same question in other words, with the same answer."""
        value = await self._written(seed, rephrase_messages(seed), question_schema())
        question = value["question"].strip()
        if squeezed(question) == squeezed(seed.question):
            raise _Refused("unchanged")
        if numbers(question) != numbers(seed.question):
            raise _Refused("numbers_differ")
        await self._near(question, seed.question, self._settings.augment.likeness)
        return replace(seed, question=question, prompt=_asking(seed, question))

    async def from_seed(self, seed: Example) -> Example:
        """Another question that the same sources answer, with its answer, every statement of it carried."""
        value = await self._written(seed, seed_messages(seed), seed_schema(seed.schema))
        question, said = value["question"].strip(), statements(value["answer"])
        if squeezed(question) == squeezed(seed.question):
            raise _Refused("unchanged")
        if not said or not value["answer"].get("answerable", True):
            raise _Refused("no_output")
        if not await self._carried(seed, value["answer"]):
            raise _Refused("unsupported")
        await self._near(question, " ".join(each.text for each in said), self._settings.augment.likeness / 2)
        return replace(
            seed, question=question, prompt=_asking(seed, question), completion=written(value["answer"], seed.schema)
        )

    async def adversarial(self, seed: Example) -> Example:
        """A near question that the sources do not answer; the model itself, asked, finds nothing that they carry."""
        value = await self._written(seed, adversarial_messages(seed), question_schema())
        question = value["question"].strip()
        if squeezed(question) == squeezed(seed.question):
            raise _Refused("unchanged")
        await self._near(question, seed.question, self._settings.augment.likeness / 2)
        prompt, target = _asking(seed, question), answer([])
        if not keeps_to(target, seed.schema):
            raise _Refused("no_output")
        tried = await self._written(replace(seed, question=question), prompt, seed.schema)
        if statements(tried) and await self._carried(seed, tried):
            raise _Refused("answered")
        return replace(seed, question=question, prompt=prompt, completion=written(target, seed.schema))

    async def _written(self, seed: Example, messages: tuple[Message, ...], schema: Any) -> Any:
        """What the model wrote, as JSON that keeps to the schema."""
        asked = self._settings.augment
        generation = await self._generator.complete(
            GenerationRequest(
                task="augment",
                messages=messages,
                schema=schema,
                question=seed.question,
                sources=seed.sources,
                max_tokens=asked.max_tokens,
                temperature=asked.temperature,
                timeout=asked.seconds,
                caller="finetune",
            )
        )
        value = parsed(generation.text)
        if value is None or not keeps_to(value, schema):
            raise _Refused("no_output")
        return value

    async def _carried(self, seed: Example, value: Any) -> bool:
        for said in statements(value) or ():
            cited = [source for source in seed.sources if source.id in said.sources]
            if await self._support.support(said.text, cited) < self._settings.support:
                return False
        return True

    async def _near(self, text: str, other: str, least: float) -> None:
        if self._language is not None:
            one, two = self._language(text), self._language(other)
            if one is not None and two is not None and one != two:
                raise _Refused("language")
        rows = await self._embedder.passages([text, plain(other)])
        matrix = np.frombuffer(rows.data, dtype="<f4").reshape(-1, rows.size)
        if float(matrix[0] @ matrix[1]) < least:
            raise _Refused("unlike")


def _asking(seed: Example, question: str) -> tuple[Message, ...]:
    """The prompt with another question in the place of its own, which is where it stands last."""
    last = seed.prompt[-1]
    before, found, after = last.content.rpartition(seed.question)
    if not found:
        raise _Refused("no_place")
    return (*seed.prompt[:-1], replace(last, content=f"{before}{question}{after}"))
