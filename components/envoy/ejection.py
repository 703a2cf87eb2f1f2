"""When a server of a cluster is left alone for a while (Envoy's outlier detection), fit for one or two servers.

Envoy's defaults are for many: at most 10 % of them are ejected, and the rules that compare servers need five
(https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier).
"""

from dataclasses import dataclass

from envoy.config.cluster.v3 import outlier_detection_pb2

from components.envoy.messages import count, duration

COMPARED_HOSTS = 5
"""Servers that success rates need to be compared: `success_rate_minimum_hosts`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ejection:
    """Ejected after `consecutive` failures in a row, for `base_s` times how often that was, at most `maximum_s`."""

    hosts: int
    """Servers that Envoy sees: behind a Kubernetes service it is one."""
    consecutive: int = 5
    base_s: float = 5
    maximum_s: float = 60
    maximum_percent: int = 100
    """Of the servers that may be out at a time."""
    compared: bool = False
    """Whether also the one is ejected whose success rate is far below the others'."""

    def __post_init__(self) -> None:
        if self.hosts < 1 or self.consecutive < 1:
            raise ValueError("ejection.hosts, .consecutive: give 1 or more")
        if self.compared and self.hosts < COMPARED_HOSTS:
            raise ValueError(
                f"ejection.compared: {self.hosts} hosts, and Envoy compares {COMPARED_HOSTS} or more, so nothing would "
                "be ejected; leave it off, consecutive failures need one host only"
            )
        if self.hosts * self.maximum_percent < 100:
            raise ValueError(
                f"ejection.maximum_percent: {self.maximum_percent} % of {self.hosts} hosts is less than one, so none "
                f"would be ejected; give {-(-100 // self.hosts)} or more"
            )
        if not 0 < self.base_s <= self.maximum_s or self.maximum_percent > 100:
            raise ValueError("ejection.base_s, .maximum_percent: 0 s, above maximum_s, or more than 100 %")

    def message(self) -> outlier_detection_pb2.OutlierDetection:
        """Envoy's form. What is not meant is enforced at 0 %, because its default is 100."""
        return outlier_detection_pb2.OutlierDetection(
            consecutive_5xx=count(self.consecutive),
            enforcing_consecutive_5xx=count(100),
            enforcing_consecutive_gateway_failure=count(0),
            enforcing_success_rate=count(100 if self.compared else 0),
            interval=duration(1),
            base_ejection_time=duration(self.base_s),
            max_ejection_time=duration(self.maximum_s),
            max_ejection_time_jitter=duration(0.5),
            max_ejection_percent=count(self.maximum_percent),
        )
