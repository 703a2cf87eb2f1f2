"""EKS: clusters, their add-ons, nodes, and who may enter."""

from collections.abc import Iterator
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import given

_GONE = frozenset({"ResourceNotFoundException"})
"""What is deleted while it is being read is no longer there, and that is all."""


def _list(operation: str, member: str) -> Question:
    return Question(service="eks", operation=operation, keep=(member,), items=member, absent=_GONE)


def _described(operation: str, member: str, names: str) -> Question:
    keep = tuple(f"{member}.{name}" for name in names.split())
    return Question(service="eks", operation=operation, keep=keep, absent=_GONE)


CLUSTERS = _list("list_clusters", "clusters")
CLUSTER = _described(
    "describe_cluster",
    "cluster",
    "name arn version roleArn status resourcesVpcConfig logging encryptionConfig accessConfig tags deletionProtection"
    " endpoint certificateAuthority",
)
ADDONS = _list("list_addons", "addons")
ADDON = _described(
    "describe_addon",
    "addon",
    "addonName addonVersion addonArn status configurationValues tags",
)
ENTRIES = _list("list_access_entries", "accessEntries")
ENTRY = _described(
    "describe_access_entry",
    "accessEntry",
    "principalArn accessEntryArn kubernetesGroups username type tags",
)
POLICIES = _list("list_associated_access_policies", "associatedAccessPolicies")
NODE_GROUPS = _list("list_nodegroups", "nodegroups")
NODE_GROUP = _described(
    "describe_nodegroup",
    "nodegroup",
    "nodegroupArn version releaseVersion status capacityType instanceTypes subnets"
    " amiType nodeRole scalingConfig launchTemplate tags",
)
IDENTITIES = _list("list_pod_identity_associations", "associations")
IDENTITY = _described(
    "describe_pod_identity_association",
    "association",
    "namespace serviceAccount roleArn associationArn tags",
)

_OF_PEOPLE = "STANDARD"
"""Type of the access entries that may hold groups and policies."""


def clusters(region: Region) -> Iterator[Live]:
    """Clusters of this account; connected ones of elsewhere are none of EKS's own."""
    for name, cluster in _clusters(region):
        network = cluster.get("resourcesVpcConfig") or {}
        logs = (cluster.get("logging") or {}).get("clusterLogging") or ()
        yield Live(
            id=name,
            props={
                **given(version=cluster.get("version"), roleArn=cluster.get("roleArn"), status=cluster.get("status")),
                **given(encryptionConfig=(cluster.get("encryptionConfig") or [None])[0]),
                **given(accessConfig=cluster.get("accessConfig"), endpoint=cluster.get("endpoint")),
                **given(certificateAuthority=cluster.get("certificateAuthority")),
                "arn": cluster["arn"],
                "name": name,
                "deletionProtection": cluster.get("deletionProtection", False),
                "enabledClusterLogTypes": [kind for one in logs if one.get("enabled") for kind in one["types"]],
                "vpcConfig": {
                    **given(vpcId=network.get("vpcId"), clusterSecurityGroupId=network.get("clusterSecurityGroupId")),
                    "endpointPublicAccess": network.get("endpointPublicAccess", True),
                    "endpointPrivateAccess": network.get("endpointPrivateAccess", False),
                    "publicAccessCidrs": network.get("publicAccessCidrs") or [],
                    "securityGroupIds": network.get("securityGroupIds") or [],
                    "subnetIds": network.get("subnetIds") or [],
                },
                "tags": cluster.get("tags") or {},
            },
        )


def _clusters(region: Region) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in region.pages(CLUSTERS):
        if answer := region.ask(CLUSTER, name=name):
            yield name, answer["cluster"]


def addons(region: Region) -> Iterator[Live]:
    """Add-ons of all clusters."""
    for cluster in region.pages(CLUSTERS):
        for name in region.pages(ADDONS, clusterName=cluster):
            answer = region.ask(ADDON, clusterName=cluster, addonName=name)
            if answer is None:
                continue
            addon = answer["addon"]
            yield Live(
                id=f"{cluster}:{name}",
                props={
                    **given(addonVersion=addon.get("addonVersion"), status=addon.get("status")),
                    **given(configurationValues=addon.get("configurationValues"), arn=addon.get("addonArn")),
                    "addonName": name,
                    "clusterName": cluster,
                    "tags": addon.get("tags") or {},
                },
            )


