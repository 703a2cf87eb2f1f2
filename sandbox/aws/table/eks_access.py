"""EKS access entries and their policies, pod identity associations, managed add-ons."""

from typing import Any

from sandbox.aws.provider.calls import or_none, tagging
from sandbox.aws.provider.model import Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request
from sandbox.aws.table.parts import until_status

ENTRY = "aws:eks/accessEntry:AccessEntry"
POLICY = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
IDENTITY = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
ADDON = "aws:eks/addon:Addon"


def _split(id_: str, separator: str, *names: str) -> dict[str, str]:
    """The parts of an id by name; the last one may hold the separator itself."""
    parts = id_.split(separator, len(names) - 1)
    if len(parts) != len(names):
        raise ValueError(f"{id_}: expected {separator.join(f'<{name}>' for name in names)}")
    return dict(zip(names, parts, strict=True))


# ---- access entries


def _entry(id_: str) -> dict[str, str]:
    return _split(id_, ":", "clusterName", "principalArn")


def _create_entry(ctx: Context, props: Props) -> str:
    asked = request("eks", "CreateAccessEntry", props, renames={"userName": "username"})
    ctx.client("eks").create_access_entry(**asked)
    return f"{props['clusterName']}:{props['principalArn']}"


def _read_entry(ctx: Context, id_: str, _last: Props) -> Props | None:
    live = ctx.client("eks").describe_access_entry(**_entry(id_))["accessEntry"]
    return {"kubernetesGroups": []} | outputs(ENTRY, live, renames={"userName": "username"})


def _update_entry(ctx: Context, id_: str, _old: Props, new: Props) -> None:
    change: dict[str, Any] = {"kubernetesGroups": list(new.get("kubernetesGroups") or ())}
    if new.get("userName"):
        change["username"] = new["userName"]
    ctx.client("eks").update_access_entry(**_entry(id_), **change)


# ---- policies of an entry


def _policy(id_: str) -> dict[str, str]:
    return _split(id_, "#", "clusterName", "principalArn", "policyArn")


def _associate(ctx: Context, props: Props) -> str:
    ctx.client("eks").associate_access_policy(**request("eks", "AssociateAccessPolicy", props))
    return "#".join(props[name] for name in ("clusterName", "principalArn", "policyArn"))


def _read_policy(ctx: Context, id_: str, _last: Props) -> Props | None:
    wanted = _policy(id_)
    entry = {name: wanted[name] for name in ("clusterName", "principalArn")}
    answer = or_none(ctx.client("eks").list_associated_access_policies, **entry)
    for live in (answer or {}).get("associatedAccessPolicies", []):
        if live["policyArn"] == wanted["policyArn"]:
            return {**wanted, **outputs(POLICY, live)}
    return None


# ---- pod identity


def _identity(id_: str, last: Props) -> dict[str, str]:
    """Import names the cluster too: ``cluster,a-123``; otherwise the last known outputs have it."""
    cluster, separator, association = id_.rpartition(",")
    if not separator and not last.get("clusterName"):
        raise ValueError(f"{id_}: expected <cluster>,<association id>")
    return {"clusterName": cluster or last["clusterName"], "associationId": association}


def _create_identity(ctx: Context, props: Props) -> str:
    made = ctx.client("eks").create_pod_identity_association(**request("eks", "CreatePodIdentityAssociation", props))
    return str(made["association"]["associationId"])


def _read_identity(ctx: Context, id_: str, last: Props) -> Props | None:
    live = ctx.client("eks").describe_pod_identity_association(**_identity(id_, last))["association"]
    return outputs(IDENTITY, live)


def _update_identity(ctx: Context, id_: str, old: Props, new: Props) -> None:
    asked = request(
        "eks", "UpdatePodIdentityAssociation", new, only=("roleArn", "targetRoleArn", "disableSessionTags", "policy")
    )
    ctx.client("eks").update_pod_identity_association(**asked, **_identity(id_, old))


# ---- add-ons


