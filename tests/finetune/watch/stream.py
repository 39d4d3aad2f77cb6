"""A simulated stream of answers: people with their own topics ask in conversations, and a model answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from finetune.watch.records import Seen

START = datetime(2030, 1, 7, tzinfo=UTC)
SIZE = 24
TOPICS = np.random.default_rng(99).normal(size=(9, SIZE))
"""Centres of what is asked; the last one is asked about in drift only."""
USUAL = np.array([0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05])


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """How a window is: share of a new topic, abstentions, mean support, length, entropy, unsupported statements, and
    answers of one conversation, which share its topic and its difficulty."""

    new_topic: float = 0.0
    abstention: float = 0.05
    support: float = 0.8
    longer: float = 1.0
    entropy: float = 0.5
    unsupported: float = 0.08
    language: float = 0.1
    conversation: int = 1
    told: bool = True


AS_EVER = Habits()


def stream(
    seed: int,
    count: int,
    habits: Habits = AS_EVER,
    start: datetime = START,
    days: int = 28,
    collection: str | None = "handbook",
    name: str = "a",
) -> list[Seen]:
    """So many answers over so many days, in order."""
    random = np.random.default_rng([seed, count])
    records = []
    topic, hard = 0, 0.0
    for place in range(count):
        if place % habits.conversation == 0:
            topic = 8 if random.random() < habits.new_topic else int(random.choice(8, p=USUAL))
            hard = float(random.normal()) if habits.conversation > 1 else 0.0
        answered = bool(random.random() >= habits.abstention)
        statements = 1 + int(random.poisson(2)) if answered else 0
        noise = float(random.normal())
        vector = TOPICS[topic] + 0.6 * random.normal(size=SIZE)
        support = float(np.clip(habits.support + 0.1 * (noise + hard), 0, 1))
        records.append(
            Seen(
                id=f"{name}{seed}-{place}",
                at=start + timedelta(days=days) * ((place + 0.5) / count),
                collection=collection,
                language="de" if random.random() < habits.language else "en",
                vector=vector.astype(np.float32),
                words=int(habits.longer * 60 * np.exp(0.4 * random.normal() + 0.3 * hard)),
                answerable=answered,
                support=support if answered else None,
                statements=statements,
                unsupported=int(random.binomial(statements, habits.unsupported)),
                entropy=float(habits.entropy * random.gamma(16) / 16),
                tokens_in=1_000,
                tokens_out=100,
                model="base",
                adapter="v1" if place % 2 else None,
                milliseconds=float(1_000 + 100 * random.random()),
                group=f"{name}{seed}-{place // habits.conversation}" if habits.told else None,
            )
        )
    return records
