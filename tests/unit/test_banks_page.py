"""The page about banks says what the code says."""

from pathlib import Path

from banks_page import PAGE, WITHOUT_FLAG, page, way

from components.envoy.bank_listener import LOCAL_ANSWERS
from stacks.market_models import BankSettings, EjectionSettings, HostSettings, LimitSettings, MarketSettings

DATAPLANE = Path(__file__).parents[1] / "dataplane" / "test_banks.py"


def test_the_page_about_banks_is_as_the_code_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "docs/banks.md is old; run make docs"


def test_the_picture_shows_a_cluster_and_a_breaker_a_bank() -> None:
    boxes = {box.key: box for box in way().boxes}
    for bank in ("alder", "birch", "cedar"):
        assert {"circuit_breakers", "outlier_detection", "admission_control"} <= set(boxes[f"eu-sepa/{bank}"].lines)
    assert boxes["eu-sepa/alder-1"].lines == ("instant-2.alder.example.com",)


def test_the_page_explains_every_key_of_a_market_file() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for model in (MarketSettings, BankSettings, HostSettings, LimitSettings, EjectionSettings):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in text, f"{model.__name__}: {field.alias or name}"


def test_each_answer_happens_in_a_test_with_a_real_envoy() -> None:
    text = DATAPLANE.read_text(encoding="utf-8")
    words = {word for _, _, word in LOCAL_ANSWERS} | {word for _, word in WITHOUT_FLAG}
    assert {word for word in words if f'"{word}"' not in text} == set()
