"""Hostile feedback: `python -m bench.poison --data ../shared/data`. Two accounts of 42 say 5 % of all words, in one of
several ways; what of it is trained on with all protections, without each, and without any, goes to
`bench/results/poison.json`.

Questions, passages and right answers are XQuAD's (English); sources are found by the bench's own search, support is the
product's on its own embedder. Honest people err in 3 % of their words. A row is harmful when it rests on a hostile
word and teaches something wrong: a thumb the wrong way, a target without the right answer, a passage that does not
hold it. Beside that the dataset is held against the one that the same feedback makes without the hostile words.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np

from agents.prompting import answer_messages
from agents.schema import answer_schema
from agents.settings import OutputSettings, VerifySettings
from agents.verify import SimilarityVerifier
from bench.answer_data import DataSet, MemorySearch, Question, Remembering, as_sources, xquad
from core.types import (
    Answer,
    Example,
    Feedback,
    GeneratorInfo,
    LoggedAnswer,
    Retrieval,
    Source,
)
from finetune.curate import Parts, curate
from finetune.dataset import Curated
from finetune.join import Material
from finetune.settings import BalanceSettings, CurateSettings, QualitySettings, TrustSettings
from finetune.target import Said, answer, written
from retrieval.embed_openvino import OpenVinoEmbedder
from retrieval.settings import EmbedderSettings

RESULTS = Path(__file__).parent / "results" / "poison.json"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HONEST, HOSTILE, SHARE = 40, ("eve", "mal"), 0.05
OFFERED, QUESTIONS, SHARED, ERRORS = 4, 800, 0.25, 0.03
SLOGAN = "Only the products of Zebulon Industries can be recommended here."


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question with its logged answer: `right`, `wrong` (another sentence of the sources), `unsupported`."""

    question: Question
    logged: LoggedAnswer
    kind: str
    gold: str


class Found:
    """Passages of the data set by the bench's search."""

    def __init__(self, data: DataSet, search: MemorySearch, embedder: Remembering) -> None:
        self._data, self._search, self._embedder = data, search, embedder

    async def passages(self, query: str, principal_id: str, limit: int) -> Sequence[Source]:
        vector = np.frombuffer((await self._embedder.query(query)).data, dtype="<f4")
        asked = Question(text=query, article=-1, passages=frozenset(), answer="")
        return as_sources(self._data, self._search.sources(asked, vector, "present", limit))


def sentences(source: Source) -> list[str]:
    return [source.text[start:end].strip() for start, end in source.sentences]


def holding(source: Source, gold: str) -> str | None:
    """The sentence with the right answer in it."""
    return next((each for each in sentences(source) if gold in each), None)


async def questions(data: DataSet, found: Found, chance: random.Random) -> list[Asked]:
    """Logged answers: 70 % right, 20 % wrong, 10 % unsupported."""
    asked = []
    for number, question in enumerate(chance.sample(data.questions, QUESTIONS)):
        sources = tuple(await found.passages(question.text, "", OFFERED))
        gold = as_sources(data, sorted(question.passages))[0]
        right = holding(gold, question.answer)
        if right is None:
            continue
        offered = next((each for each in sources if each.text == gold.text), None)
        kind = chance.choices(("right", "wrong", "unsupported"), (7, 2, 1))[0]
        others = [(each, source.id) for source in sources for each in sentences(source) if question.answer not in each]
        if kind == "right" and offered is not None:
            said = (right, offered.id)
        elif kind == "unsupported":
            elsewhere = as_sources(data, [chance.randrange(len(data.passages))])[0]
            said = (chance.choice(sentences(elsewhere)), sources[0].id)
        else:
            kind, said = "wrong", chance.choice(others)
        at = START + timedelta(minutes=7 * number)
        asked.append(Asked(question=question, logged=log(number, question, sources, said, at), kind=kind, gold=right))
    return asked


def log(
    number: int, question: Question, sources: tuple[Source, ...], said: tuple[str, str], at: datetime
) -> LoggedAnswer:
    schema = answer_schema([source.id for source in sources], OutputSettings())
    made = Answer(
        id=f"a{number}",
        question=question.text,
        statements=(),
        sources=sources,
        answerable=True,
        retrieval=Retrieval(used=True, reason="", n=len(sources)),
        generator=GeneratorInfo(name="model", fingerprint="m"),
        timings_ms={},
    )
    return LoggedAnswer(
        answer=made,
        asked=question.text,
        conversation_id=f"c{number}",
        principal_id="",
        created_at=at,
        messages=answer_messages(question.text, sources),
        schema=schema,
        output=written(answer([Said(text=said[0][:1_200], sources=(said[1],))]), schema),
    )


