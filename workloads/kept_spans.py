"""Which spans of a program are sent: those of traces that the gateway keeps, and those that the program keeps itself.

The gateway decides about a share before anybody knows how a request ends. A program that refuses, or that gets a
payment without a decision, marks its first span; then its own part of the trace is sent although the rest is not there.
"""

from collections import OrderedDict
from threading import Lock

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, StaticSampler
from opentelemetry.trace import SpanContext, TraceFlags

KEPT = "kept"
"""Attribute of a program's first span: send it, and what is below it."""

WAITING_TRACES = 2_000
"""Whose end is waited for at most: requests at a time. The oldest is let go."""


_RECORDED = StaticSampler(Decision.RECORD_ONLY)
BY_GATEWAY = ParentBased(ALWAYS_ON, remote_parent_not_sampled=_RECORDED, local_parent_not_sampled=_RECORDED)
"""Every span is recorded; sent as it ends is what the caller samples, and what has no caller."""


class KeptSpans(SpanProcessor):
    """Hands sampled spans on as they end, and the others when their program's first span ends and is marked."""

    def __init__(self, sender: SpanProcessor) -> None:
        self._sender, self._lock = sender, Lock()
        self._waiting: OrderedDict[int, list[ReadableSpan]] = OrderedDict()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: a span counts when it ends."""

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        assert context is not None  # of a span that ended
        if context.trace_flags.sampled:
            self._sender.on_end(span)
            return
        with self._lock:
            if span.parent is not None and not span.parent.is_remote:
                self._waiting.setdefault(context.trace_id, []).append(span)
                if len(self._waiting) > WAITING_TRACES:
                    self._waiting.popitem(last=False)
                return
            waiting = [*self._waiting.pop(context.trace_id, ()), span]
        if (span.attributes or {}).get(KEPT):
            for one in waiting:
                self._sender.on_end(_sampled(one))

    def shutdown(self) -> None:
        self._sender.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._sender.force_flush(timeout_millis)


def _sampled(span: ReadableSpan) -> ReadableSpan:
    """The same, marked as sampled: what sends spans leaves out all others."""
    context = span.get_span_context()
    assert context is not None  # of a span that ended
    marked = SpanContext(
        context.trace_id, context.span_id, context.is_remote, TraceFlags(TraceFlags.SAMPLED), context.trace_state
    )
    return ReadableSpan(
        name=span.name,
        context=marked,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
    )
