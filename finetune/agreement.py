"""How far raters agree: Krippendorff's alpha for nominal data, with missing ones. The door to krippendorff.

1 is full agreement, 0 what chance would bring, below it systematic disagreement (Krippendorff, "Content Analysis",
2004). Below 0.667 he advises against conclusions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """`alpha` is None where it is not defined: nobody rated what another did, or all said the same. `shared` counts the
    units that two or more rated."""

    alpha: float | None
    raters: int
    units: int
    shared: int

    def to_row(self) -> dict[str, Any]:
        """As an object of JSON."""
        return asdict(self)


def agreement(ratings: Iterable[tuple[str, Hashable, bool]]) -> Agreement:
    """Of ratings (person, unit, good or not); the last of a person on a unit counts."""
    import krippendorff
    import numpy as np

    said = {(person, unit): value for person, unit, value in ratings}
    people = {person: row for row, person in enumerate(dict.fromkeys(person for person, _ in said))}
    by_unit: dict[Hashable, dict[str, bool]] = {}
    for (person, unit), value in said.items():
        by_unit.setdefault(unit, {})[person] = value
    shared = [each for each in by_unit.values() if len(each) > 1]
    alpha = None
    if len({value for each in shared for value in each.values()}) > 1:
        table = np.full((len(people), len(shared)), np.nan)
        for column, each in enumerate(shared):
            for person, value in each.items():
                table[people[person], column] = float(value)
        alpha = round(float(krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")), 4)
    return Agreement(alpha=alpha, raters=len(people), units=len(by_unit), shared=len(shared))
