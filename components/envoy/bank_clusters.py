"""Envoy configuration towards banks: a cluster and a route a bank, built from Envoy's own messages.

    files = egress_files([market, ...])     {"bootstrap.json": ..., "lds.json": ..., "rds.json": ..., "cds.json": ...}

A caller names the bank in header `x-bank: <market>/<bank>`. Envoy's circuit breakers limit what goes on at a time and
know no errors, so a breaker of a bank is made of four things:

- circuit breakers: connections, waiting requests, requests, retries, retry budget;
- outlier detection that may eject the only host, with a panic threshold of 0, so that an ejected bank gets nothing;
- admission control as a filter of the cluster (a filter of the listener would judge all banks together);
- a local answer that says why: nothing was sent (503, `x-refused`), or it is not known (502, 504, `x-bank-unknown`).
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2, outlier_detection_pb2
from envoy.config.core.v3 import base_pb2, protocol_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.admission_control.v3 import admission_control_pb2
from envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2 import LocalRateLimit
from envoy.extensions.filters.http.upstream_codec.v3 import upstream_codec_pb2
from envoy.extensions.retry.priority.previous_priorities.v3 import previous_priorities_config_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.matcher.v3 import string_pb2
from envoy.type.v3 import http_status_pb2, percent_pb2, token_bucket_pb2
from google.protobuf import struct_pb2, wrappers_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from components.banks import Bank, Endpoint, Market
from components.envoy.bank_listener import REFUSED, UNKNOWN, egress_listener
from components.envoy.messages import (
    address,
    bootstrap,
    count,
    discovery,
    duration,
    http_filter,
    pack,
    secret_file,
    secret_source,
    to_dict,
    transport_socket,
    upstream_tls,
)
from components.envoy.tracing import collector

CONFIG_FOLDER: Final = "/etc/egress"
"""Where a pod has its ConfigMap."""

CLIENT_FOLDER: Final = "/etc/bank-clients"
"""Where a pod has the certificate that it shows to banks."""

TRUSTED_CA: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Authorities of the image: banks' servers are certified by public ones."""

CLIENT_SECRET: Final = "bank-client"
"""Name of the certificate in `sds.json`."""

ROUTES: Final = "banks"

SAFE_RETRIES: Final = "connect-failure,refused-stream,reset-before-request"
"""Nothing of the request has left us then. All else may have moved money
(https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter)."""

HOSTS_FOR_FAILURE_PERCENT = 5
"""Envoy's `failure_percentage_minimum_hosts`
(https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/outlier_detection.proto)."""

ADMISSION_WINDOW_MS = 10_000
"""What it looks back on; Envoy's default of 30 s would go on refusing for as long after a recovery."""

ADMISSION_LEAST_RATE = 5
"""Requests a second in that window below which it refuses nothing: single failures say little."""


def cluster_name(market: str, bank: str) -> str:
    """Of a bank's cluster, and the value of header `x-bank`."""
    return f"{market}/{bank}"


def egress_files(markets: Sequence[Market], node: str, otlp_endpoint: str | None = None) -> dict[str, str]:
    """All files of one egress gateway, as they stand in its ConfigMap. `node`: its name in Envoy's own logs.
    `otlp_endpoint`: where its spans go."""
    clusters = [bank_cluster(market.name, bank) for market in markets for bank in market.banks.values()]
    if otlp_endpoint is not None:
        clusters.append(collector(otlp_endpoint))
    return {
        "bootstrap.json": _text(_bootstrap(node)),
        "lds.json": _discovery([egress_listener(f"{CONFIG_FOLDER}/rds.json", ROUTES, otlp_endpoint)]),
        "rds.json": _discovery([routes(markets)]),
        "cds.json": _discovery(clusters),
        "sds.json": _discovery([secret_file(CLIENT_SECRET, CLIENT_FOLDER)]),
    }


def _text(message: Message) -> str:
    """One line: the blanks of readable JSON would take a third of a ConfigMap's room."""
    return json.dumps(to_dict(message), sort_keys=True, separators=(",", ":"))


def _discovery(resources: Sequence[Message]) -> str:
    return _text(discovery(resources))


def _ms(milliseconds: int) -> Duration:
    return duration(milliseconds / 1000)


def _yes(value: bool = True) -> wrappers_pb2.BoolValue:
    return wrappers_pb2.BoolValue(value=value)


def _bootstrap(node: str) -> bootstrap_pb2.Bootstrap:
    """What Envoy starts with: everything else comes from the files beside it, and again when they change."""
    found = bootstrap(node, "egress", listeners=f"{CONFIG_FOLDER}/lds.json", clusters=f"{CONFIG_FOLDER}/cds.json")
    # Most banks of a large group are idle at a time: their statistics are made with their first request.
    found.deferred_stat_options.enable_deferred_creation_stats = True
    return found


