"""The gateway's Envoy configuration, from settings to files: pure, no string is put together here.

    files(Gateway(cell="eu-west-1", limits=limits_for(200)))      name -> JSON, for the ConfigMap `gateway`
    routes(map_)                                                  JSON, for the ConfigMap `cell-map`

The way of a request: bounds, caller, rates, concurrency, fraud decision, admission, payments.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2
from envoy.config.core.v3 import protocol_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.lua.v3 import lua_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.type.v3 import percent_pb2

from components import gateway_filters as filters
from components.edge import IDLE_TIMEOUT_S
from components.envoy import messages
from components.envoy.messages import count, duration
from components.envoy.tracing import collector
from components.gateway_overload import overload_manager
from components.gateway_replies import local_replies
from components.gateway_settings import Endpoint, Gateway
from components.gateway_tracing import access_logs, tracing
from contracts.cell_map import CellMap

BOOTSTRAP, LISTENERS, CLUSTERS, ROUTES, SERVING = (
    "bootstrap.json",
    "lds.json",
    "cds.json",
    "rds.json",
    "serving.json",
)
PAYMENTS, SCORER = "payments", "scorer"

HTTPS = 8443

READ_S = 5.0
"""Seconds that a read may take: it waits for no bank."""

HEADER_KIB, HEADER_COUNT = 16, 64
"""Of a request's headers: a payment's are under 2 KiB and 20."""

HEADERS_S, REQUEST_S, IDLE_S = 5.0, 15.0, 30.0
"""Seconds for all headers, for the whole request, and of silence in a request: a caller that drips bytes holds no
connection for longer."""

CONNECTION_IDLE_S = IDLE_TIMEOUT_S + 15.0
"""Longer than the load balancer's, or it sends into a connection that is being closed."""

UPSTREAM_IDLE_S = 4.0
"""Less than the 5 s after which uvicorn closes a silent connection: a payment never meets a closing one."""

RETRY_PERCENT, RETRIES_AT_LEAST = 20.0, 3
"""Retries at a time in percent of open requests: Envoy's default budget."""

RETRIED: Final[Mapping[Endpoint, str]] = {
    # Nothing was sent yet: the one case in which a payment may be sent again without asking.
    Endpoint.CREATE: "connect-failure,refused-stream,reset-before-request",
    Endpoint.WRITE: "connect-failure,refused-stream,reset-before-request",
    Endpoint.READ: "connect-failure,refused-stream,reset,retriable-status-codes",
}

FRAUD_TIMING: Final = "fraud;dur=%COMMON_DURATION(DS_RX_END:US_TX_BEG:us)%e-3"
"""Stage of a created payment for its Server-Timing, in milliseconds: from the whole request to its first byte to
payments, which is the fraud decision and some microseconds of the limits."""

PATHS: Final[Mapping[Endpoint, Sequence[tuple[str, str]]]] = {
    Endpoint.CREATE: (("POST", "/v1/payments"),),
    Endpoint.READ: (("GET", "/v1/payments"), ("GET", "/v1/payments/[a-z0-9_]+")),
    Endpoint.WRITE: (("POST", "/v1/payments/[a-z0-9_]+/refunds"), ("POST", "/v1/payments/[a-z0-9_]+/confirm")),
}
"""Endpoint class -> method and path, as a regular expression, without lengths: Envoy takes programs of 100 steps, and
headers are bounded anyway. There is no other way to the API."""


WRITER: Final = "/writer"
"""Whether the cell writes: health checks of the clients' name ask it, without a key (workloads/payments/api.py)."""


def files(gateway: Gateway) -> dict[str, str]:
    """The ConfigMap `gateway`: process, listeners, clusters, and where the serving certificate is."""
    return {
        BOOTSTRAP: messages.write(bootstrap(gateway)),
        LISTENERS: messages.write(messages.discovery([listener(gateway)])),
        CLUSTERS: messages.write(messages.discovery(clusters(gateway))),
        SERVING: messages.write(messages.discovery([messages.secret_file("serving", gateway.certificate_folder)])),
    }


def routes(gateway: Gateway, accounts: CellMap) -> str:
    """The ConfigMap `cell-map`: the routes, and with them the accounts that another cell serves."""
    host = route_components_pb2.VirtualHost(name="api", domains=["*"], routes=_routes(gateway))
    host.metadata.filter_metadata[filters.CALLER].update(accounts.elsewhere())
    return messages.write(messages.discovery([route_pb2.RouteConfiguration(name="api", virtual_hosts=[host])]))


def bootstrap(gateway: Gateway) -> bootstrap_pb2.Bootstrap:
    """The process."""
    found = messages.bootstrap(
        "gateway",
        gateway.cell,
        listeners=f"{gateway.folder}/{LISTENERS}",
        clusters=f"{gateway.folder}/{CLUSTERS}",
    )
    found.overload_manager.CopyFrom(overload_manager(gateway))
    return found


def listener(gateway: Gateway) -> listener_pb2.Listener:
    """HTTPS for the load balancer, with the certificate that it does not verify."""
    serving = messages.secret_source("serving", f"{gateway.folder}/{SERVING}")
    return messages.listener("https", HTTPS, manager(gateway), tls=messages.downstream_tls(serving))


