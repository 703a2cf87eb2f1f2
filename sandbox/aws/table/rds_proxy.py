"""RDS proxies, their default target group and targets."""

from typing import Any

from sandbox.aws.provider.calls import or_none, tagging
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, tag_map
from sandbox.aws.table.parts import only_item, until_status

PROXY = "aws:rds/proxy:Proxy"
GROUP = "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"
TARGET = "aws:rds/proxyTarget:ProxyTarget"

DEFAULT_GROUP = "default"
"""The one target group that every proxy has."""

RENAMES = {"name": "DBProxyName", "vpcSecurityGroupIds": "VpcSecurityGroupIds"}


def _find(ctx: Context, name: str) -> dict[str, Any] | None:
    found = only_item(or_none(ctx.client("rds").describe_db_proxies, DBProxyName=name), "DBProxies")
    return dict(found) if found else None


def _create(ctx: Context, props: Props) -> str:
    ctx.client("rds").create_db_proxy(**request("rds", "CreateDBProxy", props, renames=RENAMES))
    return str(props["name"])


def _settle(ctx: Context, name: str, _props: Props) -> None:
    def status() -> str | None:
        return (_find(ctx, name) or {}).get("Status")

    bad = ("incompatible-network", "insufficient-resource-limits", "suspended")
    until_status(ctx, status, f"proxy {name}", good=("available",), bad=bad)


def _read(ctx: Context, name: str, _last: Props) -> Props | None:
    live = _find(ctx, name)
    if live is None:
        return None
    tags = ctx.client("rds").list_tags_for_resource(ResourceName=live["DBProxyArn"]).get("TagList")
    return outputs(PROXY, live, renames={**RENAMES, "arn": "DBProxyArn"}) | {"tags": tag_map(tags)}


def _update(ctx: Context, name: str, _old: Props, new: Props) -> None:
    asked = request("rds", "ModifyDBProxy", new, renames={**RENAMES, "vpcSecurityGroupIds": "SecurityGroups"})
    ctx.client("rds").modify_db_proxy(**{**asked, "DBProxyName": name})


# ---- the default target group


def _create_group(ctx: Context, props: Props) -> str:
    _update_group(ctx, props["dbProxyName"], {}, props)
    return str(props["dbProxyName"])


def _update_group(ctx: Context, proxy: str, _old: Props, new: Props) -> None:
    asked = request("rds", "ModifyDBProxyTargetGroup", new, only=("connectionPoolConfig",))
    ctx.client("rds").modify_db_proxy_target_group(DBProxyName=proxy, TargetGroupName=DEFAULT_GROUP, **asked)


def _read_group(ctx: Context, proxy: str, _last: Props) -> Props | None:
    answer = or_none(ctx.client("rds").describe_db_proxy_target_groups, DBProxyName=proxy)
    for live in (answer or {}).get("TargetGroups", []):
        if live.get("IsDefault"):
            return outputs(GROUP, live, renames={"arn": "TargetGroupArn", "name": "TargetGroupName"})
    return None


def _keep_group(_ctx: Context, _proxy: str, _last: Props) -> None:
    """The default group goes with its proxy."""


# ---- targets


def _identifiers(props: Props) -> dict[str, list[str]]:
    kinds = {"DBClusterIdentifiers": "dbClusterIdentifier", "DBInstanceIdentifiers": "dbInstanceIdentifier"}
    found = {member: [props[prop]] for member, prop in kinds.items() if props.get(prop)}
    if len(found) != 1:
        raise ValueError("dbClusterIdentifier, dbInstanceIdentifier: exactly one of them is needed")
    return found


def _register(ctx: Context, props: Props) -> str:
    place = {"DBProxyName": props["dbProxyName"], "TargetGroupName": props["targetGroupName"]}
    made = ctx.client("rds").register_db_proxy_targets(**place, **_identifiers(props))["DBProxyTargets"][0]
    return "/".join((props["dbProxyName"], props["targetGroupName"], made["Type"], made["RdsResourceId"]))


def _parts(id_: str) -> tuple[dict[str, str], str, str]:
    """(where, type, resource id) from the official id ``<proxy>/<target group>/<type>/<resource id>``."""
    parts = id_.split("/")
    if len(parts) != 4:
        raise ValueError(f"{id_}: a proxy target's id is <proxy>/<target group>/<type>/<resource id>")
    return {"DBProxyName": parts[0], "TargetGroupName": parts[1]}, parts[2], parts[3]


def _read_target(ctx: Context, id_: str, _last: Props) -> Props | None:
    place, kind, resource = _parts(id_)
    answer = or_none(ctx.client("rds").describe_db_proxy_targets, **place)
    for live in (answer or {}).get("Targets", []):
        if (live.get("Type"), live.get("RdsResourceId")) == (kind, resource):
            named = "dbInstanceIdentifier" if kind == "RDS_INSTANCE" else "dbClusterIdentifier"
            return {
                "dbProxyName": place["DBProxyName"],
                "targetGroupName": place["TargetGroupName"],
                named: resource,
                "trackedClusterId": "",
                "targetArn": "",
                **outputs(TARGET, live),
            }
    return None


def _deregister(ctx: Context, id_: str, _last: Props) -> None:
    place, kind, resource = _parts(id_)
    member = "DBInstanceIdentifiers" if kind == "RDS_INSTANCE" else "DBClusterIdentifiers"
    ctx.client("rds").deregister_db_proxy_targets(**place, **{member: [resource]})


TYPES = [
    ResourceType(
        token=PROXY,
        service="rds",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=lambda ctx, name, _last: ctx.client("rds").delete_db_proxy(DBProxyName=name),
        tag=tagging("rds", tag="add_tags_to_resource", untag="remove_tags_from_resource", arn="ResourceName"),
        force_new=frozenset({"engineFamily", "name", "vpcSubnetIds", "endpointNetworkType"}),
        autoname=Autoname(max_length=63),
        unread=frozenset({"debugLogging", "requireTls"}),
        settles_gone=True,
    ),
    ResourceType(
        token=GROUP,
        service="rds",
        create=_create_group,
        read=_read_group,
        update=_update_group,
        delete=_keep_group,
        force_new=frozenset({"dbProxyName"}),
    ),
    ResourceType(
        token=TARGET,
        service="rds",
        create=_register,
        read=_read_target,
        delete=_deregister,
        delete_before_replace=True,
    ),
]