def bank_cluster(market: str, bank: Bank) -> cluster_pb2.Cluster:
    """The way to one bank, shared with no other."""
    # One name for all hosts: certificates of a bank's hosts stand for the bank.
    return cluster_pb2.Cluster(
        name=cluster_name(market, bank.id),
        alt_stat_name=f"bank.{market}.{bank.id}",
        type=cluster_pb2.Cluster.STRICT_DNS,
        dns_lookup_family=cluster_pb2.Cluster.V4_ONLY,
        respect_dns_ttl=True,
        # A name that cannot be resolved keeps nobody else from being served.
        wait_for_warm_on_init=_yes(False),
        connect_timeout=_ms(bank.limits.connect_timeout_ms),
        load_assignment=_hosts(market, bank),
        circuit_breakers=_breakers(bank),
        outlier_detection=_ejection(bank),
        common_lb_config=cluster_pb2.Cluster.CommonLbConfig(
            # 50 % by default: with fewer healthy hosts Envoy would go on asking the ejected ones.
            healthy_panic_threshold=percent_pb2.Percent(value=0),
            # 1 s by default: a bank that is ejected within a second of its return would be asked on until then.
            update_merge_window=_ms(0),
        ),
        transport_socket_matches=list(_transport_matches(bank)),
        transport_socket=_tls(bank.endpoints[0].server_name),
        typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(_protocol(bank))
        },
    )


def _hosts(market: str, bank: Bank) -> endpoint_pb2.ClusterLoadAssignment:
    """The second route has the lower priority: it gets what the first cannot take."""
    routes_ = [bank.endpoints, *([bank.second_route] if bank.second_route else [])]
    return endpoint_pb2.ClusterLoadAssignment(
        cluster_name=cluster_name(market, bank.id),
        endpoints=[
            endpoint_components_pb2.LocalityLbEndpoints(
                priority=priority, lb_endpoints=[_host(bank, endpoint) for endpoint in endpoints]
            )
            for priority, endpoints in enumerate(routes_)
        ],
    )


def _host(bank: Bank, endpoint: Endpoint) -> endpoint_components_pb2.LbEndpoint:
    found = endpoint_components_pb2.LbEndpoint(
        endpoint=endpoint_components_pb2.Endpoint(address=address(endpoint.host, endpoint.port))
    )
    if endpoint.server_name != bank.endpoints[0].server_name:
        found.metadata.filter_metadata["envoy.transport_socket_match"].update({"server_name": endpoint.server_name})
    return found


def _transport_matches(bank: Bank) -> Iterator[cluster_pb2.Cluster.TransportSocketMatch]:
    """Hosts with a certificate of another name than the first host's."""
    names = {endpoint.server_name for endpoint in (*bank.endpoints, *bank.second_route)}
    for name in sorted(names - {bank.endpoints[0].server_name}):
        match = struct_pb2.Struct()
        match.update({"server_name": name})
        yield cluster_pb2.Cluster.TransportSocketMatch(name=name, match=match, transport_socket=_tls(name))


def _tls(server_name: str) -> base_pb2.TransportSocket:
    """Both sides show a certificate: ours comes from a file, the bank's has to be for this name."""
    ours = secret_source(CLIENT_SECRET, f"{CONFIG_FOLDER}/sds.json")
    return transport_socket(upstream_tls(server_name, TRUSTED_CA, certificate=ours))


def _breakers(bank: Bank) -> circuit_breaker_pb2.CircuitBreakers:
    limits = bank.limits
    thresholds = circuit_breaker_pb2.CircuitBreakers.Thresholds(
        max_connections=count(limits.connections),
        max_pending_requests=count(limits.pending),
        max_requests=count(limits.requests),
        track_remaining=True,
    )
    if limits.retries:
        thresholds.retry_budget.budget_percent.value = limits.retry_budget_percent
        thresholds.retry_budget.min_retry_concurrency.value = limits.retries
    else:
        thresholds.max_retries.value = 0
    return circuit_breaker_pb2.CircuitBreakers(thresholds=[thresholds])


def _ejection(bank: Bank) -> outlier_detection_pb2.OutlierDetection:
    """Local errors are not split off: the connection before a request that times out would count as a success there,
    and a bank that accepts and never answers would stay."""
    of = bank.ejection
    found = outlier_detection_pb2.OutlierDetection(
        consecutive_5xx=count(of.consecutive_errors),
        enforcing_consecutive_5xx=count(100),
        consecutive_gateway_failure=count(of.consecutive_errors),
        enforcing_consecutive_gateway_failure=count(100),
        enforcing_success_rate=count(0),
        interval=_ms(of.interval_ms),
        base_ejection_time=_ms(of.base_ms),
        max_ejection_time=_ms(of.maximum_ms),
        max_ejection_percent=count(100),
        always_eject_one_host=_yes(),
    )
    if of.failure_percent is not None:
        found.failure_percentage_threshold.value = of.failure_percent
        found.enforcing_failure_percentage.value = 100
        found.failure_percentage_minimum_hosts.value = HOSTS_FOR_FAILURE_PERCENT
    return found


