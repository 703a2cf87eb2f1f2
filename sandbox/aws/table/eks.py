"""EKS clusters and managed node groups. Access, add-ons and pod identity are in ``eks_access``."""

from collections.abc import Mapping
from typing import Any

from sandbox.aws.provider.calls import changed, pick, tagging, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request
from sandbox.aws.table.parts import until_status

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"

RENAMES = {
    "vpcConfig": "resourcesVpcConfig",
    "enabledClusterLogTypes": "",
    "kubernetesNetworkConfig.serviceIpv6Cidr": "",
    "vpcConfig.clusterSecurityGroupId": "",
    "vpcConfig.vpcId": "",
}
"""What AWS calls differently, and what AWS decides."""

READ_RENAMES = {"vpcConfig": "resourcesVpcConfig", "identities": "identity", "identities.oidcs": "oidc"}

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")

CONFIG_CALLS = (
    ("deletionProtection",),
    ("accessConfig",),
    ("upgradePolicy",),
    ("zonalShiftConfig",),
    ("computeConfig", "storageConfig", "kubernetesNetworkConfig"),
    ("remoteNetworkConfig",),
    ("controlPlaneScalingConfig",),
)
"""Properties that one UpdateClusterConfig call takes together; EKS refuses two kinds in one call."""


def _logging(props: Props) -> dict[str, Any]:
    on = list(props.get("enabledClusterLogTypes") or ())
    off = [kind for kind in LOG_TYPES if kind not in on]
    groups = [{"types": types, "enabled": enabled} for types, enabled in ((on, True), (off, False)) if types]
    return {"clusterLogging": groups}


def _create(ctx: Context, props: Props) -> str:
    asked = request("eks", "CreateCluster", props, renames=RENAMES, omit=("defaultAddonsToRemoves",))
    if props.get("enabledClusterLogTypes"):
        asked["logging"] = _logging(props)
    ctx.client("eks").create_cluster(**asked)
    return str(props["name"])


def _settle(ctx: Context, name: str, _props: Props) -> None:
    def status() -> str:
        return str(ctx.client("eks").describe_cluster(name=name)["cluster"]["status"])

    until_status(ctx, status, f"cluster {name}", good=("ACTIVE",), bad=("FAILED",))


def _update(ctx: Context, name: str, old: Props, new: Props) -> None:
    client = ctx.client("eks")
    if changed(old, new, "version") and new.get("version"):
        client.update_cluster_version(name=name, version=new["version"], **_forced(new))
        _settle(ctx, name, new)
    if set(old.get("enabledClusterLogTypes") or ()) != set(new.get("enabledClusterLogTypes") or ()):
        client.update_cluster_config(name=name, logging=_logging(new))
        _settle(ctx, name, new)
    for part in _vpc_changes(old.get("vpcConfig") or {}, new["vpcConfig"]):
        client.update_cluster_config(name=name, resourcesVpcConfig=part)
        _settle(ctx, name, new)
    for group in CONFIG_CALLS:
        wanted = [prop for prop in group if prop in new and not _holds(new[prop], old.get(prop))]
        if wanted:
            client.update_cluster_config(**_config(name, new, wanted))
            _settle(ctx, name, new)


def _forced(props: Props) -> dict[str, Any]:
    return {"force": True} if props.get("forceUpdateVersion") else {}


def _holds(wanted: Any, live: Any) -> bool:
    """Every member that the program names has that value already."""
    if isinstance(wanted, Mapping):
        return all(_holds(value, (live or {}).get(key)) for key, value in wanted.items())
    return bool(wanted == live)


def _config(name: str, props: Props, wanted: list[str]) -> dict[str, Any]:
    """UpdateClusterConfig's parameters; only the mutable members of a block go along."""
    asked = request("eks", "UpdateClusterConfig", props, only=wanted, renames=RENAMES)
    asked.get("accessConfig", {}).pop("bootstrapClusterCreatorAdminPermissions", None)
    for fixed in ("serviceIpv4Cidr", "ipFamily"):
        asked.get("kubernetesNetworkConfig", {}).pop(fixed, None)
    return {**asked, "name": name}


def _vpc_changes(old: Props, new: Props) -> list[dict[str, Any]]:
    """Endpoint access and subnets are two calls (EKS API reference, UpdateClusterConfig)."""
    endpoint = ("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs")
    places = ("subnetIds", "securityGroupIds")
    return [
        pick(new, *names)
        for names in (endpoint, places)
        if any(_as_set(old.get(name)) != _as_set(new.get(name)) for name in names if name in new)
    ]


def _as_set(value: Any) -> Any:
    return set(value) if isinstance(value, (list, tuple)) else value


def _read(ctx: Context, name: str, last: Props) -> Props | None:
    live = ctx.client("eks").describe_cluster(name=name)["cluster"]
    found = outputs(CLUSTER, live, renames=READ_RENAMES)
    groups = (live.get("logging") or {}).get("clusterLogging") or []
    found["enabledClusterLogTypes"] = sorted(
        kind for group in groups if group.get("enabled") for kind in group["types"]
    )
    found["tags"] = live.get("tags") or {}
    asked = (last.get("accessConfig") or {}).get("bootstrapClusterCreatorAdminPermissions")
    if asked is not None and "accessConfig" in found:
        # EKS takes this at creation and does not always tell it afterwards.
        found["accessConfig"].setdefault("bootstrapClusterCreatorAdminPermissions", asked)
    return found


# ---- node groups