def _addon(id_: str) -> dict[str, str]:
    return _split(id_, ":", "clusterName", "addonName")


def _create_addon(ctx: Context, props: Props) -> str:
    asked = request("eks", "CreateAddon", props, renames={"resolveConflictsOnCreate": "resolveConflicts"})
    ctx.client("eks").create_addon(**asked)
    return f"{props['clusterName']}:{props['addonName']}"


def _settle_addon(ctx: Context, id_: str, _props: Props) -> None:
    """DEGRADED is waited through: an add-on with pods is degraded until there are nodes for them."""

    def status() -> str:
        return str(ctx.client("eks").describe_addon(**_addon(id_))["addon"]["status"])

    until_status(ctx, status, f"add-on {id_}", good=("ACTIVE",), bad=("CREATE_FAILED", "UPDATE_FAILED"))


def _read_addon(ctx: Context, id_: str, _last: Props) -> Props | None:
    client = ctx.client("eks")
    live = client.describe_addon(**_addon(id_))["addon"]
    absent: dict[str, Any] = {"configurationValues": None, "serviceAccountRoleArn": None}
    found = absent | outputs(ADDON, live, renames={"arn": "addonArn", "podIdentityAssociations": ""})
    cluster = live["clusterName"]
    associations = [_association(client, cluster, arn) for arn in live.get("podIdentityAssociations") or ()]
    return found | {"podIdentityAssociations": associations or None}


def _association(client: Any, cluster: str, arn: str) -> dict[str, str]:
    live = client.describe_pod_identity_association(clusterName=cluster, associationId=arn.rpartition("/")[2])
    return {name: live["association"][name] for name in ("roleArn", "serviceAccount")}


def _update_addon(ctx: Context, _id: str, old: Props, new: Props) -> None:
    asked = request("eks", "UpdateAddon", new, renames={"resolveConflictsOnUpdate": "resolveConflicts"})
    if old.get("podIdentityAssociations") and not new.get("podIdentityAssociations"):
        asked["podIdentityAssociations"] = []
    ctx.client("eks").update_addon(**asked)


def _delete_addon(ctx: Context, id_: str, last: Props) -> None:
    ctx.client("eks").delete_addon(**_addon(id_), preserve=bool(last.get("preserve")))


TYPES = [
    ResourceType(
        token=ENTRY,
        service="eks",
        create=_create_entry,
        read=_read_entry,
        update=_update_entry,
        delete=lambda ctx, id_, _last: ctx.client("eks").delete_access_entry(**_entry(id_)),
        tag=tagging("eks", arn="resourceArn", of="accessEntryArn", tags="tags", keys="tagKeys"),
        force_new=frozenset({"clusterName", "principalArn", "type"}),
        delete_before_replace=True,
        defaults={"type": "STANDARD"},
    ),
    ResourceType(
        token=POLICY,
        service="eks",
        create=_associate,
        read=_read_policy,
        delete=lambda ctx, id_, _last: ctx.client("eks").disassociate_access_policy(**_policy(id_)),
        delete_before_replace=True,
    ),
    ResourceType(
        token=IDENTITY,
        service="eks",
        create=_create_identity,
        read=_read_identity,
        update=_update_identity,
        delete=lambda ctx, id_, last: ctx.client("eks").delete_pod_identity_association(**_identity(id_, last)),
        tag=tagging("eks", arn="resourceArn", of="associationArn", tags="tags", keys="tagKeys"),
        force_new=frozenset({"clusterName", "namespace", "serviceAccount"}),
        delete_before_replace=True,
    ),
    ResourceType(
        token=ADDON,
        service="eks",
        create=_create_addon,
        settle=_settle_addon,
        read=_read_addon,
        update=_update_addon,
        delete=_delete_addon,
        tag=tagging("eks", arn="resourceArn", tags="tags", keys="tagKeys"),
        force_new=frozenset({"addonName", "clusterName", "namespaceConfig"}),
        delete_before_replace=True,
        settles_gone=True,
    ),
]
