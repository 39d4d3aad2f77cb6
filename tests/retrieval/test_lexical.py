"""BM25 per language: the engine's ranking against rank-bm25, and every script found again."""

from __future__ import annotations

import json
import math
import struct
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rank_bm25 import BM25Okapi

from core.errors import ConfigurationError
from core.types import SparseVector
from retrieval.edge_shard import Shard
from retrieval.lexical import ENGINE_NAMES, OTHER_READING, Bm25Encoder
from retrieval.ports import Fusion, IndexPoint, IndexQuery, Scope
from retrieval.settings import IndexSettings, LexicalSettings

ENGLISH = [
    "The glacier lost half of its ice within thirty years and the valley below it dried",
    "Ice cores from the glacier record volcanic dust, temperature and the ancient air",
    "A committee approves every expense above one hundred euros",
    "Expenses for travelling are refunded when receipts reach the accounting office in time",
    "Volcanic dust travels far: dust of one eruption was found in ice cores of both poles, dust everywhere",
    "The office opens at nine; receipts can be handed in at any time",
    "Running shoes were tested by runners who run thirty kilometres each week in all temperatures",
    "The valley has one road, one river and an office of the glacier committee",
]
QUESTIONS = [
    "volcanic dust",
    "glacier ice cores",
    "receipts for expenses",
    "run thirty weeks",
    "the committee's office",
]

PASSAGES = {
    "zh": ["东京是日本的首都，也是世界上最大的城市之一。", "黑豹队的防守在联赛中排名第六。", "水的沸点取决于气压。"],
    "ja": ["東京は日本の首都であり、世界最大の都市の一つです。", "水の沸点は気圧によって変わる。", "彼は医者である。"],
    "ko": ["서울은 대한민국의 수도이다.", "물의 끓는점은 기압에 따라 달라진다.", "그는 의사이다."],
    "th": ["กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย", "จุดเดือดของน้ำขึ้นอยู่กับความดันอากาศ", "เขาเป็นแพทย์"],
    "ar": [
        "القاهرة هي عاصمة جمهورية مصر العربية.",
        "تعتمد درجة غليان الماء على الضغط الجوي.",
        "يعمل الطبيب في المستشفى.",
    ],
    "ru": ["Москва является столицей России.", "Температура кипения воды зависит от давления.", "Он работает врачом."],
    "el": ["Η Αθήνα είναι η πρωτεύουσα της Ελλάδας.", "Το νερό βράζει στους εκατό βαθμούς.", "Είναι γιατρός."],
    "de": [
        "Die Häuser der Stadt wurden verkauft.",
        "Der Ausschuss prüft alle Ausgaben.",
        "Die Ärztin arbeitet nachts.",
    ],
    "fr": ["Les maisons de la ville ont été vendues.", "Le comité vérifie les dépenses.", "Elle est médecin."],
    "pl": ["Domy w mieście zostały sprzedane.", "Komisja sprawdza wydatki.", "Ona jest lekarką."],
}
ASKED = {
    "zh": "日本的首都是哪里", "ja": "日本の首都", "ko": "대한민국 수도", "th": "เมืองหลวงของประเทศไทย",
    "ar": "ما هي عاصمة مصر", "ru": "столица России", "el": "πρωτεύουσα Ελλάδας", "de": "verkauftes Haus",
    "fr": "maison vendue", "pl": "domy sprzedane",
}  # fmt: skip


class Corpus:
    """A shard of passages, asked lexically."""

    def __init__(self, folder: Path, encoder: Bm25Encoder, passages: Sequence[tuple[str, str]]) -> None:
        self._encoder = encoder
        self._shard = Shard.create(folder, 1, IndexSettings())
        self._shard.upsert(
            [
                IndexPoint(
                    id=str(uuid.UUID(int=number + 1)),
                    dense=struct.pack("<f", 1.0),
                    lexical=encoder.document(text, language),
                    collection="c",
                    document_id="d",
                    version_id="v",
                    groups=(),
                    created_at=datetime(2026, 1, 1, tzinfo=UTC),
                )
                for number, (text, language) in enumerate(passages)
            ]
        )

    def ask(self, question: str, limit: int = 10) -> list[tuple[int, float]]:
        """Passage numbers and scores, best first."""
        query = IndexQuery(
            mode="lexical",
            dense=None,
            lexical=self._encoder.query(question),
            scope=Scope(groups=None),
            fusion=Fusion(),
            limit=limit,
            prefetch=limit,
        )
        return [(uuid.UUID(hit.id).int - 1, hit.score) for hit in self._shard.search(query)]

    def close(self) -> None:
        self._shard.close()