GROUP_RENAMES = {
    "nodeRoleArn": "nodeRole",
    "subnetIds": "subnets",
    "remoteAccess.sourceSecurityGroupIds": "sourceSecurityGroups",
    "nodeGroupName": "nodegroupName",
}

GROUP_READ_RENAMES = {
    **GROUP_RENAMES,
    "arn": "nodegroupArn",
    "resources.autoscalingGroups": "autoScalingGroups",
    "resources.remoteAccessSecurityGroupId": "remoteAccessSecurityGroup",
}


def group_of(id_: str) -> dict[str, str]:
    """The two names in a node group's id."""
    cluster, separator, group = id_.partition(":")
    if not separator:
        raise ValueError(f"{id_}: a node group's id is <cluster>:<node group>")
    return {"clusterName": cluster, "nodegroupName": group}


def _create_group(ctx: Context, props: Props) -> str:
    asked = request("eks", "CreateNodegroup", props, renames=GROUP_RENAMES)
    ctx.client("eks").create_nodegroup(**asked)
    return f"{props['clusterName']}:{props['nodeGroupName']}"


def _settle_group(ctx: Context, id_: str, _props: Props) -> None:
    def status() -> str:
        return str(ctx.client("eks").describe_nodegroup(**group_of(id_))["nodegroup"]["status"])

    until_status(ctx, status, f"node group {id_}", good=("ACTIVE",), bad=("CREATE_FAILED", "DEGRADED"))


def _update_group(ctx: Context, id_: str, old: Props, new: Props) -> None:
    client = ctx.client("eks")
    if changed(old, new, "version", "releaseVersion", "launchTemplate"):
        asked = request("eks", "UpdateNodegroupVersion", new, only=("version", "releaseVersion", "launchTemplate"))
        client.update_nodegroup_version(**asked, **group_of(id_), **_forced(new))
        _settle_group(ctx, id_, new)
    change = _group_change(old, new)
    if change:
        client.update_nodegroup_config(**change, **group_of(id_))


def _group_change(old: Props, new: Props) -> dict[str, Any]:
    blocks = [
        prop
        for prop in ("scalingConfig", "updateConfig", "nodeRepairConfig")
        if prop in new and changed(old, new, prop)
    ]
    asked = request("eks", "UpdateNodegroupConfig", new, only=blocks)
    labels, had = new.get("labels") or {}, old.get("labels") or {}
    if labels != had:
        asked["labels"] = {
            "addOrUpdateLabels": {key: value for key, value in labels.items() if had.get(key) != value},
            "removeLabels": [key for key in had if key not in labels],
        }
    taints, before = _taints(new), _taints(old)
    if taints != before:
        asked["taints"] = {
            "addOrUpdateTaints": [without_none(t) for key, t in taints.items() if before.get(key) != t],
            "removeTaints": [without_none(taint) for key, taint in before.items() if key not in taints],
        }
    return asked


def _taints(props: Props) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(taint["key"], taint["effect"]): taint for taint in props.get("taints") or ()}


def _read_group(ctx: Context, id_: str, _last: Props) -> Props | None:
    live = ctx.client("eks").describe_nodegroup(**group_of(id_))["nodegroup"]
    absent: dict[str, Any] = {"labels": None, "taints": None}
    return absent | outputs(NODE_GROUP, live, renames=GROUP_READ_RENAMES)


TYPES = [
    ResourceType(
        token=CLUSTER,
        computed_within=frozenset({"vpcConfig.clusterSecurityGroupId", "vpcConfig.vpcId"}),
        service="eks",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=lambda ctx, name, _last: ctx.client("eks").delete_cluster(name=name),
        tag=tagging("eks", arn="resourceArn", tags="tags", keys="tagKeys"),
        force_new=frozenset(
            {
                "name",
                "roleArn",
                "accessConfig.bootstrapClusterCreatorAdminPermissions",
                "bootstrapSelfManagedAddons",
                "encryptionConfig",
                "kubernetesNetworkConfig.ipFamily",
                "kubernetesNetworkConfig.serviceIpv4Cidr",
                "outpostConfig",
            }
        ),
        autoname=Autoname(max_length=100),
        defaults={"bootstrapSelfManagedAddons": True},
        # AWS encrypts every cluster by now, and answers blocks for features that nobody asked for, switched off.
        unread=frozenset({"encryptionConfig", "remoteNetworkConfig", "zonalShiftConfig"}),
        settles_gone=True,
        timeout_s=1800,
    ),
    ResourceType(
        token=NODE_GROUP,
        service="eks",
        create=_create_group,
        settle=_settle_group,
        read=_read_group,
        update=_update_group,
        delete=lambda ctx, id_, _last: ctx.client("eks").delete_nodegroup(**group_of(id_)),
        tag=tagging("eks", arn="resourceArn", tags="tags", keys="tagKeys"),
        force_new=frozenset(
            {
                "amiType",
                "capacityType",
                "clusterName",
                "diskSize",
                "instanceTypes",
                "launchTemplate.id",
                "launchTemplate.name",
                "nodeGroupName",
                "nodeGroupNamePrefix",
                "nodeRoleArn",
                "remoteAccess",
                "subnetIds",
            }
        ),
        autoname=Autoname(prop="nodeGroupName", max_length=63),
        # The emulator answers a key pair for SSH in every group.
        unread=frozenset({"remoteAccess", "warmPoolConfig"}),
        settles_gone=True,
        timeout_s=1800,
    ),
]
