"""Whether the candidate is what it says and fits what is served, told before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

ProblemCode = Literal["wrong_base", "no_base", "wrong_kind", "damaged", "refused"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """What is served under every adapter: the name that the engine has it by, other names of the same weights (a
    folder, a name on the hub), and how it is quantized; None in full precision."""

    model: str
    also: tuple[str, ...] = ()
    quantization: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why a candidate is not asked anything; `refused` is by the engines, whatever the reason they give."""

    code: ProblemCode
    said: str


def problems(card: Mapping[str, Any], served: Base, wrong: Sequence[str] = ()) -> tuple[Problem, ...]:
    """What is in the way. `wrong` is what the registry says of the candidate's files (`Versions.verify`)."""
    found = [Problem(code="damaged", said=f"The adapter is damaged: {each}. Restore it, or train again.")
             for each in wrong]  # fmt: skip
    if card.get("kind") != "adapter":
        said = f"The card is that of a {card.get('kind') or 'thing without a kind'}: only adapters stand at this gate."
        found.append(Problem(code="wrong_kind", said=said))
    return (*found, *_of_base(card, served))


def _of_base(card: Mapping[str, Any], served: Base) -> list[Problem]:
    said = card.get("base")
    base = said if isinstance(said, Mapping) else {}
    names = [str(base[key]) for key in ("served_as", "model") if base.get(key)]
    if not names:
        return [
            Problem(code="no_base", said="The card names no base. Train again, so that what it stands on is known.")
        ]
    # What it is served as is the trainer's own word on which base it fits; the folder is only where that lay.
    if names[0] in (served.model, *served.also):
        return []
    said_so = f"The adapter was trained on {names[0]}, and {served.model} is served. Train it on what is served."
    return [Problem(code="wrong_base", said=said_so)]
