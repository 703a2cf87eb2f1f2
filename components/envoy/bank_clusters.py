"""Envoy configuration towards banks: a cluster and a route a bank, built from Envoy's own messages.

    files = egress_files([market, ...])     {"bootstrap.json": ..., "lds.json": ..., "rds.json": ..., "cds.json": ...}

A caller names the bank in header `x-bank: <market>/<bank>`. Envoy's circuit breakers limit what goes on at a time and
know no errors, so a breaker of a bank is made of four things:

- circuit breakers: connections, waiting requests, requests, retries, retry budget;
- outlier detection that may eject the only host, with a panic threshold of 0, so that an ejected bank gets nothing;
- admission control as a filter of the cluster (a filter of the listener would judge all banks together);
- a local answer that says why, and that nothing was sent (503) or that it is not known (502, 504).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2, outlier_detection_pb2
from envoy.config.core.v3 import (
    address_pb2,
    base_pb2,
    config_source_pb2,
    protocol_pb2,
    substitution_format_string_pb2,
)
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.access_loggers.stream.v3 import stream_pb2
from envoy.extensions.filters.http.admission_control.v3 import admission_control_pb2
from envoy.extensions.filters.http.health_check.v3 import health_check_pb2
from envoy.extensions.filters.http.local_ratelimit.v3 import local_rate_limit_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.http.upstream_codec.v3 import upstream_codec_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb2
from envoy.extensions.retry.priority.previous_priorities.v3 import previous_priorities_config_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2, tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.service.discovery.v3 import discovery_pb2
from envoy.type.matcher.v3 import string_pb2
from envoy.type.v3 import http_status_pb2, percent_pb2, token_bucket_pb2
from google.protobuf import any_pb2, duration_pb2, json_format, struct_pb2, wrappers_pb2
from google.protobuf.message import Message

from components.banks import Bank, Endpoint, Market

CONFIG_FOLDER: Final = "/etc/egress"
"""Where a pod has its ConfigMap."""

CLIENT_FOLDER: Final = "/etc/bank-clients"
"""Where a pod has the certificate that it shows to banks."""

TRUSTED_CA: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Authorities of the image: banks' servers are certified by public ones."""

PORT, ADMIN_PORT = 8080, 9901

READY_PATH: Final = "/healthz"

CLIENT_SECRET: Final = "bank-client"
"""Name of the certificate in `sds.json`."""

ROUTES: Final = "banks"

REFUSED: Final = "x-refused"

RETRY_AFTER_S = 1
"""Seconds that a caller is asked to wait: about the interval in which a bank is asked again."""

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

_TYPE_URL: Final = "type.googleapis.com/"

_UNKNOWN, _NOT_SENT = "it is not known whether the bank took the payment", "nothing was sent to the bank"

LOCAL_ANSWERS: Final[tuple[tuple[tuple[str, ...], int, str, str], ...]] = (
    (("UT", "SI", "DT"), 504, "timeout", _UNKNOWN),
    (("UC", "UR", "UPE"), 502, "reset", _UNKNOWN),
    (("UO",), 503, "overload", _NOT_SENT),
    (("UH", "UF"), 503, "breaker", _NOT_SENT),
)
"""Envoy's response flags -> status, reason and what it means. The first that fits: a second try adds its flags to those
of the first, and what is not known outweighs the rest."""


def cluster_name(market: str, bank: str) -> str:
    """Of a bank's cluster, and the value of header `x-bank`."""
    return f"{market}/{bank}"


def egress_files(markets: Sequence[Market], node: str) -> dict[str, str]:
    """All files of one egress gateway, as they stand in its ConfigMap. `node`: its name in Envoy's own logs."""
    return {
        "bootstrap.json": to_json(bootstrap(node)),
        "lds.json": _discovery([listener()]),
        "rds.json": _discovery([routes(markets)]),
        "cds.json": _discovery([cluster(market.name, bank) for market in markets for bank in market.banks.values()]),
        "sds.json": _discovery([client_certificate()]),
    }


