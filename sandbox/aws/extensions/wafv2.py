"""WAF: which resources a web ACL protects. https://docs.aws.amazon.com/waf/latest/APIReference/API_ListResourcesForWebACL.html"""

import json
from typing import Any

from moto.wafv2 import urls
from moto.wafv2.exceptions import WAFNonexistentItemException
from moto.wafv2.responses import WAFV2Response as MotoResponse

from sandbox.aws.extensions.wiring import replace_response

ARN_PARTS = {
    "APPLICATION_LOAD_BALANCER": ":loadbalancer/app/",
    "API_GATEWAY": ":/restapis/",
    "APPSYNC": ":apis/",
    "COGNITO_USER_POOL": ":userpool/",
}
"""ResourceType -> what the ARNs of such resources contain."""


class WAFV2Response(MotoResponse):  # type: ignore[misc]
    def list_resources_for_web_acl(self) -> Any:
        acl = self.wafv2_backend.wacls.get(self._get_param("WebACLArn"))
        if acl is None:
            raise WAFNonexistentItemException
        part = ARN_PARTS.get(self._get_param("ResourceType") or "APPLICATION_LOAD_BALANCER", "\0")
        found = [arn for arn in acl.associated_resources if part in arn]
        return 200, {"Content-Type": "application/json"}, json.dumps({"ResourceArns": found})


def install() -> None:
    replace_response(urls, MotoResponse, WAFV2Response)