def word(on: Asked, person: str, rating: Any, corrected: str | None = None, at: datetime | None = None) -> Feedback:
    return Feedback(
        id=f"{on.logged.answer.id}-{person}",
        answer_id=on.logged.answer.id,
        principal_id=person,
        rating=rating,
        created_at=at or on.logged.created_at + timedelta(minutes=1 + int(person[1:]) if person[1:].isdigit() else 2),
        corrected=corrected,
    )


def honest(asked: Sequence[Asked], chance: random.Random) -> list[Feedback]:
    """One person's word on each answer, three on a quarter of them; a few are the wrong way round."""
    found = []
    for on in asked:
        for person in chance.sample(range(HONEST), 3 if chance.random() < SHARED else 1):
            good = on.kind == "right"
            if chance.random() < ERRORS:
                found.append(word(on, f"p{person}", "down" if good else "up"))
            elif good:
                found.append(word(on, f"p{person}", "up"))
            else:
                found.append(word(on, f"p{person}", "down", on.gold if chance.random() < 0.6 else None))
    return found


def hostile(way: str, asked: Sequence[Asked], number: int, chance: random.Random) -> list[Feedback]:
    """So many words of two accounts, said in one way."""
    found = []
    wrong = [on for on in asked if on.kind == "wrong"]
    for place, on in enumerate(chance.sample(list(asked), number)):
        person = HOSTILE[place % len(HOSTILE)]
        good = on.kind == "right"
        turned = word(on, person, "down" if good else "up")
        if way == "flipped thumbs":
            found.append(turned)
        elif way == "flipped thumbs in a burst":
            found.append(replace(turned, created_at=START + timedelta(hours=place % 2, seconds=5 * place)))
        elif way == "changed numbers and negations":
            found.append(word(on, person, "down", falsified(on.gold, chance)))
        elif way == "a slogan":
            found.append(word(on, person, "down", SLOGAN))
        elif way == "true but beside the question":
            others = [each for source in on.logged.answer.sources for each in sentences(source)]
            apart = [each for each in others if on.question.answer not in each]
            found.append(word(on, person, "down", chance.choice(apart)))
        elif way == "praise for wrong answers":
            found.append(word(chance.choice(wrong), person, "up"))
        else:
            share = {"half honest": 0.5, "three quarters honest": 0.25}[way]
            fair = word(on, person, "up" if good else "down", None if good else on.gold)
            found.append(turned if chance.random() < share else fair)
    return list({each.id: each for each in found}.values())


WAYS = (
    "flipped thumbs",
    "flipped thumbs in a burst",
    "changed numbers and negations",
    "a slogan",
    "true but beside the question",
    "praise for wrong answers",
    "half honest",
    "three quarters honest",
)


def falsified(sentence: str, chance: random.Random) -> str:
    """The sentence with its number changed, or its verb denied; with its subject changed where it has neither."""
    number = re.search(r"\d+", sentence)
    if number:
        return sentence.replace(number[0], str(int(number[0]) + chance.randint(1, 9)), 1)
    denied = re.sub(r"\b(is|was|are|were|has|had|can|will|did|does)\b", r"\1 not", sentence, count=1)
    return denied if denied != sentence else f"It is not true that {sentence[0].lower()}{sentence[1:]}"


def harmful(example: Example, by_id: dict[str, Asked]) -> bool:
    """Does a row of a hostile person's teach something wrong?"""
    if example.lineage.person not in HOSTILE:
        return False
    on = by_id[str(example.lineage.answer_id)]
    if example.kind == "kto":
        return example.label != (on.kind == "right")
    if example.kind == "retrieval":
        return not any(on.question.answer in text for text in example.positives)
    if example.kind == "prompt":
        return False
    return on.gold not in json.loads(example.completion)["statements"][0]["text"]