@pytest.fixture(scope="module")
def encoder() -> Bm25Encoder:
    return Bm25Encoder(LexicalSettings())


def engine_idf(documents: int, containing: int) -> float:
    """Lucene's form, which the engine uses. BM25Okapi has ln((N-n+½)/(n+½)) without the 1+, which turns negative for
    terms in more than half of the documents (rank-bm25 then puts a quarter of the mean IDF in its place)."""
    return math.log(1 + (documents - containing + 0.5) / (containing + 0.5))


@pytest.fixture(scope="module")
def oracle() -> tuple[BM25Okapi, LexicalSettings]:
    """BM25Okapi over the terms the encoder makes of each word, and settings with its mean length."""
    plain = Bm25Encoder(LexicalSettings(languages=("en",)))
    tokens = [[term for word in text.split() for term in plain.document(word, "en").indices] for text in ENGLISH]
    okapi = BM25Okapi(tokens, k1=1.2, b=0.75)
    return okapi, LexicalSettings(languages=("en",), avg_len=okapi.avgdl)


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory, oracle: tuple[BM25Okapi, LexicalSettings]) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("english") / "shard"
    corpus = Corpus(folder, Bm25Encoder(oracle[1]), [(text, "en") for text in ENGLISH])
    yield corpus
    corpus.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_scores_are_bm25okapis_with_the_engines_idf(
    english: Corpus, oracle: tuple[BM25Okapi, LexicalSettings], question: str
) -> None:
    okapi, settings = oracle
    terms = Bm25Encoder(settings).query(question)
    expected = [0.0] * len(ENGLISH)
    for term, weight in zip(terms.indices, terms.values, strict=True):
        containing = sum(term in frequencies for frequencies in okapi.doc_freqs)
        okapi.idf[term] = engine_idf(len(ENGLISH), containing)
        for number, score in enumerate(okapi.get_scores([term])):
            expected[number] += weight * score
    found = dict(english.ask(question))
    assert set(found) == {number for number, score in enumerate(expected) if score > 0}
    for number, score in found.items():
        assert score == pytest.approx(expected[number], abs=1e-3)
    in_order = [expected[number] for number in found]
    assert in_order == pytest.approx(sorted(in_order, reverse=True), abs=1e-3)


@pytest.mark.parametrize("word", ["dust", "glacier", "office", "temperature", "thirty"])
def test_one_rare_term_ranks_as_unchanged_bm25okapi_does(
    english: Corpus, oracle: tuple[BM25Okapi, LexicalSettings], word: str
) -> None:
    okapi, settings = oracle
    (term,) = Bm25Encoder(settings).document(word, "en").indices
    fresh = BM25Okapi([list(Counter(frequencies).elements()) for frequencies in okapi.doc_freqs], k1=1.2, b=0.75)
    assert fresh.idf[term] > 0
    scores = fresh.get_scores([term])
    found = [number for number, _ in english.ask(word)]
    assert set(found) == {number for number, score in enumerate(scores) if score > 0}
    in_order = [scores[number] for number in found]  # of passages that tie either may come first
    assert in_order == pytest.approx(sorted(in_order, reverse=True), abs=1e-9)


@pytest.mark.parametrize("language", PASSAGES)
def test_no_language_comes_out_empty(tmp_path: Path, encoder: Bm25Encoder, language: str) -> None:
    passages = [(text, code) for code, texts in PASSAGES.items() for text in texts]
    corpus = Corpus(tmp_path / "shard", encoder, passages)
    best = corpus.ask(ASKED[language])[0][0]
    corpus.close()
    assert passages[best] == (PASSAGES[language][0], language)


