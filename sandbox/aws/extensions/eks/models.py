"""moto's EKS backend with the clusters, node groups, access entries, associations and add-ons of this package."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from moto.eks import models as moto
from moto.eks.utils import validate_role_arn

from sandbox.aws.extensions.eks import access, addons, pod_identity
from sandbox.aws.extensions.eks.cluster import Cluster
from sandbox.aws.extensions.eks.nodegroup import NodeGroup
from sandbox.aws.extensions.eks.records import Record, Wire, find, in_use, invalid_request, not_found
from sandbox.aws.kubernetes import Kubernetes


class EksBackend(
    access.AccessOperations,
    pod_identity.PodIdentityOperations,
    addons.AddonOperations,
    moto.EKSBackend,  # type: ignore[misc]
):
    kubernetes: ClassVar[Kubernetes]

    def reset(self) -> None:
        for cluster in list(self.clusters.values()):
            self.kubernetes.stop(self.account_id, self.region_name, cluster.name)
        super().reset()

    def add_cluster(self, request: Wire, access_key_id: str) -> Cluster:
        name = request["name"]
        if name in self.clusters:
            raise in_use(f"Cluster already exists with name: {name}")
        validate_role_arn(request["roleArn"])
        cluster = Cluster(
            request,
            account=self.account_id,
            region=self.region_name,
            partition=self.partition,
            kubernetes=self.kubernetes,
        )
        if cluster.access_config["bootstrapClusterCreatorAdminPermissions"]:
            caller = self.kubernetes.caller(access_key_id)
            if caller is not None:
                # The emulator writes users with the service `sts`, access entries name them with `iam`.
                access.admit_creator(cluster, caller.principal_arn.replace(":sts::", ":iam::"))
        self.clusters[name] = cluster
        return cluster

    def remove_cluster(self, name: str) -> Wire:
        cluster = self._cluster(name)
        cluster.check_deletable()
        cluster.deleted()
        del self.clusters[name]
        return {**cluster.described(), "status": "DELETING"}

    def add_node_group(self, request: Wire) -> NodeGroup:
        cluster = self._active(request["clusterName"])
        name = request["nodegroupName"]
        if name in cluster.nodegroups:
            raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster.name}")
        group = NodeGroup(cluster, request, account=self.account_id, region=self.region_name)
        access.admit_nodes(cluster, request["nodeRole"])
        cluster.nodegroups[name] = group
        return group

    def node_group(self, cluster: str, name: str) -> NodeGroup:
        group = self._cluster(cluster).nodegroups.get(name)
        if group is None:
            raise not_found(f"No node group found for name: {name}.")
        return group  # type: ignore[no-any-return]

    def remove_node_group(self, cluster: str, name: str) -> Wire:
        group = self.node_group(cluster, name)
        del self.clusters[cluster].nodegroups[name]
        return {**group.described(), "status": "DELETING"}

    def updated(self, cluster: str, nodegroup: str | None, addon: str | None) -> Record:
        """What an update is about."""
        if nodegroup:
            return self.node_group(cluster, nodegroup)
        return self.addon(cluster, addon) if addon else self._cluster(cluster)

    def tagged(self, arn: str) -> Any:
        """The cluster or whatever belongs to one that has this ARN."""
        return find(self._everything(), arn)

    def _everything(self) -> Iterator[Any]:
        for cluster in self.clusters.values():
            yield cluster
            yield from cluster.nodegroups.values()
            yield from cluster.addons.values()
            yield from cluster.access.values()
            yield from cluster.associations.values()

    def _cluster(self, name: str) -> Cluster:
        with suppress(KeyError):
            return self.clusters[name]  # type: ignore[no-any-return]
        raise not_found(f"No cluster found for name: {name}.")

    def _active(self, name: str) -> Cluster:
        cluster = self._cluster(name)
        if cluster.status != "ACTIVE":
            raise invalid_request(f"Cluster '{name}' is not in ACTIVE status")
        return cluster


def page(items: Sequence[Any], limit: int | None, token: str | None) -> tuple[Sequence[Any], str | None]:
    """A page of at most `limit` items (100 unless told) and the token of the next one."""
    start = int(token or 0)
    end = start + (limit or 100)
    return items[start:end], str(end) if end < len(items) else None
