"""What the gateway does when its own memory or connections run out: less and less, in steps, before it is ended."""

from envoy.config.overload.v3 import overload_pb2
from envoy.extensions.resource_monitors.downstream_connections.v3 import downstream_connections_pb2
from envoy.extensions.resource_monitors.fixed_heap.v3 import fixed_heap_pb2
from google.protobuf.message import Message

from components.envoy.messages import duration, pack
from components.gateway_settings import Gateway

HEAP, CONNECTIONS = "envoy.resource_monitors.fixed_heap", "envoy.resource_monitors.global_downstream_max_connections"

STEPS = {
    "envoy.overload_actions.shrink_heap": 0.85,
    "envoy.overload_actions.disable_http_keepalive": 0.90,
    "envoy.overload_actions.stop_accepting_requests": 0.95,
    "envoy.overload_actions.stop_accepting_connections": 0.98,
}
"""Action -> share of the heap at which it begins, as in Envoy's guide for edge proxies."""

SHORTER_FROM, SHORTEST_AT, SHORTEST_S = 0.80, 0.95, 2
"""Shares of the heap between which idle timeouts shrink, and what they shrink to."""


def overload_manager(gateway: Gateway) -> overload_pb2.OverloadManager:
    """Monitors and actions."""
    return overload_pb2.OverloadManager(
        refresh_interval=duration(0.25),
        resource_monitors=[
            _monitor(HEAP, fixed_heap_pb2.FixedHeapConfig(max_heap_size_bytes=gateway.heap_bytes)),
            _monitor(
                CONNECTIONS,
                downstream_connections_pb2.DownstreamConnectionsConfig(
                    max_active_downstream_connections=gateway.limits.connections
                ),
            ),
        ],
        actions=[
            _shorter_timeouts(),
            *(overload_pb2.OverloadAction(name=name, triggers=[_at(share)]) for name, share in STEPS.items()),
        ],
    )


def _monitor(name: str, config: Message) -> overload_pb2.ResourceMonitor:
    return overload_pb2.ResourceMonitor(name=name, typed_config=pack(config))


def _at(share: float) -> overload_pb2.Trigger:
    return overload_pb2.Trigger(name=HEAP, threshold=overload_pb2.ThresholdTrigger(value=share))


def _shorter_timeouts() -> overload_pb2.OverloadAction:
    kind = overload_pb2.ScaleTimersOverloadActionConfig
    timers = [
        kind.ScaleTimer(timer=timer, min_timeout=duration(SHORTEST_S))
        for timer in (kind.HTTP_DOWNSTREAM_CONNECTION_IDLE, kind.HTTP_DOWNSTREAM_STREAM_IDLE)
    ]
    scaled = overload_pb2.ScaledTrigger(scaling_threshold=SHORTER_FROM, saturation_threshold=SHORTEST_AT)
    return overload_pb2.OverloadAction(
        name="envoy.overload_actions.reduce_timeouts",
        triggers=[overload_pb2.Trigger(name=HEAP, scaled=scaled)],
        typed_config=pack(kind(timer_scale_factors=timers)),
    )
