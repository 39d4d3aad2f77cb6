"""Training on made-up cases: loss on what is to be written, and easier cases before the product's whole prompt.

A case's questions share its sources, so they stand behind one prefix as branches that do not see one another: one
reading of the passages serves five answers.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.answering_data import IDS, Asked, Case, Maker

BATCH = 4
"""Cases a step."""
LEARNING = 1.5e-3
COPYING, COPIES, TWO, PLAIN, WHOLE = 10, 12, 60, 0.35, 0.86
"""The first steps only copy, as every twelfth later does; up to the next number there are two passages; up to the first
share of all steps no boundaries and nothing beside the facts, up to the second no rules before the sources."""
NOTHING = -100
BOUNDARY = re.compile(r" [0-9a-f]{12}>>")
END = re.compile(r"<<end ([^>]*>>)")
CITED = re.compile(r'"sources":\["(\d+)')
FIRST = re.compile(r'"text":"(.{14})')
ANSWERABLE = re.compile(r'"answerable":(true|false)')
WEIGHTS = ((CITED, 4.0), (FIRST, 2.0), (ANSWERABLE, 3.0))
"""Tokens at which all is decided count for more."""
PASSAGE = re.compile(r"(?s)<<source (?P<id>\d+)[^>]*>>(?P<text>.*?)<<end")
STATEMENT = re.compile(r'"text":"(?P<text>[^"]*)","sources":\["(?P<id>\d+)"')
PASSAGES_KNOW, STATEMENTS_KNOW, HINT = 2, 3, 0.5
"""After so many layers a passage's tokens are to know the id of their source, and a statement's that of the source they
were copied from: two linear readers, forgotten after training, ask them. Without that hint citing comes many times
later than copying."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """Token ids of a question and its answer; which of the answer's weigh more, and which are copied from where."""

    question: list[int]
    answer: list[int]
    weights: dict[int, float]
    within: dict[int, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Token ids of what the branches share; which of them end a source, and which are in one."""

    shared: list[int]
    ends: dict[int, float]
    within: dict[int, float]
    branches: list[Branch]


def row(tokenizer: Any, case: Case, boundaries: bool = True, rules: bool = True) -> Row:
    """A case in tokens. What ends each source is a target, too: it teaches tokens to know which source they are in."""

    def prompt(asked: Asked) -> str:
        messages = [{"role": each.role, "content": each.content} for each in case.messages(asked)]
        kept = messages if rules else messages[1:]
        return str(tokenizer.apply_chat_template(kept, tokenize=False, add_generation_prompt=True))

    prompts = [prompt(asked) for asked in case.asked]
    at = prompts[0].rindex("\n\nQuestion: ") + len("\n\nQuestion:")
    head = prompts[0][:at] if boundaries else BOUNDARY.sub(">>", prompts[0][:at])
    shared, ends, within = _tokens(tokenizer, head, [(END, 0.5)], PASSAGE)
    branches = []
    for asked, text in zip(case.asked, prompts, strict=True):
        question, _, _ = _tokens(tokenizer, text[at:])
        answer, weights, copied = _tokens(tokenizer, case.answer(asked) + tokenizer.eos_token, WEIGHTS, STATEMENT)
        branches.append(Branch(question=question, answer=answer, weights=weights, within=copied))
    return Row(shared=shared, ends=ends, within=within, branches=branches)


def train(model: Any, tokenizer: Any, seed: int, steps: int) -> Iterator[float]:
    """Trains in place; yields the loss of each step."""
    import torch

    maker, rng = Maker(seed), random.Random(seed)
    torch.manual_seed(seed)
    readers = torch.nn.ModuleList(torch.nn.Linear(model.config.hidden_size, IDS + 1) for _ in range(2))
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *readers.parameters()], lr=LEARNING, betas=(0.9, 0.98), weight_decay=0.05
    )
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING * min((step + 1) / 50, 1.0, max(2 * (1 - step / steps), 0.02))
        if step < COPYING or step % COPIES == 0:
            loss = _copying(model)
        else:
            passages = 2 if step < TWO else rng.choice((3, 4, 4, 5))
            plain, rules = step < PLAIN * steps, step >= WHOLE * steps
            cases = [maker.case(passages, plain=plain) for _ in range(BATCH)]
            loss = answering(model, readers, [row(tokenizer, each, not plain, rules) for each in cases])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield float(loss.item())


def told(losses: Iterator[float]) -> float:
    """Goes through training with a line now and then; the mean loss of the last steps."""
    begun, mean = time.monotonic(), 0.0
    for step, loss in enumerate(losses):
        mean = loss if step in (0, COPYING) else 0.95 * mean + 0.05 * loss
        if step % 50 == 49:
            print(f"step {step + 1}: loss {mean:.3f}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return mean


def _copying(model: Any) -> Any:
    """Random tokens that come again after different lengths."""
    import torch

    rows, length, longest = 32, 64, 25
    period = torch.randint(5, longest, (rows, 1))
    at = torch.arange(length)[None]
    ids = torch.randint(0, model.config.vocab_size, (rows, longest)).gather(1, at % period)
    targets = ids.masked_fill(at <= period, NOTHING)[:, 1:]
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    kept = targets != NOTHING
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[kept]), targets[kept])


def answering(model: Any, readers: Any, rows: Sequence[Row]) -> Any:
    """The loss of some rows, weighed; two readers are asked which source tokens are in."""
    import torch

    ids, places, seen, targets, weights, within = _batch(rows)
    read = model.model(input_ids=ids, position_ids=places, attention_mask=seen, output_hidden_states=True)
    kept = targets != NOTHING
    logits = model.lm_head(read.last_hidden_state[kept])
    losses = torch.nn.functional.cross_entropy(logits, targets[kept], reduction="none")
    loss = (losses * weights[kept]).sum() / weights[kept].sum()
    for reader, depth, own in zip(readers, (PASSAGES_KNOW, STATEMENTS_KNOW), within, strict=True):
        known = own != NOTHING
        loss = loss + HINT * torch.nn.functional.cross_entropy(reader(read.hidden_states[depth][known]), own[known])
    return loss


def _batch(rows: Sequence[Row]) -> tuple[Any, ...]:
    """Ids, positions, who sees whom, targets and their weights, sources of passages' and of statements' tokens."""
    import torch

    sizes = [len(row.shared) + sum(len(each.question) + len(each.answer) for each in row.branches) for row in rows]
    shape = (len(rows), max(sizes))
    ids, places = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    branch, targets = torch.full(shape, -1), torch.full(shape, NOTHING)
    weights = torch.ones(shape)
    passages, statements = torch.full(shape, NOTHING), torch.full(shape, NOTHING)
    for at, row in enumerate(rows):
        start = here = len(row.shared)
        ids[at, :start], places[at, :start] = torch.tensor(row.shared), torch.arange(start)
        branch[at, :start] = 0
        for token, weight in row.ends.items():
            targets[at, token - 1], weights[at, token - 1] = row.shared[token], weight
        for token, source in row.within.items():
            passages[at, token] = int(source)
        for number, each in enumerate(row.branches, start=1):
            first = here + len(each.question)
            end = first + len(each.answer)
            ids[at, here:end] = torch.tensor(each.question + each.answer)
            places[at, here:end] = torch.arange(start, start + end - here)
            branch[at, here:end] = number
            targets[at, first - 1 : end - 1] = torch.tensor(each.answer)
            for token, weight in each.weights.items():
                weights[at, first - 1 + token] = weight
            for token, source in each.within.items():
                statements[at, first + token] = int(source)
            here = end
    same = (branch[:, None, :] == 0) | (branch[:, None, :] == branch[:, :, None])
    seen = same & torch.ones(shape[1], shape[1], dtype=torch.bool).tril()
    return ids, places, seen[:, None], targets, weights, (passages, statements)


def _tokens(
    tokenizer: Any,
    text: str,
    weighed: Sequence[tuple[re.Pattern[str], float]] = (),
    numbered: re.Pattern[str] | None = None,
) -> tuple[list[int], dict[int, float], dict[int, float]]:
    """Token ids; which lie in a pattern's first group, with its weight; which in a numbered text, with its id."""
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)

    def inside(spans: Iterable[tuple[int, int, float]]) -> dict[int, float]:
        return {
            number: value
            for first, last, value in spans
            for number, (begin, end) in enumerate(read["offset_mapping"])
            if begin < last and end > first
        }

    heavy = inside((*match.span(1), weight) for pattern, weight in weighed for match in pattern.finditer(text))
    matches = numbered.finditer(text) if numbered else ()
    return read["input_ids"], heavy, inside((*match.span("text"), float(match["id"])) for match in matches)