def manager(gateway: Gateway) -> http_connection_manager_pb2.HttpConnectionManager:
    """How a request is read, and all that it passes."""
    kind = http_connection_manager_pb2.HttpConnectionManager
    found = kind(
        stat_prefix="gateway",
        server_name="payments",
        rds=http_connection_manager_pb2.Rds(
            route_config_name="api", config_source=messages.file_source(f"{gateway.map_folder}/{ROUTES}")
        ),
        # The load balancer's address is the peer, the caller's is what it appended.
        xff_num_trusted_hops=1,
        internal_address_config=kind.InternalAddressConfig(),
        always_set_request_id_in_response=True,
        normalize_path={"value": True},
        merge_slashes=True,
        path_with_escaped_slashes_action=kind.REJECT_REQUEST,
        strip_any_host_port=True,
        max_request_headers_kb=count(HEADER_KIB),
        request_headers_timeout=duration(HEADERS_S),
        request_timeout=duration(REQUEST_S),
        stream_idle_timeout=duration(IDLE_S),
        delayed_close_timeout=duration(1),
        common_http_protocol_options=messages.http_options(idle_s=CONNECTION_IDLE_S, max_headers=HEADER_COUNT),
        http_protocol_options=protocol_pb2.Http1ProtocolOptions(),
        http2_protocol_options=messages.http2_options(),
        local_reply_config=local_replies(),
        early_header_mutation_extensions=[filters.without_own_headers(gateway)],
        http_filters=filters.chain(gateway),
        access_log=access_logs(gateway),
    )
    found.use_remote_address.value = True
    if gateway.otlp_endpoint is not None:
        found.tracing.CopyFrom(tracing(gateway.otlp_endpoint, gateway.sampled_percent))
    return found


def _routes(gateway: Gateway) -> list[route_components_pb2.Route]:
    ways = [_route(gateway, endpoint, method, path) for endpoint, ways in PATHS.items() for method, path in ways]
    return [*ways, _writer()]


def _writer() -> route_components_pb2.Route:
    """Past the caller filter, and so past all that goes by what it says: rates, concurrency, fraud decision."""
    found = route_components_pb2.Route(
        name="writer", route=route_components_pb2.RouteAction(cluster=PAYMENTS, timeout=duration(READ_S))
    )
    found.match.path = WRITER
    wanted = route_components_pb2.HeaderMatcher(name=":method")
    wanted.string_match.exact = "GET"
    found.match.headers.append(wanted)
    found.typed_per_filter_config[filters.CALLER].CopyFrom(messages.pack(lua_pb2.LuaPerRoute(disabled=True)))
    return found


def _route(gateway: Gateway, endpoint: Endpoint, method: str, path: str) -> route_components_pb2.Route:
    seconds = READ_S if endpoint is Endpoint.READ else gateway.deadlines.gateway_s
    retry = route_components_pb2.RetryPolicy(retry_on=RETRIED[endpoint], num_retries=count(1))
    if endpoint is Endpoint.READ:
        retry.retriable_status_codes.append(503)
    found = route_components_pb2.Route(
        name=endpoint.value,
        route=route_components_pb2.RouteAction(cluster=PAYMENTS, timeout=duration(seconds), retry_policy=retry),
    )
    if endpoint is Endpoint.CREATE:
        found.response_headers_to_add.extend(messages.headers({"server-timing": FRAUD_TIMING}, append=True))
    found.match.safe_regex.regex = path
    wanted = route_components_pb2.HeaderMatcher(name=":method")
    wanted.string_match.exact = method
    found.match.headers.append(wanted)
    return found


def clusters(gateway: Gateway) -> list[cluster_pb2.Cluster]:
    """Whom the gateway calls."""
    found = [_payments(gateway), _scorer(gateway)]
    return found if gateway.otlp_endpoint is None else [*found, collector(gateway.otlp_endpoint)]


def _payments(gateway: Gateway) -> cluster_pb2.Cluster:
    found = messages.cluster(
        PAYMENTS, gateway.payments_host, gateway.payments_port, connect_timeout_s=0.25, idle_s=UPSTREAM_IDLE_S
    )
    found.circuit_breakers.CopyFrom(_breaker(gateway.limits.concurrency))
    return found


def _scorer(gateway: Gateway) -> cluster_pb2.Cluster:
    fraud = gateway.fraud
    found = messages.cluster(SCORER, fraud.host, fraud.port, connect_timeout_s=fraud.connect_timeout_s, http2=True)
    found.circuit_breakers.CopyFrom(_breaker(fraud.requests))
    found.outlier_detection.CopyFrom(fraud.ejection.message())
    # With its one server ejected there is none, and calls fail at once instead of waiting for it.
    found.common_lb_config.healthy_panic_threshold.CopyFrom(percent_pb2.Percent(value=0))
    return found


def _breaker(requests: int) -> circuit_breaker_pb2.CircuitBreakers:
    kind = circuit_breaker_pb2.CircuitBreakers
    budget = kind.Thresholds.RetryBudget(
        budget_percent=percent_pb2.Percent(value=RETRY_PERCENT), min_retry_concurrency=count(RETRIES_AT_LEAST)
    )
    limits = {name: count(requests) for name in ("max_connections", "max_pending_requests", "max_requests")}
    return kind(thresholds=[kind.Thresholds(**limits, retry_budget=budget, track_remaining=True)])
