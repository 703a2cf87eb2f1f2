"""STS: sessions keep their tags, and whoever assumes a role with the tags of a pod does it as EKS.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from moto.core.responses import ActionResult
from moto.sts import urls
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse as MotoResponse

from sandbox.aws.extensions.wiring import replace_response
from sandbox.aws.iam import pods
from sandbox.aws.iam.gate import TEMPORARY


class TokenResponse(MotoResponse):  # type: ignore[misc]
    def assume_role(self) -> ActionResult:
        tags = {tag["Key"]: tag["Value"] for tag in self._get_param("Tags") or []}
        # A role that came through the gate was judged there. The sandbox's own key plays the pod identity agent.
        if pods.CLUSTER_TAG in tags and not self.access_key.startswith(TEMPORARY):
            role, name = self._get_param("RoleArn"), self._get_param("RoleSessionName")
            refusal = pods.trusted(role, tags, name, tags[pods.CLUSTER_TAG])
            if refusal is not None:
                raise STSClientError("AccessDenied", refusal.message)
        answer = super().assume_role()
        answer.result["Credentials"].session_tags = tags
        return answer


def install() -> None:
    replace_response(urls, MotoResponse, TokenResponse)
