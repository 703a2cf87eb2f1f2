"""Application load balancers and listeners with the attributes that AWS gives them at birth.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
"""

from typing import Any

from moto.elbv2 import models

APPLICATION = {
    "access_logs.s3.enabled": "false",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "health_check_logs.s3.enabled": "false",
    "health_check_logs.s3.bucket": "",
    "health_check_logs.s3.prefix": "",
    "idle_timeout.timeout_seconds": "60",
    "client_keep_alive.seconds": "3600",
    "load_balancing.cross_zone.enabled": "true",
    "ipv6.deny_all_igw_traffic": "false",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}

ENCRYPTED = ("HTTPS", "TLS")


class LoadBalancer(models.FakeLoadBalancer):  # type: ignore[misc]
    VALID_ATTRS = models.FakeLoadBalancer.VALID_ATTRS | APPLICATION.keys()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.type == "application":
            self.attrs.update(APPLICATION)


class Listener(models.FakeListener):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.protocol not in ENCRYPTED:
            self.ssl_policy = None
        if self.protocol in ("HTTP", "HTTPS"):
            self.attributes = {"routing.http.response.server.enabled": "true"}


def install() -> None:
    models.FakeLoadBalancer = LoadBalancer
    models.FakeListener = Listener
