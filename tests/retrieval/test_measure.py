"""Measures against hand computations, and the loaders on small files."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import pytest

from core.errors import InvalidInput
from core.types import Hit, Principal, SearchRequest, SearchResult
from retrieval import datasets
from retrieval.measure import Judged, evaluate, measures, page_key, ranked


def hit(document: str, page: int | None = None) -> Hit:
    return Hit(chunk_id="c", document_id=document, version_id="v", title="", text="", score=0, scores={}, page=page)


class Scripted:
    """A searcher that knows its answers."""

    def __init__(self, answers: dict[str, list[Hit]], degraded: tuple[str, ...] = ()) -> None:
        self.answers = answers
        self.degraded = degraded

    async def search(self, request: SearchRequest) -> SearchResult:
        return SearchResult(hits=tuple(self.answers[request.query]), timings_ms={}, degraded=self.degraded)


def test_measures_agree_with_the_definition() -> None:
    run = {"q1": ranked(["x", "a", "y", "b"]), "q2": ranked(["z"])}
    got = measures({"q1": {"a": 1, "b": 1}, "q2": {"a": 1}}, run, ("nDCG@10", "R@100", "RR@10"))
    ideal = 1 + 1 / math.log2(3)
    assert got["nDCG@10"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal / 2)
    assert got["R@100"] == 0.5
    assert got["RR@10"] == 0.25


def test_a_query_that_finds_nothing_counts_as_zero() -> None:
    assert measures({"a": {"d": 1}, "b": {"d": 1}}, {"a": {"d": 1.0}, "b": {}}, ("R@10",)) == {"R@10": 0.5}


def test_an_item_counts_where_it_first_came() -> None:
    scores = ranked(["a", "b", "a", "c"])
    assert sorted(scores, key=lambda item: -scores[item]) == ["a", "b", "c"]


async def test_evaluation_of_documents_and_pages() -> None:
    judged = Judged(
        name="j",
        queries={"1": "one", "2": "two", "3": "nobody judged this"},
        documents={"1": {"A": 1}, "2": {"B": 1}},
        pages={"1": {page_key("A", 3): 1}, "2": {page_key("B", 1): 1}},
    )
    searcher = Scripted({"one": [hit("A", 1), hit("A", 3)], "two": [hit("A", 1)]}, degraded=("rerank_timeout",))
    result = await evaluate(searcher, Principal(id="p"), judged)
    assert (result.queries, result.degraded) == (2, 2)
    assert (result.measures["R@100"], result.page_measures["R@10"]) == (0.5, 0.5)
    assert result.measures["nDCG@10"] == 0.5
    assert result.page_measures["nDCG@10"] == pytest.approx(0.5 / math.log2(3))


def test_beir_folder(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text(
        '{"_id": "d1", "title": "T", "text": "a\\u2028b"}\n{"_id": "d2", "text": ""}\n'
    )
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "what?"}\n{"_id": "q2", "text": "unjudged"}\n')
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n")
    judged = datasets.load(str(tmp_path), None)
    assert [document.id for document in judged.corpus] == ["d1", "d2"]
    assert judged.queries == {"q1": "what?"}
    assert judged.documents == {"q1": {"d1": 2}}


def test_questions_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    lines = [
        {"question": "q?", "document": "a.pdf", "page": 2},
        {"question": "q?", "document": "b.pdf"},
        {"question": "r?", "document": "b.pdf"},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    judged = datasets.load(str(path), None)
    assert judged.documents == {"1": {"a.pdf": 1, "b.pdf": 1}, "2": {"b.pdf": 1}}
    assert judged.pages == {"1": {"a.pdf#2": 1}}
    assert judged.corpus == ()


@pytest.mark.parametrize("line", ["{", "[]", '{"question": "q"}', '{"question": "q", "document": "d", "page": 0}', ""])
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(line)
    with pytest.raises(InvalidInput, match=r"bad\.jsonl"):
        datasets.load(str(path), None)


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no data set"):
        datasets.load(str(tmp_path / "none"), None)


def test_scifact_in_its_published_form(tmp_path: Path) -> None:
    corpus = 'doc_id,title,abstract,structured\n7,T,"[\'It\\\'s one.\'\n ""Two \'x\'.""]",False\n'
    claims = "id,claim,evidence_doc_id,evidence_label,evidence_sentences,cited_doc_ids\n1,C.,7,SUPPORT,[0],[7 8]\n"
    with zipfile.ZipFile(tmp_path / "scifact.zip", "w") as archive:
        archive.writestr("corpus_train.csv", corpus)
        archive.writestr("claims_validation.csv", claims + "1,C.,8,SUPPORT,[0],[7 8]\n")
    judged = datasets.scifact(tmp_path / "scifact.zip", "test")
    assert judged.corpus[0].text == "It's one. Two 'x'."
    assert judged.documents == {"1": {"7": 1, "8": 1}}


def test_scifact_itself(datasets: Path | None) -> None:
    from retrieval.datasets import load

    if datasets is None:
        return  # the header of the run says what is left out
    test, train = load("scifact", datasets), load("scifact", datasets, "train")
    assert (len(test.corpus), len(test.queries), sum(map(len, test.documents.values()))) == (5183, 300, 339)
    assert len(train.queries) == 809
    assert all(document.text for document in test.corpus)
