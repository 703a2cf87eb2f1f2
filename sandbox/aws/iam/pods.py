"""EKS Pod Identity: the credentials of a service account's pods.

https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html has the session tags, pod-id-role.html the trust.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.eks.models import eks_backends
from moto.sts.models import AssumedRole, sts_backends

from sandbox.aws.iam.needs import assumption
from sandbox.aws.iam.sessions import PARTITION, role_of
from sandbox.aws.iam.verdict import Need, Refusal, judge_service

SERVICE = "pods.eks.amazonaws.com"
CLUSTER_TAG = "eks-cluster-arn"
DURATION_S = 6 * 3600
"""https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html"""


class NotAssociated(LookupError):
    """No association names this service account; the message says so."""


class NotTrusted(PermissionError):
    """The role does not let EKS assume it for this pod; the message is AWS's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """Whose credentials are asked for."""

    cluster_arn: str
    namespace: str
    service_account: str
    name: str = ""
    uid: str = ""

    def tags(self) -> dict[str, str]:
        """The session tags that EKS adds."""
        found = {
            CLUSTER_TAG: self.cluster_arn,
            "eks-cluster-name": self.cluster_arn.rpartition("/")[2],
            "kubernetes-namespace": self.namespace,
            "kubernetes-service-account": self.service_account,
            "kubernetes-pod-name": self.name,
            "kubernetes-pod-uid": self.uid,
        }
        return {key: value for key, value in found.items() if value}


def trusted(role_arn: str, tags: Mapping[str, str], session_name: str, cluster_arn: str) -> Refusal | None:
    """Whether a role lets EKS assume it for pods of this cluster, with these session tags; None where it does."""
    source = {"aws:SourceArn": cluster_arn, "aws:SourceAccount": [*cluster_arn.split(":"), *([""] * 5)][4]}
    for action in ("sts:AssumeRole", "sts:TagSession") if tags else ("sts:AssumeRole",):
        need = Need(action=action, resource=role_arn, context=assumption(tags, session_name))
        if refusal := judge_service(SERVICE, need, source):
            return refusal
    return None


def credentials(pod: Pod) -> Mapping[str, Any]:
    """What the pod identity agent answers a container: temporary credentials of the associated role. Raises
    NotAssociated or NotTrusted."""
    settings, role_arn = _association(pod)
    if settings.get("targetRoleArn"):
        raise NotImplementedError("pod identity associations with a target role")
    tags = {} if settings.get("disableSessionTags") else pod.tags()
    session_name = f"eks-{pod.cluster_arn.rpartition('/')[2]}-{pod.name or pod.service_account}"[:64]
    if role_of(role_arn) is None:
        raise NotTrusted(f"{role_arn} does not exist")
    if refusal := trusted(role_arn, tags, session_name, pod.cluster_arn):
        raise NotTrusted(refusal.message)
    session = _assume(pod, role_arn, session_name, settings.get("policy"))
    session.session_tags = tags
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "Token": session.session_token,
        "AccountId": session.account_id,
        "Expiration": session.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "RoleArn": role_arn,
    }


def _association(pod: Pod) -> tuple[Mapping[str, Any], str]:
    region, account, name = pod.cluster_arn.split(":")[3:6]
    cluster = eks_backends[account][region].clusters.get(name.removeprefix("cluster/"))
    for one in list(cluster.associations.values()) if cluster else []:
        if (one.namespace, one.service_account) == (pod.namespace, pod.service_account):
            return one.settings, one.role
    raise NotAssociated(f"no pod identity association for {pod.namespace}/{pod.service_account} in {pod.cluster_arn}")


def _assume(pod: Pod, role_arn: str, session_name: str, policy: str | None) -> AssumedRole:
    region, account = pod.cluster_arn.split(":")[3:5]
    return sts_backends[account][PARTITION].assume_role(
        region_name=region,
        role_session_name=session_name,
        role_arn=role_arn,
        policy=policy,
        duration=DURATION_S,
        external_id=None,
    )
