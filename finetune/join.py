"""Joins logged answers with what people said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.terms import squeezed
from core.types import Example, Feedback, LoggedAnswer, Source
from finetune.report import Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusions:
    """What shall not be learnt from: documents, persons (who asked and who said what they think) and answers, by id."""

    documents: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One person's word on one answer. `earlier` is the answer in whose place this one was asked for."""

    logged: LoggedAnswer
    feedback: Feedback
    earlier: LoggedAnswer | None = None
    earlier_rating: str | None = None

    @property
    def person(self) -> str:
        """Whose word it is."""
        return self.feedback.principal_id

    @property
    def subject(self) -> str:
        """Its name in a report."""
        return f"feedback:{self.feedback.id}"

    @property
    def unit(self) -> tuple[str, str]:
        """What several persons may have a word on: the same question, answered in the same words."""
        said = self.logged.answer.text or self.logged.output
        return squeezed(self.logged.answer.question), squeezed(said)

    def cited(self, ids: Sequence[str]) -> tuple[Source, ...]:
        """The answer's sources of these ids."""
        return tuple(source for source in self.logged.answer.sources if source.id in ids)


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What a dataset is made from. Feedback may stand in the answers, beside them, or both.

    `imported` are examples of outside data, `general` the instructions of which some are trained on again, `anchors`
    what is measured on and never trained on.
    """

    answers: Sequence[LoggedAnswer] = ()
    feedback: Sequence[Feedback] = ()
    exclusions: Exclusions = field(default_factory=Exclusions)
    imported: Sequence[Example] = ()
    general: Sequence[Example] = ()
    anchors: Sequence[Example] = ()


def join(material: Material, report: Report) -> list[Word]:
    """Every word with its answer, oldest first. What shall be left out is, and what has no prompt is refused."""
    answers = {each.answer.id: each for each in sorted(material.answers, key=lambda each: each.answer.id)}
    said = {each.id: each for each in material.feedback}
    said |= {each.id: each for answer in answers.values() for each in answer.feedback}
    words = []
    for feedback in sorted(said.values(), key=lambda each: (each.created_at, each.id)):
        subject = f"feedback:{feedback.id}"
        logged = answers.get(feedback.answer_id)
        if logged is None:
            report.refuse(subject, "join", "no_answer", "Its answer was not logged, or is gone.")
        elif excluded(logged, feedback, material.exclusions):
            report.add(subject, "join", "left_out", "excluded", "It comes from a document or person to be left out.")
        elif not logged.messages or not logged.output:
            report.refuse(subject, "join", "no_prompt", "No generator wrote its answer, or its trace is forgotten.")
        else:
            words.append(_word(logged, feedback, answers, said))
    report.figures["words"] = {"given": len(said), "joined": len(words), "people": len({each.person for each in words})}
    return words


def excluded(logged: LoggedAnswer, feedback: Feedback, exclusions: Exclusions) -> bool:
    """Whether a word rests on something that shall be left out."""
    reused = logged.answer.reused
    return (
        bool({logged.answer.id, reused and reused.answer_id} & exclusions.answers)
        or bool({logged.principal_id, feedback.principal_id} & exclusions.people)
        or any(source.document_id in exclusions.documents for source in logged.answer.sources)
    )


def _word(
    logged: LoggedAnswer, feedback: Feedback, answers: Mapping[str, LoggedAnswer], said: Mapping[str, Feedback]
) -> Word:
    earlier = answers.get(logged.regenerates) if logged.regenerates else None
    ratings = [
        each.rating
        for each in said.values()
        if earlier and each.answer_id == earlier.answer.id and each.principal_id == feedback.principal_id
    ]
    return Word(logged=logged, feedback=feedback, earlier=earlier, earlier_rating=ratings[0] if ratings else None)
