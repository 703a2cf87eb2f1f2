"""A managed node group: what CreateNodegroup stores and the two update calls change. No instance is started.

https://docs.aws.amazon.com/eks/latest/APIReference/API_Nodegroup.html
"""

import uuid
from typing import Any

from moto.ec2.models import ec2_backends
from moto.eks.utils import validate_role_arn

from sandbox.aws.extensions.eks.records import Record, Wire, invalid_parameter, without_none

DEFAULT_SCALING = {"minSize": 1, "maxSize": 2, "desiredSize": 2}

_TEMPLATE_NAMES = ("id", "name", "version")


class NodeGroup(Record):
    def __init__(self, cluster: Any, request: Wire, *, account: str, region: str) -> None:
        validate_role_arn(request["nodeRole"])
        super().__init__(cluster.child_arn("nodegroup", request["nodegroupName"], uuid.uuid4()), request.get("tags"))
        self._ec2 = ec2_backends[account][region]
        self.cluster = cluster
        self.nodegroup_name: str = request["nodegroupName"]
        self.request = request
        self.version: str = request.get("version") or cluster.version
        self.release_version: str = request.get("releaseVersion") or release(self.version)
        self.scaling = _scaling({**DEFAULT_SCALING, **request.get("scalingConfig", {})})
        self.labels: dict[str, str] = dict(request.get("labels", {}))
        self.taints: list[dict[str, str]] = list(request.get("taints", []))
        self.update_config: Wire = request.get("updateConfig") or {"maxUnavailable": 1}
        self.repair_config: Wire | None = request.get("nodeRepairConfig")
        self.launch_template = self._template(request.get("launchTemplate"))
        self._group = f"eks-{self.nodegroup_name}-{uuid.uuid4()}"

    def _template(self, wanted: Wire | None) -> Wire | None:
        """The launch template by id, name and version, as EKS shows it; it has to exist."""
        if not wanted:
            return None
        if self.request.get("diskSize"):
            raise invalid_parameter("Disk size must be specified within the launch template.")
        if self.request.get("remoteAccess"):
            raise invalid_parameter("Remote access configuration cannot be specified with a launch template.")
        for template in self._ec2.launch_templates.values():
            if wanted.get("id", template.id) == template.id and wanted.get("name", template.name) == template.name:
                version = str(wanted.get("version") or template.default_version_number)
                if template.get_version(version) is not None:
                    return {"id": template.id, "name": template.name, "version": version}
        raise invalid_parameter(f"The launch template {wanted.get('id') or wanted.get('name')} does not exist")

    def described(self) -> Wire:
        request = self.request
        own_template = self.launch_template is not None
        remote = request.get("remoteAccess")
        return without_none(
            {
                "nodegroupName": self.nodegroup_name,
                "nodegroupArn": self.arn,
                "clusterName": self.cluster.name,
                "version": self.version,
                "releaseVersion": self.release_version,
                "createdAt": self.created_at,
                "modifiedAt": self.modified_at,
                "status": "ACTIVE",
                "capacityType": request.get("capacityType") or "ON_DEMAND",
                "scalingConfig": self.scaling,
                "instanceTypes": request.get("instanceTypes") or (None if own_template else ["t3.medium"]),
                "subnets": request["subnets"],
                "remoteAccess": remote,
                "amiType": request.get("amiType") or "AL2023_x86_64_STANDARD",
                "nodeRole": request["nodeRole"],
                "labels": self.labels,
                "taints": self.taints,
                "resources": without_none(
                    {
                        "autoScalingGroups": [{"name": self._group}],
                        "remoteAccessSecurityGroup": f"sg-{self._group[-12:]}" if remote else None,
                    }
                ),
                "diskSize": None if own_template else request.get("diskSize") or 20,
                "health": {"issues": []},
                "updateConfig": self.update_config,
                "nodeRepairConfig": self.repair_config,
                "launchTemplate": self.launch_template,
                "tags": self.tags,
            }
        )

    def configure(self, request: Wire) -> Wire:
        """UpdateNodegroupConfig."""
        labels, taints = request.get("labels") or {}, request.get("taints") or {}
        self.scaling = _scaling({**self.scaling, **(request.get("scalingConfig") or {})})
        self.labels.update(labels.get("addOrUpdateLabels", {}))
        for name in labels.get("removeLabels", ()):
            self.labels.pop(name, None)
        gone = [*taints.get("addOrUpdateTaints", ()), *taints.get("removeTaints", ())]
        identities = {(taint.get("key"), taint.get("effect")) for taint in gone}
        self.taints = [taint for taint in self.taints if (taint.get("key"), taint.get("effect")) not in identities]
        self.taints += taints.get("addOrUpdateTaints", ())
        self.update_config = request.get("updateConfig") or self.update_config
        self.repair_config = request.get("nodeRepairConfig") or self.repair_config
        scaling = request.get("scalingConfig") or {}
        return self.note_update(
            "ConfigUpdate",
            {
                "MinSize": scaling.get("minSize"),
                "MaxSize": scaling.get("maxSize"),
                "DesiredSize": scaling.get("desiredSize"),
                "LabelsToAdd": labels.get("addOrUpdateLabels"),
                "LabelsToRemove": labels.get("removeLabels"),
                "TaintsToAdd": taints.get("addOrUpdateTaints"),
                "TaintsToRemove": taints.get("removeTaints"),
            },
        )

    def upgrade(self, request: Wire) -> Wire:
        """UpdateNodegroupVersion: nodes are never newer than the control plane."""
        version = request.get("version") or self.version
        if _minor(version) > _minor(self.cluster.version):
            raise invalid_parameter(f"Nodegroup version {version} is newer than the cluster's {self.cluster.version}")
        if request.get("launchTemplate"):
            if self.launch_template is None:
                raise invalid_parameter(
                    "A launch template cannot be added to a node group that was created without one"
                )
            self.launch_template = self._template(request["launchTemplate"])
        same = version == self.version
        self.release_version = request.get("releaseVersion") or (self.release_version if same else release(version))
        self.version = version
        return self.note_update("VersionUpdate", {"Version": version, "ReleaseVersion": self.release_version})


def release(version: str) -> str:
    """An AMI release version in the form that EKS uses."""
    return f"{version}.0-20260101"


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def _scaling(scaling: Wire) -> Wire:
    low, wanted, high = scaling["minSize"], scaling["desiredSize"], scaling["maxSize"]
    if not 0 <= low <= wanted <= high or high < 1:
        raise invalid_parameter(
            f"Minimum capacity {low}, desired {wanted} and maximum {high} must not decrease in this order"
        )
    return scaling
