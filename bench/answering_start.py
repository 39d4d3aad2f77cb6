"""Where the answering model's training begins: not at nothing, but with the heads that copying rests on.

A Transformer copies by two heads in a row: one tells each token what stood before it, the other looks for the place
that stood after the same (Olsson et al. 2022, "In-context Learning and Induction Heads"). Small models find them after
millions of tokens. Here they are there, roughly, from the first step, and for two tokens: the place looked for stood
after the same two. One head more looks there, too, and learns what else to fetch. Training goes on from them.
"""

from __future__ import annotations

import math
from typing import Any

HEADS = 3
"""The heads of the first layer: the token before, once to be found by and once to look with, and the one before it."""
COPYING = 2
"""The layer that looks for the place. One lies between, in which passages learn which source they are in."""
CONSTANT = 6.0
"""One number is the same in all tokens' vectors, so many times as large as the others: what sees only positions."""
SHARP = 16.0
"""By how much the token looked back at outweighs its neighbours, before softmax."""
TOLD, MATCH, COPIED = 1.0, 2.0, 12.0
"""How loud the first layer speaks, how sharp the second looks, and how loud that one speaks."""
SLOW = 0.005
"""Numbers of a head that turn by less with each position still match across a whole prompt."""


def with_copying(model: Any) -> Any:
    """The model, its first layers set so that it copies. Its heads are 64 wide."""
    config = model.config
    size, scale = config.hidden_size, config.initializer_range
    width = size // config.num_attention_heads
    slow = [at for at, turn in enumerate(model.model.rotary_emb.inv_freq.tolist()) if turn < SLOW]
    # A token's vector has a place for the constant, then its own numbers, then what the three heads tell it.
    own = slice(1, size - HEADS * len(slow))
    told = [slice(own.stop + n * len(slow), own.stop + (n + 1) * len(slow)) for n in range(HEADS)]
    vectors = model.model.embed_tokens.weight.data
    vectors[:, 0] = 0
    vectors[:, own.stop :] = 0
    vectors.mul_(scale * math.sqrt(size) / vectors.norm(dim=1, keepdim=True).clamp(min=1e-6))  # all alike in length
    vectors[:, 0] = CONSTANT * scale
    for layer in model.model.layers:  # what is not set here speaks softly
        layer.self_attn.o_proj.weight.data.mul_(0.01)
        layer.mlp.down_proj.weight.data.mul_(0.01)
    last, before = _orthogonal(len(slow), own.stop - 1), _orthogonal(len(slow), own.stop - 1)
    for head, (distance, read) in enumerate(((1, last), (1, before), (2, before))):
        _look_back(model, head, distance)
        attention, first = model.model.layers[0].self_attn, head * width
        attention.v_proj.weight.data[first : first + width] = 0
        attention.v_proj.weight.data[first : first + len(slow), own] = read
        attention.o_proj.weight.data[:, first : first + width] = 0
        attention.o_proj.weight.data[told[head], first : first + len(slow)] = _unit(len(slow)) * (TOLD * scale * 4)
    attention = model.model.layers[COPYING].self_attn
    asked, offered = attention.q_proj.weight.data, attention.k_proj.weight.data
    asked.zero_()
    offered.zero_()
    for first in range(0, size, width):
        one = [first + at for at in slow]
        two = [first + width // 2 + at for at in slow]
        asked[one, own] = last * MATCH
        asked[two, told[1]] = _unit(len(slow)) * MATCH
        offered[one, told[0]] = _unit(len(slow)) * MATCH
        offered[two, told[2]] = _unit(len(slow)) * MATCH
    _copy(model, own, width)
    return model


def _copy(model: Any, own: slice, width: int) -> None:
    """Two heads take over the whole of the vector found, half each."""
    attention = model.model.layers[COPYING].self_attn
    middle = (own.start + own.stop) // 2
    for first, part in ((0, slice(own.start, middle)), (width, slice(middle, own.stop))):
        count = part.stop - part.start
        attention.v_proj.weight.data[first : first + width] = 0
        attention.o_proj.weight.data[:, first : first + width] = 0
        attention.v_proj.weight.data[first : first + count, part] = _unit(count)
        attention.o_proj.weight.data[part, first : first + count] = (
            _unit(count) * COPIED * model.config.initializer_range
        )


def _look_back(model: Any, head: int, distance: int) -> None:
    """A head of the first layer that looks so many tokens back, by rotary positions alone."""
    config = model.config
    width = config.hidden_size // config.num_attention_heads
    half = width // 2
    turns = model.model.rotary_emb.inv_freq
    quick = (turns > 0.05).float()  # the slow ones cannot tell neighbours apart
    gap = sum(1 - math.cos(turn) for turn in turns.tolist())
    constant = CONSTANT / math.sqrt((CONSTANT**2 + config.hidden_size - 1) / config.hidden_size)
    strength = math.sqrt(SHARP * math.sqrt(width) / gap) / constant
    attention = model.model.layers[0].self_attn
    first = head * width
    part = slice(first, first + width)
    asked, offered = attention.q_proj.weight.data, attention.k_proj.weight.data
    asked[part] = 0
    offered[part] = 0
    offered[first : first + half, 0] = strength * quick
    asked[first : first + half, 0] = strength * quick * (-distance * turns).cos()
    asked[first + half : first + width, 0] = strength * quick * (-distance * turns).sin()


def _orthogonal(rows: int, size: int) -> Any:
    import torch

    return torch.linalg.qr(torch.randn(size, rows))[0].T.contiguous()


def _unit(size: int) -> Any:
    import torch

    return torch.eye(size)
