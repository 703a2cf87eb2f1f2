"""Security Hub settings that can be changed; moto answers fixed ones. An account without the newer Security Hub.

https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_UpdateSecurityHubConfiguration.html
https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_DescribeSecurityHubV2.html
"""

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.securityhub import models, responses, urls


class NoHub(JsonRESTError):  # type: ignore[misc]
    code = 404

    def __init__(self) -> None:
        super().__init__("ResourceNotFoundException", "The account is not subscribed to Security Hub V2.")


class SecurityHubBackend(models.SecurityHubBackend):  # type: ignore[misc]
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.settings: dict[str, Any] = {}

    def describe_hub(self, hub_arn: str | None = None) -> dict[str, Any]:
        return {**super().describe_hub(hub_arn), **self.settings}

    def disable_security_hub(self) -> dict[str, Any]:
        self.settings = {}
        return super().disable_security_hub()  # type: ignore[no-any-return]


class SecurityHubResponse(responses.SecurityHubResponse):  # type: ignore[misc]
    def update_security_hub_configuration(self) -> str:
        self.securityhub_backend.describe_hub()
        wanted = json.loads(self.body or "{}")
        known = ("AutoEnableControls", "ControlFindingGenerator")
        self.securityhub_backend.settings |= {name: wanted[name] for name in known if name in wanted}
        return "{}"

    def describe_security_hub_v2(self) -> str:
        raise NoHub


def install() -> None:
    # Still moto's module, in which its backend base class looks for the paths.
    SecurityHubBackend.__module__ = models.__name__
    models.securityhub_backends.backend = SecurityHubBackend
    urls.url_paths["{0}/hubv2$"] = SecurityHubResponse.dispatch
    for path in urls.url_paths:
        urls.url_paths[path] = SecurityHubResponse.dispatch
