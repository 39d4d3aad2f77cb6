"""Personal data in examples."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from agents.schema import answer_schema
from agents.settings import OutputSettings
from core.types import Example, Lineage, Message, Source
from finetune.personal import masked
from finetune.ports import Masked
from finetune.quality import problem
from finetune.report import Report
from finetune.settings import QualitySettings
from finetune.target import Said, answer, written

SCHEMA = answer_schema(["ana@example.org", "2"], OutputSettings())
MAIL = "ana@example.org"
ADDRESS = re.compile(r"\S+@\S+\.\w+")


class Addresses:
    """Masks mail addresses, each by a number of its own within one example."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    async def mask(self, texts: Sequence[str]) -> Masked:
        self.calls.append(tuple(texts))
        seen: dict[str, str] = {}
        count = sum(len(ADDRESS.findall(text)) for text in texts)
        if any("secret" in text for text in texts):
            return Masked(texts=tuple(texts), blocked="It holds what may not be used.")

        def name(found: re.Match[str]) -> str:
            return seen.setdefault(found[0], f'[EMAIL_"{len(seen) + 1}"]')

        return Masked(texts=tuple(ADDRESS.sub(name, text) for text in texts), count=count)


def example(text: str = f"Write to {MAIL} today.") -> Example:
    said = written(answer([Said(text=text, sources=(MAIL,))]), SCHEMA)
    source = Source(id=MAIL, chunk_id="", document_id="", version_id="", title=f"Of {MAIL}", text=text)
    return Example(
        id="e1",
        kind="preference",
        lineage=Lineage(maker="correction"),
        question=f"Who is {MAIL}?",
        prompt=(Message(role="user", content=f"{text} Who is {MAIL}, not ben@example.org?"),),
        completion=said,
        rejected=written(answer([]), SCHEMA),
        schema=SCHEMA,
        sources=(source,),
        positives=(text,),
        negatives=("None.",),
    )


async def test_every_text_is_masked_and_the_same_alike() -> None:
    report = Report()
    found = (await masked([example()], Addresses(), 2, report))[0]
    assert found.question == 'Who is [EMAIL_"1"]?'
    assert found.prompt[0].content == 'Write to [EMAIL_"1"] today. Who is [EMAIL_"1"], not [EMAIL_"2"]?'
    assert (found.sources[0].title, found.positives) == ('Of [EMAIL_"1"]', ('Write to [EMAIL_"1"] today.',))
    assert found.lineage.masked == 8
    assert found.id != "e1"
    assert report.figures["masked"] == {"rows": 1, "of": 1}


async def test_the_form_of_an_output_and_what_it_cites_stay() -> None:
    found = (await masked([example()], Addresses(), 2, Report()))[0]
    said = json.loads(found.completion)["statements"][0]
    assert said == {"text": 'Write to [EMAIL_"1"] today.', "sources": [MAIL]}
    assert problem(found, QualitySettings()) is None


async def test_what_has_none_stays_as_it_is_and_what_is_blocked_is_refused() -> None:
    clean = replace(example("Nobody."), question="", prompt=(Message(role="user", content="Who?"),), sources=())
    report = Report()
    assert await masked([clean, example("A secret.")], Addresses(), 2, report) == [clean]
    assert [(fate.subject, fate.reason) for fate in report.fates] == [("example:e1", "personal_data")]


async def test_free_text_is_masked_whole() -> None:
    free = replace(example(), schema={}, completion=f"Ask {MAIL}.", rejected="No.")
    assert (await masked([free], Addresses(), 2, Report()))[0].completion == 'Ask [EMAIL_"1"].'
