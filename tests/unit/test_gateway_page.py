"""The page about the gateway says what the code says."""

import re
from pathlib import Path

from gateway_page import BY_CALLER, PAGE, page, way

from components.gateway_filters import SCRIPTS
from components.gateway_replies import REPLIES

DATAPLANE = Path(__file__).parents[1] / "dataplane" / "test_gateway.py"


def test_the_page_about_the_gateway_is_as_the_code_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "docs/edge-gateway.md is old; run make docs"


def test_the_picture_shows_the_scorer_asked_before_payments() -> None:
    arrows = dict(way().arrows)
    assert arrows["router"] == "payments"
    assert ("fraud decision", "scorer") in way().arrows
    assert ("load balancer", "health") in way().arrows


def test_the_page_lists_what_the_caller_filter_refuses() -> None:
    found = re.findall(r'refuse\(handle, "(\d+)", "([a-z-]+)"', (SCRIPTS / "caller.lua").read_text(encoding="utf-8"))
    assert {reason: int(status) for status, reason in found} == BY_CALLER


def test_each_refusal_happens_in_a_test_with_a_real_envoy() -> None:
    text = DATAPLANE.read_text(encoding="utf-8")
    missing = {word for word in [*BY_CALLER, *(reply.reason for reply in REPLIES)] if f'"{word}"' not in text}
    assert not missing
