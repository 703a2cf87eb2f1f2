"""The filters that a request passes in the gateway, in order. Each that refuses does so before a body is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from envoy.config.common.mutation_rules.v3 import mutation_rules_pb2
from envoy.config.core.v3 import base_pb2, extension_pb2, grpc_service_pb2
from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.common.ratelimit.v3 import ratelimit_pb2
from envoy.extensions.filters.common.matcher.action.v3 import skip_action_pb2
from envoy.extensions.filters.http.adaptive_concurrency.v3 import adaptive_concurrency_pb2
from envoy.extensions.filters.http.admission_control.v3 import admission_control_pb2
from envoy.extensions.filters.http.buffer.v3 import buffer_pb2
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2
from envoy.extensions.filters.http.health_check.v3 import health_check_pb2
from envoy.extensions.filters.http.local_ratelimit.v3 import local_rate_limit_pb2
from envoy.extensions.filters.http.lua.v3 import lua_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2
from envoy.type.matcher.v3 import http_inputs_pb2, string_pb2
from envoy.type.v3 import http_status_pb2, percent_pb2, token_bucket_pb2
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from xds.core.v3 import extension_pb2 as xds_extension_pb2
from xds.type.matcher.v3 import matcher_pb2

from components.edge import HEALTH_PATH
from components.envoy import messages
from components.envoy.messages import count, duration, http_filter, pack, pack_newer, pack_with, to_dict
from components.gateway_replies import ACCOUNT_RATE, ADAPTIVE_STATUS, CLASS_RATE, set_refused
from components.gateway_settings import Caller, Endpoint, FailMode, Gateway, Limits, Priority, Rate, Rates
from contracts.bounds import MAX_BODY_BYTES

Filter: TypeAlias = http_connection_manager_pb2.HttpFilter

ACCOUNT, CALLER_CLASS, ENDPOINT, PRIORITY, FRAUD_CHECK = (
    "x-account-id",
    "x-caller-class",
    "x-endpoint-class",
    "x-priority",
    "x-fraud-check",
)
"""What the caller filter says of a request; later filters, payments and log lines read it."""

CALLER = "envoy.filters.http.lua"
"""The caller filter's name, and the key of the cell map in the routes' metadata."""

SCRIPTS = Path(__file__).parent / "envoy"
"""What is written in Lua: `caller.lua`, `kept.lua`, `forced.lua`."""

SCORER_SEES: Final = (
    ACCOUNT,
    CALLER_CLASS,
    "x-request-id",
    "x-forwarded-for",
    "traceparent",
    "tracestate",
    "content-type",
    "idempotency-key",
    "user-agent",
    "accept-language",
)
"""Headers of a request that the scorer gets: no key, no cookie."""

SCORER_SAYS = "x-fraud-.*"
"""Headers that the scorer may set on the request; nothing else, whatever it answers."""

ADMITTED_PERCENT, REJECTED_PERCENT, WINDOW_S, ADMISSION_FROM_RPS = 95, 80, 30, 5
"""Admission control: below this success, up to this share is refused, judged over this window and from this rate on
(Envoy's defaults, which judge from 0 requests a second on)."""


def chain(gateway: Gateway) -> list[Filter]:
    """All of them."""
    limits, traced = gateway.limits, gateway.otlp_endpoint is not None
    return [
        _health(),
        *([_lua("kept", "kept")] if traced else []),
        _lua(CALLER, "caller"),
        _rate_limit(CLASS_RATE, limits.class_rates, limits, by_account=False),
        _rate_limit(ACCOUNT_RATE, limits.account_rates, limits, by_account=True),
        *(_at_a_time(limits, priority) for priority in reversed(Priority)),
        _adaptive(limits),
        _bounded_body(),
        *(_fraud(gateway, caller) for caller in Caller),
        *([_lua("forced", "forced")] if traced else []),
        _admission(),
        messages.router(),
    ]


def without_own_headers(gateway: Gateway) -> extension_pb2.TypedExtensionConfig:
    """What only the caller filter may say is gone before anything looks, a refusal before that filter included.

    Where we trace, so is the caller's own context: by its flag a caller would decide what is kept here. A front gate
    may begin anew (https://www.w3.org/TR/trace-context/#mutating-the-traceparent-field, "Restart trace")."""
    own = [ACCOUNT, CALLER_CLASS, ENDPOINT, PRIORITY, FRAUD_CHECK]
    if gateway.otlp_endpoint is not None:
        own += ["traceparent", "tracestate", "x-client-trace-id", "x-envoy-force-trace"]
    mutations = [mutation_rules_pb2.HeaderMutation(remove=name) for name in own]
    return extension_pb2.TypedExtensionConfig(
        name="own-headers", typed_config=pack(header_mutation_pb2.HeaderMutation(mutations=mutations))
    )


def _health() -> Filter:
    wanted = route_components_pb2.HeaderMatcher(name=":path")
    wanted.string_match.exact = HEALTH_PATH
    config = health_check_pb2.HealthCheck(headers=[wanted])
    config.pass_through_mode.value = False
    return http_filter("envoy.filters.http.health_check", config)


def _lua(name: str, script: str) -> Filter:
    source = base_pb2.DataSource(inline_string=(SCRIPTS / f"{script}.lua").read_text(encoding="utf-8"))
    return http_filter(name, lua_pb2.Lua(default_source_code=source))


def _rate_limit(name: str, rates: Rates, limits: Limits, *, by_account: bool) -> Filter:
    """A bucket for each caller class and endpoint class, or for each of those and each account."""
    keys = [CALLER_CLASS, ENDPOINT, *([ACCOUNT] if by_account else [])]
    enforced = base_pb2.RuntimeFractionalPercent(
        default_value=percent_pb2.FractionalPercent(numerator=limits.enforced_percent)
    )
    everything = base_pb2.RuntimeFractionalPercent(default_value=percent_pb2.FractionalPercent(numerator=100))
    widest = sum(rate.burst for row in rates.values() for rate in row.values())
    config = local_rate_limit_pb2.LocalRateLimit(
        stat_prefix=name.replace("-", "_"),
        # Required, and never the one that refuses: it holds as much as all others together.
        token_bucket=_bucket(Rate(per_s=widest, burst=widest)),
        always_consume_default_token_bucket={"value": False},
        # Both are 0 % unless they are said.
        filter_enabled=everything,
        filter_enforced=enforced,
        response_headers_to_add=set_refused(name),
        rate_limits=[_descriptor(keys)],
        descriptors=[
            _row(caller, endpoint, rate, by_account=by_account)
            for caller, row in sorted(rates.items())
            for endpoint, rate in sorted(row.items())
        ],
    )
    newer = {"max_dynamic_descriptors": limits.accounts} if by_account else {}
    return http_filter(name, pack_with(config, **newer))


def _bucket(rate: Rate) -> token_bucket_pb2.TokenBucket:
    return token_bucket_pb2.TokenBucket(
        max_tokens=rate.burst, tokens_per_fill=count(rate.per_s), fill_interval=duration(1)
    )


def _descriptor(keys: Sequence[str]) -> route_components_pb2.RateLimit:
    kind = route_components_pb2.RateLimit.Action
    return route_components_pb2.RateLimit(
        actions=[
            kind(request_headers=kind.RequestHeaders(header_name=key, descriptor_key=key, skip_if_absent=False))
            for key in keys
        ]
    )


def _row(caller: Caller, endpoint: Endpoint, rate: Rate, *, by_account: bool) -> ratelimit_pb2.LocalRateLimitDescriptor:
    kind = ratelimit_pb2.RateLimitDescriptor.Entry
    entries = [kind(key=CALLER_CLASS, value=caller.value), kind(key=ENDPOINT, value=endpoint.value)]
    # Without a value it stands for any, and each one has a bucket of its own.
    wild = [kind(key=ACCOUNT)] if by_account else []
    return ratelimit_pb2.LocalRateLimitDescriptor(entries=[*entries, *wild], token_bucket=_bucket(rate))


def _at_a_time(limits: Limits, priority: Priority) -> Filter:
    """So many requests at a time of this priority and all below it: what is below cannot take what is above.

    The adaptive concurrency filter with floor and ceiling at the same number is the one limiter of Envoy that counts
    open requests over all threads and can be had several times; circuit breakers know two priorities.
    """
    below = [one for one in Priority if list(Priority).index(one) >= list(Priority).index(priority)]
    limit = limits.at_a_time(priority)
    return _only_for(f"at-a-time-{priority}", PRIORITY, below, _concurrency(limit, limit))


def _adaptive(limits: Limits) -> Filter:
    """Less for all that can wait when answers take longer than they did; never less than the floor."""
    others = [one for one in Priority if one is not Priority.CRITICAL]
    config = _concurrency(limits.adaptive_floor, limits.concurrency, status=ADAPTIVE_STATUS, measured=True)
    return _only_for("adaptive", PRIORITY, others, config)


def _concurrency(floor: int, ceiling: int, *, status: int = 503, measured: bool = False) -> Any:
    kind = adaptive_concurrency_pb2.GradientControllerConfig
    config = adaptive_concurrency_pb2.AdaptiveConcurrency(
        gradient_controller_config=kind(
            concurrency_limit_params=kind.ConcurrencyLimitCalculationParams(
                max_concurrency_limit=count(ceiling), concurrency_update_interval=duration(0.25)
            ),
            min_rtt_calc_params=kind.MinimumRTTCalculationParams(
                interval=duration(60 if measured else 3600),
                request_count=count(50),
                min_concurrency=count(floor),
                jitter=percent_pb2.Percent(value=15),
                buffer=percent_pb2.Percent(value=50),
            ),
        ),
        concurrency_limit_exceeded_status=http_status_pb2.HttpStatus(code=status),
    )
    config.enabled.default_value.value = True
    return pack(config)


def _bounded_body() -> Filter:
    """413 above the bound. Whole before the scorer and payments are bothered: who drips bytes holds up neither."""
    return http_filter("envoy.filters.http.buffer", buffer_pb2.Buffer(max_request_bytes=count(MAX_BODY_BYTES)))


def _fraud(gateway: Gateway, caller: Caller) -> Filter:
    """One filter a caller class: its own fail mode, and its own counters of decisions and of what passed without."""
    opens = gateway.fraud.modes[caller] is not FailMode.BLOCK
    config = ext_authz_pb2.ExtAuthz(
        grpc_service=grpc_service_pb2.GrpcService(
            envoy_grpc=grpc_service_pb2.GrpcService.EnvoyGrpc(cluster_name="scorer"),
            timeout=duration(gateway.deadlines.fraud_s),
        ),
        transport_api_version="V3",
        stat_prefix=f"fraud_{caller}",
        failure_mode_allow=opens,
        failure_mode_allow_header_add=opens,
        status_on_error=http_status_pb2.HttpStatus(code=http_status_pb2.ServiceUnavailable),
        # Whole: the filter before this one has refused what is longer.
        with_request_body=ext_authz_pb2.BufferSettings(max_request_bytes=MAX_BODY_BYTES),
        validate_mutations=True,
        decoder_header_mutation_rules=_allowed_mutations(),
    )
    config.allowed_headers.patterns.extend(string_pb2.StringMatcher(exact=name) for name in SCORER_SEES)
    return _only_for(f"fraud-{caller}", FRAUD_CHECK, [caller], pack(config))


def _allowed_mutations() -> mutation_rules_pb2.HeaderMutationRules:
    rules = mutation_rules_pb2.HeaderMutationRules()
    rules.disallow_all.value = True
    rules.allow_expression.regex = SCORER_SAYS
    return rules


def _admission() -> Filter:
    """Refuses what can wait when payments fails; a payment is tried for as long as there is an API to try it."""
    config = admission_control_pb2.AdmissionControl(sampling_window=duration(WINDOW_S))
    config.enabled.default_value.value = True
    config.success_criteria.http_criteria.SetInParent()
    config.success_criteria.http_criteria.http_success_status.add(start=100, end=500)
    config.sr_threshold.default_value.value = ADMITTED_PERCENT
    config.max_rejection_probability.default_value.value = REJECTED_PERCENT
    config.rps_threshold.default_value = ADMISSION_FROM_RPS
    config.rps_threshold.runtime_key = "admission.rps_threshold"
    others = [one for one in Priority if one is not Priority.CRITICAL]
    return _only_for("admission", PRIORITY, others, pack(config))


def _only_for(name: str, header: str, values: Sequence[str], config: Any) -> Filter:
    """A filter that is passed by where `header` has none of `values`."""
    inner = extension_pb2.TypedExtensionConfig(name=name, typed_config=config)
    fields: Mapping[str, object] = {"extension_config": to_dict(inner), "xds_matcher": to_dict(_skip(header, values))}
    return http_filter(name, pack_newer("envoy.extensions.common.matching.v3.ExtensionWithMatcher", fields))


def _skip(header: str, values: Sequence[str]) -> matcher_pb2.Matcher:
    kinds = matcher_pb2.Matcher.MatcherList
    found = [_is(header, value) for value in values]
    any_of = found[0] if len(found) == 1 else kinds.Predicate(or_matcher=kinds.Predicate.PredicateList(predicate=found))
    skip = matcher_pb2.Matcher.OnMatch(action=_extension("skip", skip_action_pb2.SkipFilter()))
    return matcher_pb2.Matcher(
        matcher_list=kinds(matchers=[kinds.FieldMatcher(predicate=kinds.Predicate(not_matcher=any_of), on_match=skip)])
    )


def _is(header: str, value: str) -> matcher_pb2.Matcher.MatcherList.Predicate:
    kind = matcher_pb2.Matcher.MatcherList.Predicate
    single = kind.SinglePredicate(
        input=_extension("header", http_inputs_pb2.HttpRequestHeaderMatchInput(header_name=header))
    )
    single.value_match.exact = value
    return kind(single_predicate=single)


def _extension(name: str, config: Message) -> Message:

    return xds_extension_pb2.TypedExtensionConfig(name=name, typed_config=pack(config))