def to_json(message: Message) -> str:
    """One line with sorted keys: the same message is always the same text."""
    found = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return json.dumps(found, sort_keys=True, separators=(",", ":"))


def _discovery(resources: Iterable[Message]) -> str:
    return to_json(discovery_pb2.DiscoveryResponse(resources=[packed(resource) for resource in resources]))


def packed(message: Message) -> any_pb2.Any:
    """The message with its type, as Envoy takes extensions."""
    found = any_pb2.Any()
    found.Pack(message, _TYPE_URL)
    return found


def _ms(milliseconds: int) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)


def _number(value: int) -> wrappers_pb2.UInt32Value:
    return wrappers_pb2.UInt32Value(value=value)


def _yes(value: bool = True) -> wrappers_pb2.BoolValue:
    return wrappers_pb2.BoolValue(value=value)


def _address(host: str, port: int) -> address_pb2.Address:
    return address_pb2.Address(socket_address=address_pb2.SocketAddress(address=host, port_value=port))


def _folder(path: str) -> base_pb2.WatchedDirectory:
    return base_pb2.WatchedDirectory(path=path)


def _from_file(name: str) -> config_source_pb2.ConfigSource:
    """A kubelet swaps the folder's `..data` link and touches no file: Envoy has to watch the folder."""
    return config_source_pb2.ConfigSource(
        path_config_source=config_source_pb2.PathConfigSource(
            path=f"{CONFIG_FOLDER}/{name}", watched_directory=_folder(CONFIG_FOLDER)
        ),
        resource_api_version=config_source_pb2.ApiVersion.V3,
    )


def bootstrap(node: str) -> bootstrap_pb2.Bootstrap:
    """What Envoy starts with: everything else comes from the files beside it, and again when they change."""
    return bootstrap_pb2.Bootstrap(
        node=base_pb2.Node(id=node, cluster="egress"),
        admin=bootstrap_pb2.Admin(address=_address("127.0.0.1", ADMIN_PORT)),
        dynamic_resources=bootstrap_pb2.Bootstrap.DynamicResources(
            lds_config=_from_file("lds.json"), cds_config=_from_file("cds.json")
        ),
        # Most banks of a large group are idle at a time: their statistics are made with their first request.
        deferred_stat_options=bootstrap_pb2.Bootstrap.DeferredStatOptions(enable_deferred_creation_stats=True),
    )


def client_certificate() -> secret_pb2.Secret:
    """Read again when the Secret's folder is swapped: new connections show the new one, old ones stay."""

    def file(name: str) -> base_pb2.DataSource:
        return base_pb2.DataSource(filename=f"{CLIENT_FOLDER}/{name}")

    return secret_pb2.Secret(
        name=CLIENT_SECRET,
        tls_certificate=common_pb2.TlsCertificate(
            certificate_chain=file("tls.crt"), private_key=file("tls.key"), watched_directory=_folder(CLIENT_FOLDER)
        ),
    )


def cluster(market: str, bank: Bank) -> cluster_pb2.Cluster:
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
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": packed(_protocol(bank))
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
        endpoint=endpoint_components_pb2.Endpoint(address=_address(endpoint.host, endpoint.port))
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
    context = tls_pb2.UpstreamTlsContext(
        sni=server_name,
        common_tls_context=tls_pb2.CommonTlsContext(
            tls_params=common_pb2.TlsParameters(tls_minimum_protocol_version=common_pb2.TlsParameters.TLSv1_2),
            tls_certificate_sds_secret_configs=[
                secret_pb2.SdsSecretConfig(name=CLIENT_SECRET, sds_config=_from_file("sds.json"))
            ],
            validation_context=common_pb2.CertificateValidationContext(
                trusted_ca=base_pb2.DataSource(filename=TRUSTED_CA),
                match_typed_subject_alt_names=[
                    common_pb2.SubjectAltNameMatcher(
                        san_type=common_pb2.SubjectAltNameMatcher.DNS,
                        matcher=string_pb2.StringMatcher(exact=server_name),
                    )
                ],
            ),
        ),
    )
    return base_pb2.TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(context))


