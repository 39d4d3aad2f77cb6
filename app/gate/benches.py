"""The general tasks that rules name, asked of the engine that answers people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import InvalidInput

if TYPE_CHECKING:
    from app.services import Services
    from finetune.gate.lm_eval import Harness
    from finetune.gate.rules import GateRules


def harness(services: Services, rules: GateRules) -> Harness | None:
    """What asks the tasks that rules name; None where they name none. Raises `InvalidInput` where nothing can be asked,
    or no tokenizer is known."""
    if not rules.general.lm_eval:
        return None
    from finetune.gate.lm_eval import Harness

    settings, chosen = services.settings.serving, services.settings.finetune.gate.lm_eval
    if settings.generator != "openai_compatible":
        raise InvalidInput("Tasks of lm-eval are asked of an engine alone: leave `general.lm_eval` out of the rules.")
    tokenizer = chosen.tokenizer or Path(settings.engine.model or "/nothing")
    if not tokenizer.is_dir():
        raise InvalidInput(
            "The rules name tasks of lm-eval, which need the model's tokenizer. Set "
            "FOOTNOTE_FINETUNE__GATE__LM_EVAL__TOKENIZER to its folder."
        )
    endpoint = settings.endpoint
    return Harness(
        python=chosen.python,
        base_url=endpoint.base_url,
        tokenizer=tokenizer.absolute(),
        tasks=rules.general.lm_eval,
        items=rules.general.lm_eval_items,
        seconds=chosen.seconds,
        at_once=rules.at_once,
        folder=chosen.tasks,
        models={services.adapters.base: endpoint.model},
        api_key=endpoint.api_key.get_secret_value() if endpoint.api_key is not None else "",
        hub=chosen.hub,
    )


__all__ = ["harness"]
