"""Managed add-ons of a cluster.

https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html
"""

import json
import re
import uuid
from collections.abc import Sequence
from typing import Any

from moto.core.utils import utcnow

from sandbox.aws.extensions.eks.pod_identity import Association
from sandbox.aws.extensions.eks.records import Record, Wire, in_use, invalid_parameter, not_found, without_none
from sandbox.kubernetes.aws_types import Part

KUBERNETES_VERSIONS = ("1.32", "1.33", "1.34", "1.35", "1.36")

NAMESPACES = {
    "vpc-cni": "kube-system",
    "coredns": "kube-system",
    "kube-proxy": "kube-system",
    "eks-pod-identity-agent": "kube-system",
    "eks-node-monitoring-agent": "kube-system",
    "aws-ebs-csi-driver": "kube-system",
    "aws-efs-csi-driver": "kube-system",
    "aws-mountpoint-s3-csi-driver": "kube-system",
    "snapshot-controller": "kube-system",
    "metrics-server": "kube-system",
    "external-dns": "external-dns",
    "cert-manager": "cert-manager",
    "kube-state-metrics": "kube-state-metrics",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "amazon-cloudwatch-observability": "amazon-cloudwatch",
    "aws-guardduty-agent": "amazon-guardduty",
    "aws-secrets-store-csi-driver-provider": "aws-secrets-manager",
    "aws-network-flow-monitoring-agent": "amazon-network-flow-monitor",
    "adot": "opentelemetry-operator-system",
}
"""Add-on -> namespace that it installs into."""

_VERSION = re.compile(r"v\d+\.\d+\.\d+-eksbuild\.\d+")


class Addon(Record):
    def __init__(self, *, cluster: Any, name: str, version: str | None, settings: Wire, tags: Any) -> None:
        _check(name, version, settings, cluster.version)
        super().__init__(cluster.child_arn("addon", name, uuid.uuid4()), tags)
        self.cluster = cluster
        self.name = name
        self.version = version or default_version(name, cluster.version)
        self.settings = {key: value for key, value in settings.items() if key != "podIdentityAssociations"}
        self.associations: list[Association] = []

    def change(self, version: str | None, settings: Wire) -> Wire:
        _check(self.name, version, settings, self.cluster.version)
        self.version = version or self.version
        self.settings.update((key, value) for key, value in settings.items() if key != "podIdentityAssociations")
        return self.note_update(
            "AddonUpdate",
            {
                "AddonVersion": version,
                "ServiceAccountRoleArn": settings.get("serviceAccountRoleArn"),
                "ConfigurationValues": settings.get("configurationValues"),
            },
        )

    def described(self) -> Wire:
        return without_none(
            {
                "addonName": self.name,
                "clusterName": self.cluster.name,
                "status": "ACTIVE",
                "addonVersion": self.version,
                "health": {"issues": []},
                "addonArn": self.arn,
                "createdAt": self.created_at,
                "modifiedAt": self.modified_at,
                "serviceAccountRoleArn": self.settings.get("serviceAccountRoleArn"),
                "tags": self.tags,
                "publisher": "eks",
                "owner": "aws",
                "configurationValues": self.settings.get("configurationValues"),
                "podIdentityAssociations": [association.arn for association in self.associations] or None,
                "namespaceConfig": self.settings.get("namespaceConfig") or {"namespace": NAMESPACES[self.name]},
            }
        )


