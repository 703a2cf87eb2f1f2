"""Pod identity associations: which IAM role the pods of a service account get.

https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html
"""

import secrets
from typing import Any

from moto.core.utils import utcnow
from moto.eks.utils import validate_role_arn

from sandbox.aws.extensions.eks.records import Record, Wire, in_use, not_found, without_none


class Association(Record):
    def __init__(
        self, *, cluster: Any, namespace: str, service_account: str, role: str, settings: Wire, tags: Any
    ) -> None:
        validate_role_arn(role)
        self.id = "a-" + secrets.token_hex(9)[:17]
        super().__init__(cluster.child_arn("podidentityassociation", self.id), tags)
        self.cluster = cluster
        self.namespace = namespace
        self.service_account = service_account
        self.role = role
        self.settings = settings
        self.owner: str | None = None

    def change(self, role: str | None, settings: Wire) -> None:
        if role is not None:
            validate_role_arn(role)
            self.role = role
        self.settings = {**self.settings, **settings}
        self.modified_at = utcnow()

    def described(self) -> Wire:
        target = self.settings.get("targetRoleArn")
        external_id = f"{self.cluster.arn}/{self.namespace}/{self.service_account}" if target else None
        return without_none(
            {
                "clusterName": self.cluster.name,
                "namespace": self.namespace,
                "serviceAccount": self.service_account,
                "roleArn": self.role,
                "associationArn": self.arn,
                "associationId": self.id,
                "tags": self.tags,
                "createdAt": self.created_at,
                "modifiedAt": self.modified_at,
                "ownerArn": self.owner,
                "disableSessionTags": self.settings.get("disableSessionTags", False),
                "targetRoleArn": target or None,
                "externalId": external_id,
                "policy": self.settings.get("policy"),
            }
        )

    def summary(self) -> Wire:
        names = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId", "ownerArn")
        described = self.described()
        return {name: described[name] for name in names if name in described}


class PodIdentityOperations:
    """The pod identity operations of the EKS API; mixed into the backend."""

    def _cluster(self, name: str) -> Any:
        raise NotImplementedError

    def create_association(self, cluster: str, **arguments: Any) -> Association:
        owner = self._cluster(cluster)
        made = Association(cluster=owner, **arguments)
        for other in owner.associations.values():
            if (other.namespace, other.service_account) == (made.namespace, made.service_account):
                raise in_use(
                    f"Association already exists: {other.id} "
                    f"(service account {made.service_account} in namespace {made.namespace})"
                )
        owner.associations[made.id] = made
        return made

    def association(self, cluster: str, association_id: str) -> Association:
        found = self._cluster(cluster).associations.get(association_id)
        if found is None:
            raise not_found(f"No association found for cluster with name: {cluster}, associationId: {association_id}")
        return found  # type: ignore[no-any-return]

    def delete_association(self, cluster: str, association_id: str) -> Association:
        found = self.association(cluster, association_id)
        del self._cluster(cluster).associations[association_id]
        return found
