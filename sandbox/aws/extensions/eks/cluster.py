"""An emulated EKS cluster: what CreateCluster stores, DescribeCluster shows and UpdateClusterConfig changes.

https://docs.aws.amazon.com/eks/latest/APIReference/API_Cluster.html
"""

import base64
import re
import secrets
import uuid
from collections.abc import Mapping

from moto.ec2.models import ec2_backends
from moto.eks import models as moto

from sandbox.aws.extensions.eks import records
from sandbox.aws.extensions.eks.access import Entry
from sandbox.aws.extensions.eks.addons import KUBERNETES_VERSIONS, Addon
from sandbox.aws.extensions.eks.pod_identity import Association
from sandbox.aws.extensions.eks.records import Wire, invalid_parameter, invalid_request
from sandbox.aws.kubernetes import Kubernetes
from sandbox.kubernetes.aws_types import Part

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")

KUBELET_SKEW = 3
"""Minor versions that nodes may be older than the control plane
(https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html)."""

_NAME = re.compile(r"[0-9A-Za-z][A-Za-z0-9\-_]{0,99}")

DEFAULTS: Mapping[str, Wire] = {
    "accessConfig": {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True},
    "upgradePolicy": {"supportType": "EXTENDED"},
    "computeConfig": {"enabled": False},
    "storageConfig": {"blockStorage": {"enabled": False}},
    "zonalShiftConfig": {"enabled": False},
    "controlPlaneScalingConfig": {"tier": "standard"},
}

UPDATE_TYPES = {
    "logging": "LoggingUpdate",
    "accessConfig": "AccessConfigUpdate",
    "upgradePolicy": "UpgradePolicyUpdate",
    "zonalShiftConfig": "ZonalShiftConfigUpdate",
    "computeConfig": "AutoModeUpdate",
    "storageConfig": "AutoModeUpdate",
    "kubernetesNetworkConfig": "AutoModeUpdate",
    "remoteNetworkConfig": "RemoteNetworkConfigUpdate",
    "deletionProtection": "DeletionProtectionUpdate",
    "controlPlaneScalingConfig": "ControlPlaneScalingConfigUpdate",
}
"""Member of UpdateClusterConfig -> type of the update; `resourcesVpcConfig` has two."""


