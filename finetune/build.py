"""From judged words to examples: corrections, second answers that were taken, thumbs, marks, evidence not found.

The prompt is what was sent, message by message. The target is the JSON that the schema demands. What is better must be
carried by its sources (`finetune.blame` saw to it); what is worse must be the generator's own fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.types import DocumentVersion, Example, Lineage, Maker, Source
from finetune.blame import Judged
from finetune.join import Word
from finetune.report import Report
from finetune.rows import identified
from finetune.settings import CurateSettings
from finetune.target import Said, answer, parsed, rewritten, statements, written


def build(judged: Sequence[Judged], settings: CurateSettings, report: Report) -> list[Example]:
    """All examples of all words, in their order."""
    found: list[Example] = []
    for each in judged:
        examples = [
            *_corrected(each),
            *_regenerated(each, report),
            *_thumb(each),
            *_prompt(each),
            *_missed(each, settings.negatives),
            *_marked(each, settings.negatives),
        ]
        found += [identified(example) for example in examples]
    return found


def _corrected(each: Judged) -> list[Example]:
    """The target as an example, and above what was given; a correction of a good answer is no reason to avoid that."""
    if each.correction is None:
        return []
    logged = each.word.logged
    value = answer([Said(text=said.text, sources=said.sources) for said in each.correction])
    target, given = written(value, logged.schema), rewritten(logged.output, logged.schema)
    if target == given:
        return []
    sft = _example(each.word, "correction")
    found = [replace(sft, kind="sft", completion=target)]
    if each.word.feedback.rating == "down":
        found.append(replace(sft, kind="preference", completion=target, rejected=given))
    return found


def _regenerated(each: Judged, report: Report) -> list[Example]:
    """A second answer that was found good, above the first one that was not."""
    word = each.word
    earlier = word.earlier
    if earlier is None or each.fault != "none" or word.earlier_rating == "up":
        return []
    if earlier.messages != word.logged.messages:
        detail = "The first answer was written from other passages; the two cannot be compared."
        report.refuse(word.subject, "build", "prompts_differ", detail)
        return []
    taken = rewritten(word.logged.output, word.logged.schema)
    left = rewritten(earlier.output, earlier.schema)
    if taken == left:
        return []
    return [replace(_example(word, "regeneration"), kind="preference", completion=taken, rejected=left)]


def _thumb(each: Judged) -> list[Example]:
    good = each.fault == "none" and each.word.feedback.rating == "up"
    bad = each.fault == "generation" and each.word.feedback.rating == "down"
    if not good and not bad:
        return []
    logged = each.word.logged
    given = rewritten(logged.output, logged.schema)
    maker: Maker = "thumb" if each.correction is None else "correction"
    return [replace(_example(each.word, maker), kind="kto", completion=given, label=good)]


def _prompt(each: Judged) -> list[Example]:
    """A prompt to practise on, where the sources are known to hold an answer."""
    if each.word.logged.step is not None:  # rewards measure answers
        return []
    borne = each.correction or (each.fault == "none" and each.word.logged.answer.answerable)
    if not borne or not each.word.logged.schema:
        return []
    return [replace(_example(each.word, "correction" if each.correction else "thumb"), kind="prompt")]


def _missed(each: Judged, most: int) -> list[Example]:
    """Passages that should have been found, against those that were found in their place."""
    if each.fault != "retrieval":
        return []
    useless = [source for source in each.word.logged.answer.sources if source.id not in each.useful]
    return _retrieval(each.word, "evidence", each.evidence, useless[:most])


def _marked(each: Judged, most: int) -> list[Example]:
    """Citations marked as right, against those marked as wrong, where the answer bears the marks out."""
    marks = {mark.source: mark.correct for mark in each.word.feedback.citations}
    if each.fault not in ("none", "generation") or not each.supported:
        return []
    said = statements(parsed(each.word.logged.output)) or ()
    cited = {source for statement in said for source in statement.sources}
    right = each.word.cited([source for source, correct in marks.items() if correct and source in cited])
    wrong = each.word.cited([source for source, correct in marks.items() if not correct])
    return _retrieval(each.word, "marks", right, wrong[:most])


def _retrieval(word: Word, maker: Maker, right: Sequence[Source], wrong: Sequence[Source]) -> list[Example]:
    positives = tuple(dict.fromkeys(source.text for source in right))
    negatives = tuple(text for text in dict.fromkeys(source.text for source in wrong) if text not in positives)
    if not positives or not negatives:
        return []
    bare = _example(word, maker, (*right, *wrong))
    return [replace(bare, kind="retrieval", prompt=(), schema={}, sources=(), positives=positives, negatives=negatives)]


def _example(word: Word, maker: Maker, sources: Sequence[Source] | None = None) -> Example:
    """The example without its target, with all that is known of where it comes from."""
    logged = word.logged
    used = logged.answer.sources if sources is None else sources
    return Example(
        id="",
        kind="sft",
        question=logged.answer.question,
        prompt=logged.messages,
        schema=logged.schema,
        sources=logged.answer.sources,
        lineage=Lineage(
            maker=maker,
            answer_id=logged.answer.id,
            first=logged.answer.reused.answer_id if logged.answer.reused else None,
            feedback_id=word.feedback.id,
            conversation_id=logged.conversation_id,
            person=word.person,
            asker=logged.principal_id,
            documents=documents(used),
            generator=logged.answer.generator,
            at=word.feedback.created_at,
        ),
    )


def documents(sources: Sequence[Source]) -> tuple[DocumentVersion, ...]:
    """The versions of documents that passages are from, sorted."""
    found = {(source.document_id, source.version_id) for source in sources if source.document_id}
    return tuple(DocumentVersion(document_id=document, version_id=version) for document, version in sorted(found))
