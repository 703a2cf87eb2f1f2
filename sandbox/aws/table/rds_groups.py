"""RDS subnet groups and parameter groups."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.aws.provider.calls import or_none, pages, tagging
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, tag_map
from sandbox.aws.table.parts import only_item
from sandbox.aws.table.rds_cluster import same_word

SUBNETS = "aws:rds/subnetGroup:SubnetGroup"

DESCRIPTION = "Managed by Pulumi"

BATCH = 20
"""Parameters that one call changes (RDS API reference, ModifyDBParameterGroup)."""

RDS_TAGS = tagging("rds", tag="add_tags_to_resource", untag="remove_tags_from_resource", arn="ResourceName")


def _tags(ctx: Context, arn: str) -> dict[str, str]:
    return tag_map(ctx.client("rds").list_tags_for_resource(ResourceName=arn).get("TagList"))


# ---- subnet groups


def _create_subnets(ctx: Context, props: Props) -> str:
    renames = {"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"}
    ctx.client("rds").create_db_subnet_group(**request("rds", "CreateDBSubnetGroup", props, renames=renames))
    return str(props["name"]).lower()


def _read_subnets(ctx: Context, name: str, _last: Props) -> Props | None:
    answer = or_none(ctx.client("rds").describe_db_subnet_groups, DBSubnetGroupName=name)
    live = only_item(answer, "DBSubnetGroups")
    if live is None:
        return None
    renames = {"arn": "DBSubnetGroupArn", "name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"}
    return outputs(SUBNETS, live, renames=renames) | {
        "subnetIds": sorted(subnet["SubnetIdentifier"] for subnet in live["Subnets"]),
        "tags": _tags(ctx, live["DBSubnetGroupArn"]),
    }


def _update_subnets(ctx: Context, name: str, _old: Props, new: Props) -> None:
    ctx.client("rds").modify_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription=new["description"], SubnetIds=list(new["subnetIds"])
    )


# ---- parameter groups


@dataclass(frozen=True, slots=True)
class Family:
    """The API of one of the two kinds of parameter group."""

    token: str
    prefix: str
    """``DBCluster`` or ``DB``, in front of ``ParameterGroup`` in every member."""

    @property
    def _word(self) -> str:
        return "db_cluster_parameter" if self.prefix == "DBCluster" else "db_parameter"

    def call(self, ctx: Context, verb: str, **params: Any) -> Any:
        """``create``, ``modify``, ``reset``, ``delete`` or ``describe`` the group."""
        method = f"{verb}_{self._word}_group{'s' if verb == 'describe' else ''}"
        return getattr(ctx.client("rds"), method)(**params)

    def parameters(self, ctx: Context, name: str) -> list[dict[str, Any]]:
        """What was set in the group; AWS's own defaults are left out."""
        return pages(ctx, "rds", f"describe_{self._word}s", "Parameters", **{self.group: name, "Source": "user"})

    @property
    def group(self) -> str:
        """The member that names the group."""
        return f"{self.prefix}ParameterGroupName"

    def create(self, ctx: Context, props: Props) -> str:
        renames = {"name": self.group, "family": "DBParameterGroupFamily"}
        operation = f"Create{self.prefix}ParameterGroup"
        self.call(ctx, "create", **request("rds", operation, props, renames=renames, omit=("parameters",)))
        return str(props["name"]).lower()

    def settle(self, ctx: Context, name: str, props: Props) -> None:
        """Set what is wanted and put back to default what is not, in batches."""
        live = {item["ParameterName"]: item.get("ParameterValue") for item in self.parameters(ctx, name)}
        wanted = {item["name"]: item for item in props.get("parameters") or ()}
        put = [_parameter(item) for key, item in wanted.items() if str(item["value"]) != live.get(key)]
        for batch in _batches(put):
            self.call(ctx, "modify", **{self.group: name}, Parameters=batch)
        off = [{"ParameterName": key, "ApplyMethod": "pending-reboot"} for key in live if key not in wanted]
        for batch in _batches(off):
            self.call(ctx, "reset", **{self.group: name}, Parameters=batch, ResetAllParameters=False)

    def read(self, ctx: Context, name: str, _last: Props) -> Props | None:
        key = f"{self.prefix}ParameterGroups"
        live = only_item(or_none(lambda **p: self.call(ctx, "describe", **p), **{self.group: name}), key)
        if live is None:
            return None
        arn = live[f"{self.prefix}ParameterGroupArn"]
        return {
            "arn": arn,
            "name": live[self.group],
            "family": live["DBParameterGroupFamily"],
            "description": live.get("Description"),
            "parameters": [_parameter_out(item) for item in self.parameters(ctx, name)],
            "tags": _tags(ctx, arn),
        }

    def delete(self, ctx: Context, name: str, last: Props) -> None:
        if not last.get("skipDestroy"):
            self.call(ctx, "delete", **{self.group: name})

    def entry(self) -> ResourceType:
        return ResourceType(
            token=self.token,
            service="rds",
            create=self.create,
            settle=self.settle,
            read=self.read,
            update=_by_settle,
            delete=self.delete,
            tag=RDS_TAGS,
            force_new=frozenset({"description", "family", "name", "namePrefix"}),
            autoname=Autoname(max_length=255, transform=str.lower),
            defaults={"description": DESCRIPTION},
            equal={"name": same_word},
        )


def _by_settle(_ctx: Context, _name: str, _old: Props, _new: Props) -> None:
    """Parameters are all that can change; :meth:`Family.settle`, which follows, compares them with the live ones."""


def _parameter(item: Props) -> dict[str, str]:
    return {
        "ParameterName": item["name"],
        "ParameterValue": str(item["value"]),
        "ApplyMethod": item.get("applyMethod") or "immediate",
    }


def _parameter_out(item: Props) -> dict[str, str]:
    return {
        "name": item["ParameterName"],
        "value": item.get("ParameterValue", ""),
        "applyMethod": item.get("ApplyMethod") or "immediate",
    }


def _batches(items: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


TYPES = [
    ResourceType(
        token=SUBNETS,
        service="rds",
        create=_create_subnets,
        read=_read_subnets,
        update=_update_subnets,
        delete=lambda ctx, name, _last: ctx.client("rds").delete_db_subnet_group(DBSubnetGroupName=name),
        tag=RDS_TAGS,
        force_new=frozenset({"name", "namePrefix"}),
        autoname=Autoname(max_length=255, transform=str.lower),
        defaults={"description": DESCRIPTION},
        equal={"name": same_word},
    ),
    Family("aws:rds/clusterParameterGroup:ClusterParameterGroup", "DBCluster").entry(),
    Family("aws:rds/parameterGroup:ParameterGroup", "DB").entry(),
]