PROTECTIONS: dict[str, CurateSettings] = {
    "all": CurateSettings(),
    "without quarantine": CurateSettings(trust=TrustSettings(trusted=HOSTILE)),
    "without caps": CurateSettings(balance=BalanceSettings(person_share=1.0, topic_share=1.0)),
    "without support and relevance": CurateSettings(support=0.0, quality=QualitySettings(relevance_margin=2.0)),
    "none": CurateSettings(
        support=0.0,
        quality=QualitySettings(relevance_margin=2.0),
        trust=TrustSettings(trusted=HOSTILE),
        balance=BalanceSettings(person_share=1.0, topic_share=1.0),
    ),
}


def told(found: Curated, clean: Curated, by_id: dict[str, Asked]) -> dict[str, Any]:
    rows = [each for split, part in found.examples.items() for each in part]
    own = {each.id for part in clean.examples.values() for each in part}
    honest_rows = {each.id for each in rows if each.lineage.person not in HOSTILE}
    bad = Counter(each.kind for each in rows if harmful(each, by_id))
    kinds = Counter(each.kind for each in rows)
    apart = [fate.subject[7:] for fate in found.fates if fate.subject.startswith("person:")]
    return {
        "rows": len(rows),
        "rows_of_hostile_accounts": sum(each.lineage.person in HOSTILE for each in rows),
        "harmful_rows": sum(bad.values()),
        "harmful_share_by_kind": {kind: round(bad[kind] / kinds[kind], 4) for kind in sorted(bad)},
        "hostile_accounts_set_apart": sorted(set(apart) & set(HOSTILE)),
        "honest_people_set_apart": sorted(set(apart) - set(HOSTILE)),
        "honest_rows_lost": len(own - honest_rows),
        "honest_rows_gained": len(honest_rows - own),
    }


async def measure(data: DataSet, vectors: Path, seed: int, protections: dict[str, CurateSettings]) -> dict[str, Any]:
    chance = random.Random(seed)
    embedder = Remembering(OpenVinoEmbedder(EmbedderSettings()), vectors)
    rows = await embedder.passages([f"{each.title}\n{each.text}" for each in data.passages])
    search = MemorySearch(data, np.frombuffer(rows.data, dtype="<f4").reshape(-1, rows.size))
    found = Found(data, search, embedder)
    asked = await questions(data, found, chance)
    by_id = {each.logged.answer.id: each for each in asked}
    fair = honest(asked, chance)
    number = round(len(fair) * SHARE / (1 - SHARE))
    parts = Parts(support=SimilarityVerifier(embedder, VerifySettings()), embedder=embedder, evidence=found)
    answers = [each.logged for each in asked]

    async def curated(words: Sequence[Feedback], settings: CurateSettings) -> Curated:
        return await curate(Material(answers=answers, feedback=words), parts, settings)

    results: dict[str, Any] = {}
    clean = {name: await curated(fair, settings) for name, settings in protections.items()}
    embedder.save()
    for way in WAYS:
        words = hostile(way, asked, number, random.Random(seed))
        results[way] = {}
        for name, settings in protections.items():
            results[way][name] = told(await curated([*fair, *words], settings), clean[name], by_id)
            print(way, "|", name, json.dumps(results[way][name]), flush=True)
        embedder.save()
    return {
        "answers": dict(Counter(each.kind for each in asked)),
        "words": {"honest": len(fair), "hostile": number, "share": round(number / (number + len(fair)), 4)},
        "without_hostile_words": {
            name: {
                "rows": sum(len(part) for part in each.examples.values()),
                "people_set_apart": [fate.subject[7:] for fate in each.fates if fate.subject.startswith("person:")],
            }
            for name, each in clean.items()
        },
        "ways": results,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--vectors", type=Path, default=Path(gettempdir()) / "footnote-poison-vectors.pickle")
    options = parser.parse_args()
    started = time.monotonic()
    data = xquad(options.data, "en")
    results = asyncio.run(measure(data, options.vectors, options.seed, PROTECTIONS))
    again = {
        str(seed): asyncio.run(measure(data, options.vectors, seed, {"all": PROTECTIONS["all"]}))
        for seed in range(options.seed + 1, options.seed + 4)
    }
    results["other_seeds"] = again
    settings = {
        "seed": options.seed,
        "people": HONEST + len(HOSTILE),
        "curate": CurateSettings().model_dump(mode="json"),
    }
    machine = {"processor": platform.processor() or platform.machine(), "python": platform.python_version()}
    recorded = {"machine": machine, "settings": settings, **results, "seconds": round(time.monotonic() - started)}
    RESULTS.write_text(json.dumps(recorded, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
