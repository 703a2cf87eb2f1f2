"""Spans of an Envoy: OpenTelemetry over HTTP, in W3C's trace context, without what callers write."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2
from envoy.config.core.v3 import http_service_pb2
from envoy.config.trace.v3 import http_tracer_pb2, opentelemetry_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.type.tracing.v3 import custom_tag_pb2
from envoy.type.v3 import percent_pb2

from components.envoy import messages
from components.envoy.messages import count, duration, pack

COLLECTOR = "collector"
"""The cluster that spans go to."""

CALLS = 100
"""Of one pod to the collector at a time: what it does not take is dropped, and no payment waits for it."""

UNTOLD: Final = ("http.url", "user_agent", "peer.address")
"""Attributes that Envoy takes from what a caller writes, and the caller's address: not ours to keep."""


def tracing(
    endpoint: str, service: str, sampled_percent: int, headers: Mapping[str, str]
) -> http_connection_manager_pb2.HttpConnectionManager.Tracing:
    """`sampled_percent`: of the requests that come without a context, and of those whose caller keeps the trace; no
    others are. `headers`: attribute of a span -> header of the request that has its value."""
    http = http_service_pb2.HttpService()
    http.http_uri.uri = f"{endpoint}/v1/traces"
    http.http_uri.cluster = COLLECTOR
    http.http_uri.timeout.CopyFrom(duration(1))
    config = opentelemetry_pb2.OpenTelemetryConfig(http_service=http, service_name=service)
    kind = custom_tag_pb2.CustomTag
    return http_connection_manager_pb2.HttpConnectionManager.Tracing(
        provider=http_tracer_pb2.Tracing.Http(name="envoy.tracers.opentelemetry", typed_config=pack(config)),
        random_sampling=percent_pb2.Percent(value=sampled_percent),
        overall_sampling=percent_pb2.Percent(value=100),
        client_sampling=percent_pb2.Percent(value=0),
        spawn_upstream_span={"value": True},
        custom_tags=[
            *(kind(tag=name, literal=kind.Literal(value="-")) for name in UNTOLD),
            *(kind(tag=name, request_header=kind.Header(name=header)) for name, header in headers.items()),
        ],
    )


def collector(endpoint: str) -> cluster_pb2.Cluster:
    """Where spans go."""
    parts = urlsplit(endpoint)
    found = messages.cluster(COLLECTOR, parts.hostname or "", parts.port or 4318, connect_timeout_s=0.25)
    kind = circuit_breaker_pb2.CircuitBreakers
    found.circuit_breakers.CopyFrom(kind(thresholds=[kind.Thresholds(max_requests=count(CALLS))]))
    return found
