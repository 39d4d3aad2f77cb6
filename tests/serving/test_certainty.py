"""How sure a model was: sums of what engines tell, against the definition."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from core.types import Usage
from serving.certainty import Certainty, read, truncated_entropy


def told(written: float, *others: float) -> dict[str, Any]:
    """One token and other likely ones, each with its logarithm."""
    listed = [{"token": "w", "logprob": written}, *({"token": f"o{n}", "logprob": at} for n, at in enumerate(others))]
    return {"content": [{"token": "w", "logprob": written, "top_logprobs": listed}]}


def entropy(shares: list[float]) -> float:
    return -sum(each * math.log(each) for each in shares if each)


def test_what_is_left_of_the_probability_counts_as_one_more_token() -> None:
    assert truncated_entropy([math.log(0.5), math.log(0.25)]) == pytest.approx(entropy([0.5, 0.25, 0.25]))
    assert truncated_entropy([0.0]) == 0
    assert truncated_entropy([-9999.0, 0.0]) == 0, "vLLM's minus infinity"
    assert truncated_entropy([math.log(1 / 8)] * 8) == pytest.approx(math.log(8))
    assert truncated_entropy([math.log(0.6), math.log(0.5)]) >= 0, "more than all, by rounding"


def test_it_is_a_lower_bound_that_more_alternatives_draw_nearer() -> None:
    chance = random.Random(3)
    for _ in range(50):
        weights = sorted((chance.expovariate(1) ** 3 for _ in range(200)), reverse=True)
        shares = [each / sum(weights) for each in weights]
        logs = [math.log(each) for each in shares if each]
        found = [truncated_entropy(logs[:number]) for number in (1, 5, 10, 20, len(logs))]
        assert found == sorted(found)
        assert found[-1] == pytest.approx(entropy(shares))


def test_sums_of_a_stream_become_means() -> None:
    certainty = Certainty()
    read(told(math.log(0.5), math.log(0.5)), certainty)
    read(told(math.log(0.25), math.log(0.75)), certainty)
    usage = certainty.into(Usage(prompt_tokens=3, completion_tokens=2))
    assert (usage.prompt_tokens, usage.completion_tokens, usage.scored_tokens) == (3, 2, 2)
    assert usage.mean_entropy == pytest.approx((math.log(2) + entropy([0.25, 0.75])) / 2)
    assert usage.mean_surprisal == pytest.approx((math.log(2) + math.log(4)) / 2)
    both = usage + Usage(completion_tokens=5)
    assert (both.mean_entropy, both.completion_tokens) == (usage.mean_entropy, 7), "what told nothing changes nothing"
    assert (Usage().mean_entropy, Usage().mean_surprisal) == (None, None)


def test_what_was_written_counts_though_it_is_not_among_the_likeliest() -> None:
    certainty = Certainty()
    likely = [{"token": "a", "logprob": math.log(0.5)}, {"token": "b", "logprob": math.log(0.25)}]
    read({"content": [{"token": "w", "logprob": math.log(0.125), "top_logprobs": likely}]}, certainty)
    assert certainty.entropy == pytest.approx(entropy([0.5, 0.25, 0.125, 0.125]))


@pytest.mark.parametrize(
    "said",
    [
        None,
        "none",
        {"content": None},
        {"content": [None, {"token": "w"}]},
        {"content": [{"token": "w", "logprob": -1.0, "top_logprobs": None}]},
        {"content": [{"token": "w", "logprob": -1.0, "top_logprobs": [None, {"token": "w", "logprob": "x"}]}]},
        {"content": [{"token": "w", "logprob": True, "top_logprobs": [{"token": "w", "logprob": -1.0}]}]},
        told(2.5),
        told(float("nan")),
        told(-1.0, float("-inf")),
        told(-(10**400)),
        told(-1e308),
    ],
)
def test_what_is_no_count_is_left_out(said: Any) -> None:
    certainty = Certainty()
    read(said, certainty)
    assert (certainty.tokens, certainty.entropy, certainty.surprisal) == (0, 0.0, 0.0)