def _breakers(bank: Bank) -> circuit_breaker_pb2.CircuitBreakers:
    limits = bank.limits
    thresholds = circuit_breaker_pb2.CircuitBreakers.Thresholds(
        max_connections=_number(limits.connections),
        max_pending_requests=_number(limits.pending),
        max_requests=_number(limits.requests),
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
        consecutive_5xx=_number(of.consecutive_errors),
        enforcing_consecutive_5xx=_number(100),
        consecutive_gateway_failure=_number(of.consecutive_errors),
        enforcing_consecutive_gateway_failure=_number(100),
        enforcing_success_rate=_number(0),
        interval=_ms(of.interval_ms),
        base_ejection_time=_ms(of.base_ms),
        max_ejection_time=_ms(of.maximum_ms),
        max_ejection_percent=_number(100),
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
            _filter("envoy.filters.http.admission_control", _admission(bank)),
            _filter("envoy.filters.http.upstream_codec", upstream_codec_pb2.UpstreamCodec()),
        ],
    )
    found.explicit_http_config.http_protocol_options.SetInParent()
    return found


def _filter(name: str, config: Message) -> hcm_pb2.HttpFilter:
    return hcm_pb2.HttpFilter(name=name, typed_config=packed(config))


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
    """A route a bank, by header; a bank that nobody declared gets 404."""
    found = [_route(market.name, bank) for market in markets for bank in market.banks.values()]
    host = route_components_pb2.VirtualHost(name=ROUTES, domains=["*"], routes=found)
    return route_pb2.RouteConfiguration(name=ROUTES, virtual_hosts=[host])


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
        typed_per_filter_config={"envoy.filters.http.local_ratelimit": packed(_rate(bank))},
    )


def _retries(bank: Bank) -> route_components_pb2.RetryPolicy:
    found = route_components_pb2.RetryPolicy(
        retry_on=SAFE_RETRIES,
        num_retries=_number(bank.limits.retries),
        per_try_timeout=_ms(bank.limits.try_timeout_ms),
    )
    found.retry_back_off.base_interval.CopyFrom(_ms(25))
    if bank.second_route:
        found.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        found.retry_priority.typed_config.CopyFrom(
            packed(previous_priorities_config_pb2.PreviousPrioritiesConfig(update_frequency=1))
        )
    return found


def _always() -> base_pb2.RuntimeFractionalPercent:
    """100 %: the filter's own default is 0 %, which limits nothing."""
    return base_pb2.RuntimeFractionalPercent(
        default_value=percent_pb2.FractionalPercent(numerator=100, denominator=percent_pb2.FractionalPercent.HUNDRED)
    )


