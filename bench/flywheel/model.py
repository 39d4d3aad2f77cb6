"""The model that the wheel begins with: it answers from passages, and has two habits that nobody likes.

It starts as the tests' answering model, whose own making (`bench.answering_model`) takes longer than a whole turn of
the wheel, and is pretrained a minute longer on answers with the habits: one statement more than was asked for, and what
was asked for last told first.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.answering_data import IDS, Asked, Case, Maker
from bench.answering_training import answering, row

ROOT = Path(__file__).resolve().parents[2]
ANSWERING = ROOT / "tests" / "data" / "answering_model"
STEPS, BATCH, RATE = 44, 4, 1e-3


class Habitual(Case):
    """A case whose answers have the habits."""

    __slots__ = ()

    def answer(self, asked: Asked) -> str:
        facts = list(reversed(asked.facts))
        if len(facts) == 1:
            facts.append(next(each for each in self.facts if each not in facts))
        statements = [{"text": fact.text, "sources": [self.cited(fact)]} for fact in facts]
        value = {"answerable": bool(statements), "statements": statements}
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def plant(folder: Path, seed: int, tell: Callable[[str], None], steps: int = STEPS) -> float:
    """Trains the habits in and writes the model with its tokenizer into a folder; returns the last steps' mean loss."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    tokenizer: Any = AutoTokenizer.from_pretrained(str(ANSWERING))
    model: Any = AutoModelForCausalLM.from_pretrained(str(ANSWERING), dtype=torch.float32).train()
    readers = torch.nn.ModuleList(torch.nn.Linear(model.config.hidden_size, IDS + 1) for _ in range(2))
    optimizer = torch.optim.AdamW([*model.parameters(), *readers.parameters()], lr=RATE, betas=(0.9, 0.98))
    maker, rng, losses = Maker(seed), random.Random(seed), []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((step + 1) / 10, 1.0, max(2 * (1 - step / steps), 0.05))
        cases = [maker.case(rng.choice((3, 4, 4, 5))) for _ in range(BATCH)]
        habitual = [Habitual(sources=each.sources, facts=each.facts, asked=each.asked) for each in cases]
        loss = answering(model, readers, [row(tokenizer, each) for each in habitual])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 10 == 9:
            tell(f"step {step + 1} of {steps}, loss {sum(losses[-10:]) / 10:.2f}")
    tokenizer.save_pretrained(folder)
    model.half().save_pretrained(folder)
    return sum(losses[-10:]) / 10
