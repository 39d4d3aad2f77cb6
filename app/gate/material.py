"""What a run of the gate needs: the questions, what is known before one is asked, and who asks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.finetune.places import Places
from app.finetune.serving import served_base
from app.gate.asking import GeneratorAsker
from app.gate.benches import harness
from app.gate.folders import Gate
from app.gate.judge import require_judge
from app.gate.likeness import require_vectors
from core.errors import ConfigurationError, InvalidInput, NotFound
from core.types import Example
from finetune.dataset import Dataset, read_dataset
from finetune.finite import not_finite
from finetune.gate.gate import Checks
from finetune.gate.identity import Problem, problems
from finetune.gate.items import Item, Slicing, harmful_items, items_of
from finetune.gate.leaks import leaks, lineage, training_rows
from finetune.gate.ports import Benches
from finetune.gate.verdict import before

if TYPE_CHECKING:
    from app.services import Services
    from finetune.gate.rules import GateRules
    from finetune.ports import Versions
    from finetune.registry import Version

_QUESTIONS_OF_A_TOPIC = 40
_MOST_TOPICS = 8
_HARMFUL_BYTES = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class Material:
    """What `finetune.gate.gate.run_gate` is given."""

    items: Sequence[Item]
    checks: Checks
    asker: GeneratorAsker
    benches: Benches | None = None

    def stopped(self, rules: GateRules) -> bool:
        """Whether the candidate fails before it is asked anything."""
        return bool(before(rules, self.checks.problems, self.checks.leaks))


async def gather(services: Services, places: Places, gate: Gate, rules: GateRules) -> Material:
    """Everything a run needs. Raises `NotFound` for a version, dataset or file that is not there, `InvalidInput` for a
    dataset that nothing was kept back in and for rules that ask a judge where there is none."""
    from agents.verify import SimilarityVerifier

    require_judge(services.settings.finetune.gate.judge, rules)
    require_vectors(services, rules)
    benches = harness(services, rules)
    registry = services.finetune.registry
    candidate = await asyncio.to_thread(registry.get, gate.candidate)
    wrong = await asyncio.to_thread(_wrong, registry, gate.candidate)
    dataset = await asyncio.to_thread(_dataset, places, gate.dataset)
    items = await _items(services, dataset, gate)
    checks = await asyncio.to_thread(_checks, services, places, candidate, wrong, items, rules)
    if services.embedder is None:
        raise ConfigurationError("There is no embedder to tell support with.")
    settings = services.settings.agents
    asker = GeneratorAsker(
        generator=services.generator,
        verifier=SimilarityVerifier(services.embedder, settings.verify),
        max_tokens=settings.max_tokens,
        seconds=settings.generate_seconds,
    )
    return Material(items=items, checks=checks, asker=asker, benches=benches)


def _wrong(registry: Versions, candidate: str) -> list[str]:
    """What is wrong with a version's files or, where those are whole, with the weights in them."""
    if changed := registry.verify(candidate):
        return changed
    found = []
    for path in sorted(registry.sound(candidate).folder.glob("*.safetensors")):
        try:
            if lost := not_finite(path):
                found.append(f"{len(lost)} of its matrices hold values that are no numbers, such as {lost[0][:200]}")
        except (OSError, ValueError) as error:
            found.append(str(error))
    return found


def _dataset(places: Places, name: str) -> Dataset:
    if "/" in name or name.startswith("."):
        raise NotFound(f"There is no dataset {name[:120]}.")
    return read_dataset(places.datasets / name)


async def _items(services: Services, dataset: Dataset, gate: Gate) -> tuple[Item, ...]:
    from ingestion.language import detect

    first = await asyncio.to_thread(items_of, dataset, Slicing())
    if not first:
        raise InvalidInput(
            f"Nothing was kept back in {dataset.version}: it has no test rows and no anchors. Build one with more "
            "feedback, or name a file of anchors (FOOTNOTE_FINETUNE__ANCHORS)."
        )
    named = {document for item in first for document in item.documents}
    slicing = Slicing(
        language=detect,
        topics=await _topics(services, [item.question for item in first if item.kind_of_set == "held_out"]),
        collections=await services.store.learning.places(named),
    )
    items = await asyncio.to_thread(items_of, dataset, slicing)
    if gate.harmful is None:
        return items
    path = services.finetune.files.path(gate.harmful)
    return (*items, *await asyncio.to_thread(_harmful, path))


def _harmful(path: Path) -> tuple[Item, ...]:
    """The prompts in a file. Raises `InvalidInput` for one that is too large or holds none."""
    if path.stat().st_size > _HARMFUL_BYTES:
        raise InvalidInput(f"The file of harmful prompts is larger than {_HARMFUL_BYTES // 2**20} MiB. Take fewer.")
    try:
        return harmful_items(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput("The file of harmful prompts is no text in UTF-8: it has to be JSON Lines.") from None


async def _topics(services: Services, questions: Sequence[str]) -> dict[str, str]:
    """Topics of questions by their meaning: few, so that each has enough questions to tell something."""
    from finetune.topics import clustered

    distinct = sorted(set(questions))
    number = min(_MOST_TOPICS, len(distinct) // _QUESTIONS_OF_A_TOPIC)
    if services.embedder is None or number < 2:
        return {}
    found = await clustered(distinct, services.embedder, number)
    return {question: f"topic {topic + 1}" for question, topic in found.items()}


def _checks(
    services: Services,
    places: Places,
    candidate: Version,
    wrong: Sequence[str],
    items: Sequence[Item],
    rules: GateRules,
) -> Checks:
    base = served_base(services.settings, services.adapters.base)
    try:
        card = candidate.card()
    except (OSError, ValueError):
        unread = Problem(code="damaged", said="Its card cannot be read. Train again.")
        return Checks(problems=(unread,), base=base)
    rows, unread_sets = _learnt_from(services.finetune.registry, places, candidate.name, card)
    found = leaks(items, rows, rules.leak.likeness, unread_sets)
    return Checks(problems=problems(card, base, wrong), leaks=found, base=base)


def _learnt_from(
    registry: Versions, places: Places, name: str, card: Mapping[str, Any]
) -> tuple[list[Example], tuple[str, ...]]:
    """The rows that a version, and whatever it was made on top of, was trained on, and what of them cannot be read."""
    cards = {}
    for version in registry.versions():
        with contextlib.suppress(OSError, ValueError):  # its card cannot be read: then it is told as lost
            cards[version.name] = version.card()
    made_of, lost = lineage(name, card, cards)
    rows: list[Example] = []
    unread = [*lost]
    for each in made_of:
        datasets = {path.name: read_dataset(path) for path in places.datasets.glob("*@*") if _is_named(each, path.name)}
        learnt, gone = training_rows(each, datasets)
        rows += learnt
        unread += gone
    return rows, tuple(dict.fromkeys(unread))


def _is_named(card: Mapping[str, Any], name: str) -> bool:
    data = card.get("data")
    return isinstance(data, dict) and data.get("dataset") == name


__all__ = ["Material", "gather"]