def _protocol(bank: Bank) -> http_protocol_options_pb2.HttpProtocolOptions:
    found = http_protocol_options_pb2.HttpProtocolOptions(
        common_http_protocol_options=protocol_pb2.HttpProtocolOptions(idle_timeout=_ms(bank.limits.idle_timeout_ms)),
        http_filters=[
            http_filter("envoy.filters.http.admission_control", _admission(bank)),
            http_filter("envoy.filters.http.upstream_codec", upstream_codec_pb2.UpstreamCodec()),
        ],
    )
    found.explicit_http_config.http_protocol_options.SetInParent()
    return found


def _admission(bank: Bank) -> admission_control_pb2.AdmissionControl:
    """Refuses more of the requests the fewer succeed, up to 80 %: some always go through and tell of a recovery.
    A declined payment is a success: the bank has answered."""
    found = admission_control_pb2.AdmissionControl(sampling_window=_ms(ADMISSION_WINDOW_MS))
    found.enabled.default_value.value = True
    found.enabled.runtime_key = "bank.admission_control"
    found.success_criteria.http_criteria.http_success_status.add(start=100, end=500)
    found.sr_threshold.default_value.value = bank.ejection.minimum_success_percent
    found.sr_threshold.runtime_key = "bank.admission_control.success"
    found.max_rejection_probability.default_value.value = 80
    found.max_rejection_probability.runtime_key = "bank.admission_control.rejected"
    found.rps_threshold.default_value = ADMISSION_LEAST_RATE
    found.rps_threshold.runtime_key = "bank.admission_control.rate"
    return found


def routes(markets: Sequence[Market]) -> route_pb2.RouteConfiguration:
    """A route a bank, by header. No bank may say that nothing was sent to it."""
    found = [_route(market.name, bank) for market in markets for bank in market.banks.values()]
    host = route_components_pb2.VirtualHost(name=ROUTES, domains=["*"], routes=found)
    return route_pb2.RouteConfiguration(
        name=ROUTES, virtual_hosts=[host], response_headers_to_remove=[REFUSED, UNKNOWN]
    )


def _route(market: str, bank: Bank) -> route_components_pb2.Route:
    name, limits = cluster_name(market, bank.id), bank.limits
    action = route_components_pb2.RouteAction(
        cluster=name,
        timeout=_ms(limits.timeout_ms),
        host_rewrite_literal=bank.endpoints[0].server_name,
    )
    if limits.retries:
        action.retry_policy.CopyFrom(_retries(bank))
    return route_components_pb2.Route(
        match=route_components_pb2.RouteMatch(
            prefix="/",
            headers=[
                route_components_pb2.HeaderMatcher(name="x-bank", string_match=string_pb2.StringMatcher(exact=name))
            ],
        ),
        route=action,
        typed_per_filter_config={"envoy.filters.http.local_ratelimit": pack(_rate(bank))},
    )


def _retries(bank: Bank) -> route_components_pb2.RetryPolicy:
    found = route_components_pb2.RetryPolicy(
        retry_on=SAFE_RETRIES,
        num_retries=count(bank.limits.retries),
        per_try_timeout=_ms(bank.limits.try_timeout_ms),
    )
    found.retry_back_off.base_interval.CopyFrom(_ms(25))
    if bank.second_route:
        found.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        found.retry_priority.typed_config.CopyFrom(
            pack(previous_priorities_config_pb2.PreviousPrioritiesConfig(update_frequency=1))
        )
    return found


def _always() -> base_pb2.RuntimeFractionalPercent:
    """100 %: the filter's own default is 0 %, which limits nothing."""
    return base_pb2.RuntimeFractionalPercent(
        default_value=percent_pb2.FractionalPercent(numerator=100, denominator=percent_pb2.FractionalPercent.HUNDRED)
    )


def _rate(bank: Bank) -> LocalRateLimit:
    """A bucket of one second's requests, filled ten times a second."""
    rate = bank.limits.rate_per_second
    every_ms = 100 if rate >= 10 else 1000
    return LocalRateLimit(
        stat_prefix="bank_rate",
        status=http_status_pb2.HttpStatus(code=429),
        token_bucket=token_bucket_pb2.TokenBucket(
            max_tokens=rate, tokens_per_fill=count(rate * every_ms // 1000), fill_interval=_ms(every_ms)
        ),
        filter_enabled=_always(),
        filter_enforced=_always(),
    )
