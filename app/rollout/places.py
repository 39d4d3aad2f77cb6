"""Places for answers that are written beside: a few at a time, and so many of one person in a trial, so that nobody
keeps others' questions from being compared."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from finetune.rollout.rules import GuardRules
from finetune.rollout.stages import Deployment

_REMEMBERED = 100_000
"""People of trials of whom it is known how often they were compared; who was longest ago is forgotten first."""


@dataclass(kw_only=True)
class Places:
    """`at_once` places on one server, of which one person has half at most. A place is taken before a question is
    answered and left once its second answer is there, or will not come."""

    at_once: int = 2
    _held: dict[str, tuple[str, str]] = field(default_factory=dict)
    _compared: OrderedDict[tuple[str, str], int] = field(default_factory=OrderedDict)

    def take(self, request_id: str, trial: Deployment, person: str) -> bool:
        """Whether there is a place for a person's question. Who was compared as often as counts in this trial has
        none any more."""
        key, most = (trial.id, person), GuardRules.model_validate(trial.rules).per_person
        mine = sum(holder == person for _, holder in self._held.values())
        if len(self._held) >= self.at_once or mine >= max(1, self.at_once // 2) or self._compared.get(key, 0) >= most:
            return False
        self._held[request_id] = key
        self._compared[key] = self._compared.get(key, 0) + 1
        self._compared.move_to_end(key)
        while len(self._compared) > _REMEMBERED:
            self._compared.popitem(last=False)
        return True

    def leave(self, request_id: str, *, compared: bool) -> None:
        """Gives a place back, if there is one; where nothing was `compared` after all, it does not count."""
        key = self._held.pop(request_id, None)
        if key is not None and not compared and key in self._compared:
            self._compared[key] -= 1


__all__ = ["Places"]