class Cluster(moto.Cluster, records.Record):  # type: ignore[misc]
    """`kubernetes` runs its API server; the cluster is CREATING until that answers."""

    version: str

    def __init__(self, request: Wire, *, account: str, region: str, partition: str, kubernetes: Kubernetes) -> None:
        _validate(request)
        moto.Cluster.__init__(
            self,
            name=request["name"],
            role_arn=request["roleArn"],
            resources_vpc_config=request["resourcesVpcConfig"],
            account_id=account,
            region_name=region,
            aws_partition=partition,
            version=request.get("version") or KUBERNETES_VERSIONS[-1],
        )
        records.Record.__init__(self, self.arn, request.get("tags"))
        self._account, self._region, self._partition = account, region, partition
        self._kubernetes = kubernetes
        self._ready = False
        self.settings = _settings(request)
        self.access_config: Wire = {**DEFAULTS["accessConfig"], **request.get("accessConfig", {})}
        self.access: dict[str, Entry] = {}
        self.addons: dict[str, Addon] = {}
        self.associations: dict[str, Association] = {}
        issuer = f"https://oidc.eks.{region}.amazonaws.com/id/{uuid.uuid4().hex.upper()}"
        self.identity = {"oidc": {"issuer": issuer}}
        self.platformVersion = "eks.1"
        self.log_types = _log_types(request.get("logging"), frozenset())
        self.vpc_config = self._network(request["resourcesVpcConfig"])
        _check_auto_mode(self.settings)
        server = kubernetes.start(account, region, self.name)
        if self.settings["computeConfig"]["enabled"]:
            self.enable(Part.AUTO_MODE)
        self.endpoint = server.url
        self.certificate_authority = {"data": base64.b64encode(server.ca_pem.encode()).decode()}

    def enable(self, part: Part) -> None:
        """Its API server knows the types that a part of EKS brings."""
        self._kubernetes.enable(self._account, self._region, self.name, part)

    @property
    def status(self) -> str:
        if not self._ready:
            self._ready = self._kubernetes.ready(self._account, self._region, self.name)
        return "ACTIVE" if self._ready else "CREATING"

    @status.setter
    def status(self, _: str) -> None:
        """moto's constructor says ACTIVE at once; the API server knows better."""

    def child_arn(self, kind: str, *parts: object) -> str:
        tail = "/".join(str(part) for part in (self.name, *parts))
        return f"arn:{self._partition}:eks:{self._region}:{self._account}:{kind}/{tail}"

    def _network(self, request: Wire) -> Wire:
        """The VPC configuration with what EKS adds: the VPC and a security group of the cluster in it."""
        ec2 = ec2_backends[self._account][self._region]
        known = {subnet.id: subnet for zone in ec2.subnets.values() for subnet in zone.values()}
        missing = [subnet for subnet in request.get("subnetIds", ()) if subnet not in known]
        if missing:
            raise invalid_parameter(f"The subnet ID '{missing[0]}' does not exist")
        vpcs = {known[subnet].vpc_id for subnet in request.get("subnetIds", ())}
        if len(vpcs) != 1:
            raise invalid_parameter(f"Subnets must be in one VPC, these are in {len(vpcs)}: {sorted(vpcs)}")
        vpc = vpcs.pop()
        group = ec2.create_security_group(
            f"eks-cluster-sg-{self.name}-{secrets.randbelow(10**9):09d}",
            "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, "
            "as well as any managed workloads.",
            vpc,
            tags={f"kubernetes.io/cluster/{self.name}": "owned", "aws:eks:cluster-name": self.name},
        )
        return {
            "securityGroupIds": [],
            "endpointPublicAccess": True,
            "endpointPrivateAccess": False,
            **({} if request.get("endpointPublicAccess") is False else {"publicAccessCidrs": ["0.0.0.0/0"]}),
            **request,
            "clusterSecurityGroupId": group.id,
            "vpcId": vpc,
        }

    def deleted(self) -> None:
        """Take away what EKS made with the cluster."""
        self._kubernetes.stop(self._account, self._region, self.name)
        ec2 = ec2_backends[self._account][self._region]
        if ec2.get_security_group_from_id(self.vpc_config["clusterSecurityGroupId"]):
            ec2.delete_security_group(group_id=self.vpc_config["clusterSecurityGroupId"])

    def described(self) -> Wire:
        off = [kind for kind in LOG_TYPES if kind not in self.log_types]
        on = [kind for kind in LOG_TYPES if kind in self.log_types]
        logging = [{"types": types, "enabled": enabled} for types, enabled in ((on, True), (off, False)) if types]
        active = self.status == "ACTIVE"
        return {
            **self.settings,
            "name": self.name,
            "arn": self.arn,
            "createdAt": self.created_at,
            "version": self.version,
            "endpoint": self.endpoint if active else None,
            "roleArn": self.role_arn,
            "resourcesVpcConfig": self.vpc_config,
            "logging": {"clusterLogging": logging},
            "identity": self.identity,
            "status": "ACTIVE" if active else "CREATING",
            "certificateAuthority": self.certificate_authority if active else {},
            "platformVersion": self.platformVersion,
            "tags": self.tags,
            "accessConfig": self.access_config,
            "health": {"issues": []},
        }

    def configure(self, request: Wire) -> Wire:
        """UpdateClusterConfig: one kind of change a call, and it has to change something, as EKS asks."""
        given = {name for name in (*UPDATE_TYPES, "resourcesVpcConfig") if request.get(name) is not None}
        kinds = {UPDATE_TYPES.get(name, "VpcConfigUpdate") for name in given}
        if len(kinds) != 1:
            raise invalid_parameter(f"Exactly one type of update can be requested, not {sorted(kinds) or 'none'}")
        if "logging" in given:
            return self._configure_logging(request["logging"])
        if "resourcesVpcConfig" in given:
            return self._configure_network(request["resourcesVpcConfig"])
        if "accessConfig" in given:
            return self._configure_access(request["accessConfig"])
        changed = dict(self.settings)
        for name in given:
            old = changed.get(name)
            changed[name] = {**old, **request[name]} if isinstance(old, dict) else request[name]
        _check_auto_mode(changed)
        self.settings = changed
        if changed["computeConfig"]["enabled"]:
            self.enable(Part.AUTO_MODE)
        return self.note_update(kinds.pop(), {name[0].upper() + name[1:]: request[name] for name in given})

    def _configure_logging(self, request: Wire) -> Wire:
        wanted = _log_types(request, self.log_types)
        if wanted == self.log_types:
            raise invalid_parameter("No changes needed for the logging config provided")
        self.log_types = wanted
        return self.note_update("LoggingUpdate", {"ClusterLogging": request})

    def _configure_network(self, request: Wire) -> Wire:
        changed = {name: value for name, value in request.items() if self.vpc_config.get(name) != value}
        if not changed:
            raise invalid_parameter("Cluster is already at the desired configuration with the given VPC config")
        placement = {"subnetIds", "securityGroupIds"} & changed.keys()
        if placement and changed.keys() - placement:
            raise invalid_parameter("Subnets or security groups cannot be updated together with endpoint access")
        self.vpc_config.update(changed)
        return self.note_update("VpcConfigUpdate" if placement else "EndpointAccessUpdate", {})

    def _configure_access(self, request: Wire) -> Wire:
        order = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
        old, new = self.access_config["authenticationMode"], request["authenticationMode"]
        if order.index(new) <= order.index(old):
            raise invalid_parameter(f"Unsupported authentication mode update from {old} to {new}")
        self.access_config["authenticationMode"] = new
        return self.note_update("AccessConfigUpdate", {"AuthenticationMode": new})

    def upgrade(self, version: str) -> Wire:
        """UpdateClusterVersion: to the next minor version only."""
        if version not in KUBERNETES_VERSIONS:
            raise invalid_parameter(
                f"unsupported Kubernetes version {version}; known: {', '.join(KUBERNETES_VERSIONS)}"
            )
        if int(version.split(".")[1]) != int(self.version.split(".")[1]) + 1:
            raise invalid_parameter(f"Unsupported Kubernetes minor version update from {self.version} to {version}")
        self._check_skew(version)
        self.version = version
        return self.note_update("VersionUpdate", {"Version": version})

    def _check_skew(self, version: str) -> None:
        behind = [
            group.nodegroup_name
            for group in self.nodegroups.values()
            if int(version.split(".")[1]) - int(group.version.split(".")[1]) > KUBELET_SKEW
        ]
        if behind:
            names = ", ".join(sorted(behind))
            raise invalid_request(
                f"Nodegroups {names} must be updated to match cluster version before updating cluster version"
            )

    def check_deletable(self) -> None:
        if self.settings["deletionProtection"]:
            raise invalid_request(
                f"Cluster {self.name} has deletion protection enabled; disable it before deleting the cluster"
            )
        for attached, what in ((self.nodegroups, "nodegroups"), (self.fargate_profiles, "Fargate profiles")):
            if attached:
                raise records.in_use(f"Cluster has {what} attached: {', '.join(sorted(attached))}")