def xquad(datasets: Path | None, language: str) -> tuple[list[str], list[tuple[str, int]]]:
    """Paragraphs and questions with their paragraph's number; the small set stands in where the data is absent."""
    if datasets is None:
        return PASSAGES[language], [(ASKED[language], 0)]
    paragraphs: list[str] = []
    questions: list[tuple[str, int]] = []
    for article in json.loads((datasets / "xquad" / f"xquad.{language}.json").read_text())["data"]:
        for paragraph in article["paragraphs"]:
            questions += [(asked["question"], len(paragraphs)) for asked in paragraph["qas"]]
            paragraphs.append(paragraph["context"])
    return paragraphs, questions


@pytest.mark.parametrize(("language", "at_least"), [("zh", 0.95), ("ar", 0.92), ("de", 0.92)])
def test_questions_find_their_paragraph(
    tmp_path: Path, datasets: Path | None, encoder: Bm25Encoder, language: str, at_least: float
) -> None:
    paragraphs, questions = xquad(datasets, language)
    corpus = Corpus(tmp_path / "shard", encoder, [(text, language) for text in paragraphs])
    total = 0.0
    for question, gold in questions:
        ranked = [number for number, _ in corpus.ask(question)]
        total += 1 / (ranked.index(gold) + 1) if gold in ranked else 0.0
    corpus.close()
    assert total / len(questions) >= at_least


def weights(vector: SparseVector) -> dict[int, float]:
    return dict(zip(vector.indices, vector.values, strict=True))


def test_a_question_is_read_in_its_own_language_first(encoder: Bm25Encoder) -> None:
    english = weights(encoder.query("What did the running dogs of Volkswagen eat?"))
    for word in ("running", "dogs", "Volkswagen"):
        assert english[encoder.document(word, "en").indices[0]] == 1.0
    assert english[encoder.document("Volkswagen", "de").indices[0]] == OTHER_READING
    # "the" is no German stop word; read as English it is none of the question's terms in any reading
    assert encoder.document("the", "de").indices[0] not in english
    german = weights(encoder.query("Was haben die Hunde von Volkswagen gefressen?"))
    assert german[encoder.document("Hunde", "de").indices[0]] == 1.0
    assert german[encoder.document("Volkswagen", "en").indices[0]] == OTHER_READING


def test_forms_that_look_the_same_are_the_same(encoder: Bm25Encoder) -> None:
    for one, other in (
        ("café", "cafe\u0301"),
        ("１２３", "123"),
        ("ﬁnance", "finance"),
        ("THE Glacier", "the glacier"),
    ):
        assert encoder.document(one, "en") == encoder.document(other, "en")


def test_it_is_deterministic_sorted_and_survives_anything(encoder: Bm25Encoder) -> None:
    other = Bm25Encoder(LexicalSettings())
    for text in ("", " \n\t", "!?", "\x00\ud7ff", "水", "a" * 10_000, "混ぜた mixed текст نص 42", "𠀀𠀁"):
        for language in ("en", "zh", "xx", ""):
            vector = encoder.document(text, language)
            assert vector == other.document(text, language)
            assert list(vector.indices) == sorted(set(vector.indices))
        assert encoder.query(text) == other.query(text)
    assert encoder.document("!?", "en").indices == ()
    assert encoder.query("the of and").indices == ()
    assert encoder.query("水").indices != ()


def test_every_engine_language_makes_terms(encoder: Bm25Encoder) -> None:
    for language in ENGINE_NAMES:
        assert encoder.document("Zürich 2024 Москва القاهرة", language).indices


def test_the_fingerprint_follows_the_passages_vectors(encoder: Bm25Encoder) -> None:
    assert Bm25Encoder(LexicalSettings()).fingerprint == encoder.fingerprint
    assert Bm25Encoder(LexicalSettings(languages=("it",))).fingerprint == encoder.fingerprint
    for changed in (LexicalSettings(k=1.5), LexicalSettings(b=0.5), LexicalSettings(avg_len=200)):
        assert Bm25Encoder(changed).fingerprint != encoder.fingerprint


def test_a_language_name_instead_of_a_code_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="ISO 639-1"):
        Bm25Encoder(LexicalSettings(languages=("german",)))
