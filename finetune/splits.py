"""What is trained on and what is kept back: other conversations, the latest ones, and anchors that nothing touches.

Conversations that share a question go together, so that nothing kept back was seen. Which are kept back for validation
is told by a digest of the conversation: it stays where it is as others come. Rows lie in an order told by digests too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from core.terms import squeezed
from core.types import Example, Split
from finetune.duplicates import Alike, age
from finetune.report import Report
from finetune.settings import SplitSettings
from finetune.topics import asked


def apart_from(
    kept_back: Sequence[Example], examples: Sequence[Example], likeness: float, reason: str, report: Report
) -> list[Example]:
    """Those that ask nothing that a row kept back asks, be it an anchor or one to measure on."""
    shelf = Alike(likeness)
    for each in kept_back:
        shelf.add(asked(each))
    found = []
    for example in examples:
        if shelf.find(asked(example)) is None:
            found.append(example)
        else:
            detail = "What is measured on asks the same; nothing that is learnt may touch it."
            report.add(f"example:{example.id}", "split", "left_out", reason, detail)
    return found


def split(examples: Sequence[Example], settings: SplitSettings) -> dict[Split, list[Example]]:
    """The examples in train, validation (a share of conversations) and test (of the others, a share, the latest)."""
    groups = _groups(examples)
    left: list[list[Example]] = []
    found: dict[Split, list[Example]] = {"train": [], "validation": [], "test": []}
    for group in groups:
        if _share(settings.seed, _name(group[0])) < settings.validation:
            found["validation"] += group
        else:
            left.append(group)
    dated = sorted((group for group in left if group[0].lineage.at is not None), key=lambda group: age(group[0]))
    wanted = int(settings.test * sum(len(group) for group in dated))
    latest: list[list[Example]] = []
    while dated and sum(len(group) for group in latest) + len(dated[-1]) <= wanted:
        latest.append(dated.pop())
    held = {example.id for group in latest for example in group}
    for group in left:
        for example in group:
            found["test" if example.id in held else "train"].append(example)
    return {name: shuffled(rows, settings.seed) for name, rows in found.items()}


def shuffled(examples: Sequence[Example], seed: str) -> list[Example]:
    """In an order that says nothing of where they come from."""
    return sorted(examples, key=lambda example: hashlib.sha256(f"{seed}:{example.id}".encode()).hexdigest())


def replayed(
    train: Sequence[Example], general: Sequence[Example], settings: SplitSettings, report: Report
) -> list[Example]:
    """The rows to train on, with as many general instructions among each kind as the settings say (against forgetting
    what the base model knew: Robins 1995)."""
    mixed = list(train)
    told = {}
    for kind in sorted({example.kind for example in general}):
        own = sum(example.kind == kind for example in train)
        there = shuffled([example for example in general if example.kind == kind], settings.seed)
        wanted = round(own * settings.replay / (1 - settings.replay))
        mixed += there[:wanted]
        told[kind] = {"wanted": wanted, "there": len(there), "used": min(wanted, len(there))}
        if wanted > len(there):
            detail = f"{wanted} general instructions were wanted beside {own} rows, and the file has {len(there)}."
            report.add(f"replay:{kind}", "split", "kept", "replay_short", detail)
    report.figures["replay"] = told
    return shuffled(mixed, settings.seed)


def _groups(examples: Sequence[Example]) -> list[list[Example]]:
    """Examples that share a conversation, a question, or a parent, oldest first; the groups by their oldest."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for example in examples:
        first, *others = _ties(example)
        for other in others:
            leader[find(other)] = find(first)
    groups: dict[str, list[Example]] = {}
    for example in sorted(examples, key=age):
        groups.setdefault(find(_ties(example)[0]), []).append(example)
    return list(groups.values())


def _ties(example: Example) -> list[str]:
    ties = [f"question:{squeezed(asked(example))}", f"example:{example.id}"]
    ties += [f"example:{parent}" for parent in example.lineage.parents]
    if example.lineage.conversation_id:
        ties.append(f"conversation:{example.lineage.conversation_id}")
    return ties


def _name(example: Example) -> str:
    return example.lineage.conversation_id or squeezed(asked(example))


def _share(seed: str, name: str) -> float:
    """A number in [0, 1) that a name always has."""
    return int(hashlib.sha256(f"{seed}:{name}".encode("utf-8", "replace")).hexdigest()[:13], 16) / 16**13