def access_entries(region: Region) -> Iterator[Live]:
    """Who may enter a cluster; EKS makes the entries of its managed nodes."""
    for cluster, principal in _entries(region):
        answer = region.ask(ENTRY, clusterName=cluster, principalArn=principal)
        if answer is None:
            continue
        entry = answer["accessEntry"]
        kind = entry.get("type", _OF_PEOPLE)
        yield Live(
            id=f"{cluster}:{principal}",
            made_by_aws="" if kind == _OF_PEOPLE else "access entry of nodes",
            props={
                **given(accessEntryArn=entry.get("accessEntryArn"), userName=entry.get("username")),
                "clusterName": cluster,
                "principalArn": principal,
                "kubernetesGroups": entry.get("kubernetesGroups") or [],
                "type": kind,
                "tags": entry.get("tags") or {},
            },
        )


def policy_associations(region: Region) -> Iterator[Live]:
    """What those who may enter may do, by access policies."""
    for cluster, principal in _entries(region):
        for one in region.pages(POLICIES, clusterName=cluster, principalArn=principal):
            scope: dict[str, Any] = one.get("accessScope") or {}
            yield Live(
                id=f"{cluster}#{principal}#{one['policyArn']}",
                props={
                    "clusterName": cluster,
                    "principalArn": principal,
                    "policyArn": one["policyArn"],
                    "accessScope": {**given(type=scope.get("type")), "namespaces": scope.get("namespaces") or []},
                },
            )


def node_groups(region: Region) -> Iterator[Live]:
    """Managed node groups of all clusters."""
    for cluster in region.pages(CLUSTERS):
        for name in region.pages(NODE_GROUPS, clusterName=cluster):
            answer = region.ask(NODE_GROUP, clusterName=cluster, nodegroupName=name)
            if answer is None:
                continue
            group = answer["nodegroup"]
            yield Live(
                id=f"{cluster}:{name}",
                props={
                    **given(version=group.get("version"), releaseVersion=group.get("releaseVersion")),
                    **given(amiType=group.get("amiType"), capacityType=group.get("capacityType")),
                    **given(launchTemplate=group.get("launchTemplate"), scalingConfig=group.get("scalingConfig")),
                    **given(nodeRoleArn=group.get("nodeRole"), status=group.get("status")),
                    "arn": group["nodegroupArn"],
                    "clusterName": cluster,
                    "nodeGroupName": name,
                    "instanceTypes": group.get("instanceTypes") or [],
                    "subnetIds": group.get("subnets") or [],
                    "tags": group.get("tags") or {},
                },
            )


def pod_identities(region: Region) -> Iterator[Live]:
    """Which service account gets which role; EKS makes those that an add-on names."""
    for cluster in region.pages(CLUSTERS):
        for one in region.pages(IDENTITIES, clusterName=cluster):
            association_id = one["associationId"]
            answer = region.ask(IDENTITY, clusterName=cluster, associationId=association_id)
            if answer is None:
                continue
            found = answer["association"]
            yield Live(
                id=association_id,
                name=f"{found['namespace']}/{found['serviceAccount']}",
                made_by_aws="pod identity of an add-on" if one.get("ownerArn") else "",
                props={
                    **given(roleArn=found.get("roleArn"), associationArn=found.get("associationArn")),
                    "associationId": association_id,
                    "clusterName": cluster,
                    "namespace": found["namespace"],
                    "serviceAccount": found["serviceAccount"],
                    "tags": found.get("tags") or {},
                },
            )


def _entries(region: Region) -> Iterator[tuple[str, str]]:
    """(cluster, principal). A cluster in mode CONFIG_MAP has none, and AWS refuses to list them."""
    for cluster, described in _clusters(region):
        if (described.get("accessConfig") or {}).get("authenticationMode") != "CONFIG_MAP":
            for principal in region.pages(ENTRIES, clusterName=cluster):
                yield cluster, principal


Reader(type="aws:eks/cluster:Cluster", read=clusters, source=CLUSTERS)
Reader(type="aws:eks/addon:Addon", read=addons, source=ADDONS)
Reader(type="aws:eks/accessEntry:AccessEntry", read=access_entries, source=ENTRIES)
Reader(type="aws:eks/accessPolicyAssociation:AccessPolicyAssociation", read=policy_associations, source=POLICIES)
Reader(type="aws:eks/nodeGroup:NodeGroup", read=node_groups, source=NODE_GROUPS)
Reader(type="aws:eks/podIdentityAssociation:PodIdentityAssociation", read=pod_identities, source=IDENTITIES)