def _validate(request: Wire) -> None:
    if not _NAME.fullmatch(request["name"]):
        raise invalid_parameter(
            f"name {request['name']!r} must match ^[0-9A-Za-z][A-Za-z0-9-_]*, at most 100 characters"
        )
    version = request.get("version")
    if version and version not in KUBERNETES_VERSIONS:
        raise invalid_parameter(f"unsupported Kubernetes version {version}; known: {', '.join(KUBERNETES_VERSIONS)}")
    vpc = request["resourcesVpcConfig"]
    if vpc.get("endpointPublicAccess") is False and not vpc.get("endpointPrivateAccess"):
        raise invalid_parameter("Private and public endpoint access cannot be false at the same time.")


def _settings(request: Wire) -> Wire:
    """Members that are stored as given, with the defaults of EKS."""
    names = ("upgradePolicy", "computeConfig", "storageConfig", "zonalShiftConfig", "controlPlaneScalingConfig")
    network = {"ipFamily": "ipv4", "serviceIpv4Cidr": "172.20.0.0/16", "elasticLoadBalancing": {"enabled": False}}
    settings = {name: request.get(name) or DEFAULTS[name] for name in names}
    settings["kubernetesNetworkConfig"] = {**network, **request.get("kubernetesNetworkConfig", {})}
    settings["encryptionConfig"] = request.get("encryptionConfig", [])
    settings["deletionProtection"] = request.get("deletionProtection", False)
    if request.get("remoteNetworkConfig"):
        settings["remoteNetworkConfig"] = request["remoteNetworkConfig"]
    return settings


def _check_auto_mode(settings: Wire) -> None:
    """Auto Mode's three parts go together, and node pools with a role for their nodes."""
    compute = settings["computeConfig"]
    parts = {
        bool(compute.get("enabled")),
        bool((settings["storageConfig"].get("blockStorage") or {}).get("enabled")),
        bool((settings["kubernetesNetworkConfig"].get("elasticLoadBalancing") or {}).get("enabled")),
    }
    if len(parts) > 1:
        raise invalid_parameter(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig, "
            "kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled."
        )
    if bool(compute.get("nodePools")) != bool(compute.get("nodeRoleArn")):
        raise invalid_parameter("computeConfig: nodePools and nodeRoleArn must be given together")


def _log_types(logging: Wire | None, old: frozenset[str]) -> frozenset[str]:
    enabled = set(old)
    for setup in (logging or {}).get("clusterLogging", ()):
        types = set(setup.get("types", ()))
        if unknown := types - set(LOG_TYPES):
            raise invalid_parameter(f"Invalid log type {sorted(unknown)[0]}; valid: {', '.join(LOG_TYPES)}")
        enabled = enabled | types if setup.get("enabled") else enabled - types
    return frozenset(enabled)
