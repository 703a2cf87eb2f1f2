"""Which spans of a program are sent, and what it tells of its stages."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from operations.probe.load import server_timing
from workloads import kept_spans, telemetry
from workloads.kept_spans import BY_GATEWAY, KeptSpans

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Program:
    """A program with a span of its own below the gateway's."""

    def __init__(self) -> None:
        self.sent = InMemorySpanExporter()
        provider = TracerProvider(sampler=BY_GATEWAY)
        provider.add_span_processor(KeptSpans(SimpleSpanProcessor(self.sent)))
        self._tracer = provider.get_tracer("test")

    def work(self, flag: str, *, keep: bool = False, trace_id: str = TRACE) -> str:
        """One request; the context that it hands on."""
        came = telemetry.incoming({"traceparent": f"00-{trace_id}-b7ad6b7169203331-{flag}"})
        with self._tracer.start_as_current_span("create", context=came):
            with self._tracer.start_as_current_span("bank"):
                handed_on = telemetry.outgoing()["traceparent"]
            if keep:
                telemetry.keep()
        return handed_on

    def names(self) -> list[str]:
        return [span.name for span in self.sent.get_finished_spans()]


@pytest.fixture
def program() -> Program:
    return Program()


def test_what_the_gateway_samples_is_sent_and_the_rest_is_not(program: Program) -> None:
    assert not telemetry.sampled(program.work("00"))
    assert program.names() == []
    assert telemetry.sampled(program.work("01"))
    assert program.names() == ["bank", "create"]


def test_a_refusal_is_sent_with_all_that_the_program_did_for_it(program: Program) -> None:
    program.work("00", keep=True)
    bank, create = program.sent.get_finished_spans()
    assert (bank.name, create.name) == ("bank", "create")
    assert bank.parent
    assert create.context
    assert create.parent
    assert bank.parent.span_id == create.context.span_id
    assert f"{create.parent.span_id:016x}" == "b7ad6b7169203331"
    assert f"{create.context.trace_id:032x}" == TRACE


def test_what_has_no_caller_is_sent(program: Program) -> None:
    with program._tracer.start_as_current_span("settle"):
        assert telemetry.sampled(telemetry.outgoing()["traceparent"])
    assert program.names() == ["settle"]


def test_spans_whose_first_one_never_ends_are_let_go(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_spans, "WAITING_TRACES", 1)
    came = telemetry.incoming({"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"})
    first = program._tracer.start_span("create", context=came)
    program._tracer.start_span("lost", context=trace.set_span_in_context(first)).end()
    other = telemetry.incoming({"traceparent": f"00-{TRACE[::-1]}-b7ad6b7169203331-00"})
    second = program._tracer.start_span("create", context=other)
    program._tracer.start_span("bank", context=trace.set_span_in_context(second)).end()
    for span in (first, second):
        span.set_attribute(kept_spans.KEPT, True)
        span.end()
    assert program.names() == ["create", "bank", "create"]


def test_stages_are_told_in_milliseconds_also_where_they_fail() -> None:
    with telemetry.stages() as found:
        with telemetry.stage("tx1"), telemetry.stage("inner"):
            pass
        with pytest.raises(ValueError, match="broken"), telemetry.stage("bank"):
            raise ValueError("broken")
        with telemetry.stage("tx1"):
            pass
    assert list(found) == ["inner", "tx1", "bank"]
    header = telemetry.server_timing({"tx1": 1.234, "bank": 40})
    assert header == "tx1;dur=1.23, bank;dur=40.00"
    assert server_timing(header) == {"tx1": 1.23, "bank": 40}
    assert min(found.values()) >= 0