def _rate(bank: Bank) -> local_rate_limit_pb2.LocalRateLimit:
    """A bucket of one second's requests, filled ten times a second."""
    rate = bank.limits.rate_per_second
    every_ms = 100 if rate >= 10 else 1000
    return local_rate_limit_pb2.LocalRateLimit(
        stat_prefix="bank_rate",
        status=http_status_pb2.HttpStatus(code=429),
        token_bucket=token_bucket_pb2.TokenBucket(
            max_tokens=rate, tokens_per_fill=_number(rate * every_ms // 1000), fill_interval=_ms(every_ms)
        ),
        filter_enabled=_always(),
        filter_enforced=_always(),
    )


def listener() -> listener_pb2.Listener:
    """Where payments and settler call. It says nothing of banks, so a new bank does not change it."""
    manager = hcm_pb2.HttpConnectionManager(
        stat_prefix="egress",
        rds=hcm_pb2.Rds(config_source=_from_file("rds.json"), route_config_name=ROUTES),
        http_filters=[
            _filter("envoy.filters.http.health_check", _ready()),
            _filter("envoy.filters.http.local_ratelimit", local_rate_limit_pb2.LocalRateLimit(stat_prefix="bank_rate")),
            _filter("envoy.filters.http.router", router_pb2.Router(suppress_envoy_headers=True)),
        ],
        local_reply_config=_local_answers(),
        access_log=[_access_log()],
        use_remote_address=_yes(),
        generate_request_id=_yes(),
        preserve_external_request_id=True,
        request_timeout=_ms(30_000),
    )
    chain = listener_components_pb2.FilterChain(
        filters=[
            listener_components_pb2.Filter(
                name="envoy.filters.network.http_connection_manager", typed_config=packed(manager)
            )
        ]
    )
    return listener_pb2.Listener(name="egress", address=_address("0.0.0.0", PORT), filter_chains=[chain])


def _ready() -> health_check_pb2.HealthCheck:
    return health_check_pb2.HealthCheck(
        pass_through_mode=_yes(False),
        headers=[
            route_components_pb2.HeaderMatcher(name=":path", string_match=string_pb2.StringMatcher(exact=READY_PATH))
        ],
    )


def _local_answers() -> hcm_pb2.LocalReplyConfig:
    """What Envoy answers itself. Answers of a bank pass as they are."""
    mappers = [_answer(_flags(flags), status, word, what) for flags, status, word, what in LOCAL_ANSWERS]
    # Neither has a flag yet when its answer is written: the rate limiter has 429 for itself, and what is left of 503 is
    # admission control.
    rate_limit, admission = (
        _answer(_status(429), 503, "rate-limit", _NOT_SENT),
        _answer(_status(503), 503, "overload", _NOT_SENT),
    )
    return hcm_pb2.LocalReplyConfig(mappers=[*mappers, rate_limit, admission])


def _status(code: int) -> accesslog_pb2.AccessLogFilter:
    found = accesslog_pb2.AccessLogFilter()
    found.status_code_filter.comparison.op = accesslog_pb2.ComparisonFilter.EQ
    found.status_code_filter.comparison.value.default_value = code
    found.status_code_filter.comparison.value.runtime_key = f"egress.local_{code}"
    return found


def _flags(flags: Sequence[str]) -> accesslog_pb2.AccessLogFilter:
    return accesslog_pb2.AccessLogFilter(response_flag_filter=accesslog_pb2.ResponseFlagFilter(flags=flags))


def _answer(when: accesslog_pb2.AccessLogFilter, status: int, word: str, what: str) -> hcm_pb2.ResponseMapper:
    body = struct_pb2.Struct()
    body.update({"error": {"type": "bank_unavailable", "reason": word, "message": what}})
    return hcm_pb2.ResponseMapper(
        filter=when,
        status_code=_number(status),
        body_format_override=substitution_format_string_pb2.SubstitutionFormatString(json_format=body),
        headers_to_add=[_header(REFUSED, word), _header("retry-after", str(RETRY_AFTER_S))],
    )


def _header(name: str, value: str) -> base_pb2.HeaderValueOption:
    return base_pb2.HeaderValueOption(
        header=base_pb2.HeaderValue(key=name, value=value),
        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )


def _access_log() -> accesslog_pb2.AccessLog:
    """One JSON line a call. No path and no body: a reference stands in the path, amounts in the body."""
    line = struct_pb2.Struct()
    line.update(ACCESS_FIELDS)
    config = stream_pb2.StdoutAccessLog(
        log_format=substitution_format_string_pb2.SubstitutionFormatString(json_format=line)
    )
    found = accesslog_pb2.AccessLog(name="envoy.access_loggers.stdout", typed_config=packed(config))
    found.filter.not_health_check_filter.SetInParent()
    return found


ACCESS_FIELDS: Final[dict[str, Any]] = {
    "time": "%START_TIME%",
    "bank": "%REQ(x-bank)%",
    "method": "%REQ(:method)%",
    "status": "%RESPONSE_CODE%",
    "refused": "%RESP(x-refused)%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "upstream_ms": "%RESP(x-envoy-upstream-service-time)%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "host": "%UPSTREAM_HOST%",
    "request_id": "%REQ(x-request-id)%",
    "traceparent": "%REQ(traceparent)%",
}
"""Field of the access log -> Envoy's command."""