def _check(name: str, version: str | None, settings: Wire, kubernetes: str) -> None:
    if name not in NAMESPACES:
        raise invalid_parameter(f"Addon {name} is not supported; known: {', '.join(sorted(NAMESPACES))}")
    if version is not None and not _VERSION.fullmatch(version):
        raise invalid_parameter(f"Addon version specified is not supported: {version} (such as v1.20.4-eksbuild.1)")
    if name == "kube-proxy" and version is not None and _minor(version) > _minor(kubernetes):
        # https://docs.aws.amazon.com/eks/latest/userguide/managing-kube-proxy.html
        raise invalid_parameter(
            f"Addon version specified is not supported: {version} is for a cluster of a later version"
        )
    values = settings.get("configurationValues")
    if values and values.lstrip().startswith("{"):
        try:
            json.loads(values)
        except ValueError as error:
            raise invalid_parameter(
                f"ConfigurationValue provided in request is not supported: not JSON: {error}"
            ) from error


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def default_version(name: str, kubernetes: str) -> str:
    """A version in the form that EKS uses. The emulator does not know which versions AWS offers today: it takes any,
    and proposes the one that kube-proxy would have, or v1.0.0."""
    return f"v{kubernetes}.0-eksbuild.1" if name == "kube-proxy" else "v1.0.0-eksbuild.1"


class AddonOperations:
    """The add-on operations of the EKS API; mixed into the backend."""

    def _cluster(self, name: str) -> Any:
        raise NotImplementedError

    def _active(self, name: str) -> Any:
        raise NotImplementedError

    def create_addon(self, cluster: str, *, associations: Sequence[Wire], **arguments: Any) -> Addon:
        owner = self._active(cluster)
        if arguments["name"] in owner.addons:
            raise in_use(f"Addon already exists: {arguments['name']}")
        addon = Addon(cluster=owner, **arguments)
        self._associate(owner, addon, associations)
        owner.addons[addon.name] = addon
        if addon.name == Part.VPC_CNI:
            owner.enable(Part.VPC_CNI)
        return addon

    def addon(self, cluster: str, name: str) -> Addon:
        addon = self._cluster(cluster).addons.get(name)
        if addon is None:
            raise not_found(f"No addon: {name} found in cluster: {cluster}")
        return addon  # type: ignore[no-any-return]

    def update_addon(
        self, cluster: str, name: str, version: str | None, settings: Wire, associations: Sequence[Wire] | None
    ) -> Wire:
        addon = self.addon(cluster, name)
        made = addon.change(version, settings)
        if associations is not None:
            self._dissociate(addon)
            self._associate(addon.cluster, addon, associations)
        return made

    def delete_addon(self, cluster: str, name: str) -> Addon:
        addon = self.addon(cluster, name)
        self._dissociate(addon)
        del addon.cluster.addons[name]
        addon.modified_at = utcnow()
        return addon

    def _associate(self, cluster: Any, addon: Addon, wanted: Sequence[Wire]) -> None:
        for association in wanted:
            made = Association(
                cluster=cluster,
                namespace=addon.described()["namespaceConfig"]["namespace"],
                service_account=association["serviceAccount"],
                role=association["roleArn"],
                settings={},
                tags=None,
            )
            made.owner = addon.arn
            cluster.associations[made.id] = made
            addon.associations.append(made)

    def _dissociate(self, addon: Addon) -> None:
        for association in addon.associations:
            addon.cluster.associations.pop(association.id, None)
        addon.associations.clear()


def versions(name: str | None, kubernetes: str | None) -> list[Wire]:
    """What DescribeAddonVersions answers for the add-ons of `NAMESPACES`."""
    matching = [version for version in KUBERNETES_VERSIONS if kubernetes in (None, version)]
    return [
        {
            "addonName": addon,
            "type": "infra-management",
            "publisher": "eks",
            "owner": "aws",
            "defaultNamespace": namespace,
            "addonVersions": [
                {
                    "addonVersion": default_version(addon, version),
                    "architecture": ["amd64", "arm64"],
                    "computeTypes": ["ec2", "auto"],
                    "compatibilities": [{"clusterVersion": version, "platformVersions": ["*"], "defaultVersion": True}],
                    "requiresConfiguration": False,
                    "requiresIamPermissions": addon.endswith("csi-driver"),
                }
                for version in matching
            ],
        }
        for addon, namespace in NAMESPACES.items()
        if name in (None, addon)
    ]
