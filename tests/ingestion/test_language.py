"""Languages: told by letters or by model, never guessed from scraps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingestion import language

SAMPLES = {
    "en": "The supplier shall deliver the instruments within four weeks after the order was confirmed in writing.",
    "de": "Der Lieferant liefert die Messgeräte innerhalb von vier Wochen nach der schriftlichen Bestätigung.",
    "fr": "Le fournisseur livre les instruments dans les quatre semaines qui suivent la confirmation écrite.",
    "es": "El proveedor entregará los instrumentos en un plazo de cuatro semanas tras la confirmación escrita.",
    "ru": "Поставщик поставляет приборы в течение четырёх недель после письменного подтверждения заказа.",
    "ar": "يسلم المورد الأجهزة في غضون أربعة أسابيع بعد تأكيد الطلب كتابيا.",
    "zh": "供应商应在订单书面确认后四周内交付仪器。",
    "ja": "サプライヤーは、注文が書面で確認されてから4週間以内に機器を納入します。",
    "ko": "공급업체는 주문이 서면으로 확인된 후 4주 이내에 기기를 납품해야 합니다.",
    "el": "Ο προμηθευτής παραδίδει τα όργανα εντός τεσσάρων εβδομάδων.",
}


@pytest.mark.parametrize("expected", SAMPLES)
def test_detects(expected: str) -> None:
    assert language.detect(SAMPLES[expected]) == expected


@pytest.mark.parametrize("scrap", ["", "42", "3.50 | 4.75 | 1,200", "Oslo", "ACME Ltd.", "… – •"])
def test_scraps_stay_open(scrap: str) -> None:
    assert language.detect(scrap) is None


def test_scraps_follow_their_section_then_the_document_then_the_default() -> None:
    texts = [SAMPLES["de"], "Oslo", SAMPLES["fr"] * 9, "Rome", "42"]
    assert language.assign(texts, [0, 0, 1, 1, 2], "en") == ["de", "de", "fr", "fr", "fr"]
    assert language.assign(["42", "Oslo"], [0, 1], "nl") == ["nl", "nl"]
    assert language.assign([], [], "en") == []


def test_a_change_of_script_is_a_change_of_language_within_a_section() -> None:
    texts = [SAMPLES["en"], SAMPLES["zh"], SAMPLES["ar"]]
    assert language.assign(texts, [0, 0, 0], "de") == ["en", "zh", "ar"]


def test_paragraphs_of_four_languages(datasets: Path | None) -> None:
    """Every paragraph of XQuAD; without the data set, the samples above stand in."""
    right, of = 0, 0
    for code in ("en", "de", "zh", "ar"):
        if datasets is None:
            texts = [SAMPLES[code]]
        else:
            data = json.loads((datasets / "xquad" / f"xquad.{code}.json").read_text("utf-8"))["data"]
            texts = [paragraph["context"] for article in data for paragraph in article["paragraphs"]]
        right += sum(language.detect(text) == code for text in texts)
        of += len(texts)
    assert right / of > 0.99
