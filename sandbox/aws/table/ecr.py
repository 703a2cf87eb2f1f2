"""ECR repositories with their lifecycle and access policies, and what a registry scans. Images are not emulated."""

from typing import Any

from sandbox.aws.provider.calls import code, json_text, or_none, tagging, void, without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, tag_list, tag_map
from sandbox.aws.table.parts import only_item

REPOSITORY = "aws:ecr/repository:Repository"
SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"

NO_SCANNING: dict[str, Any] = {"scanType": "BASIC", "rules": []}
"""Of a registry that nobody has configured
(https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutRegistryScanningConfiguration.html)."""


def _encryption(props: Props) -> dict[str, Any] | None:
    wanted = only_item({"all": props.get("encryptionConfigurations")}, "all")
    if not wanted:
        return None
    return without_none({"encryptionType": wanted.get("encryptionType", "AES256"), "kmsKey": wanted.get("kmsKey")})


def _scanning(props: Props) -> dict[str, bool]:
    return {"scanOnPush": bool((props.get("imageScanningConfiguration") or {}).get("scanOnPush"))}


def _create(ctx: Context, props: Props) -> str:
    ctx.client("ecr").create_repository(
        **without_none(
            {
                "repositoryName": props["name"],
                "imageTagMutability": props["imageTagMutability"],
                "imageScanningConfiguration": _scanning(props),
                "encryptionConfiguration": _encryption(props),
                "tags": tag_list(props.get("tags")) or None,
            }
        )
    )
    return str(props["name"])


def _update(ctx: Context, name: str, _old: Props, new: Props) -> None:
    client = ctx.client("ecr")
    client.put_image_tag_mutability(repositoryName=name, imageTagMutability=new["imageTagMutability"])
    client.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration=_scanning(new))


def _read(ctx: Context, name: str, last: Props) -> Props | None:
    client = ctx.client("ecr")
    found = only_item(_found(client.describe_repositories, repositoryNames=[name]), "repositories")
    if found is None:
        return None
    encryption = found.get("encryptionConfiguration") or {"encryptionType": "AES256"}
    return {
        "arn": found["repositoryArn"],
        "name": found["repositoryName"],
        "registryId": found["registryId"],
        "repositoryUrl": found["repositoryUri"],
        "imageTagMutability": found["imageTagMutability"],
        "imageScanningConfiguration": found["imageScanningConfiguration"],
        "encryptionConfigurations": [without_none(encryption)],
        "forceDelete": last.get("forceDelete"),
        "tags": tag_map(client.list_tags_for_resource(resourceArn=found["repositoryArn"]).get("tags")),
    }


def _found(call: Any, **arguments: Any) -> Any:
    """The answer, or None where ECR says in its own words that there is nothing."""
    try:
        return or_none(call, **arguments)
    except Exception as error:
        if code(error) in ("LifecyclePolicyNotFoundException", "RepositoryPolicyNotFoundException"):
            return None
        raise


def _delete(ctx: Context, name: str, last: Props) -> None:
    ctx.client("ecr").delete_repository(repositoryName=name, force=bool(last.get("forceDelete")))


def _put_lifecycle(ctx: Context, props: Props) -> str:
    ctx.client("ecr").put_lifecycle_policy(
        repositoryName=props["repository"], lifecyclePolicyText=json_text(props["policy"])
    )
    return str(props["repository"])


def _read_lifecycle(ctx: Context, name: str, _last: Props) -> Props | None:
    found = _found(ctx.client("ecr").get_lifecycle_policy, repositoryName=name)
    if found is None:
        return None
    return {"repository": name, "registryId": found["registryId"], "policy": found["lifecyclePolicyText"]}


def _put_policy(ctx: Context, props: Props) -> str:
    ctx.client("ecr").set_repository_policy(repositoryName=props["repository"], policyText=json_text(props["policy"]))
    return str(props["repository"])


def _read_policy(ctx: Context, name: str, _last: Props) -> Props | None:
    found = _found(ctx.client("ecr").get_repository_policy, repositoryName=name)
    return found and {"repository": name, "registryId": found["registryId"], "policy": found["policyText"]}


# ---- aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration


def _put_scanning(ctx: Context, props: Props) -> str:
    asked = request("ecr", "PutRegistryScanningConfiguration", {"rules": [], **props})
    ctx.client("ecr").put_registry_scanning_configuration(**asked)
    return ctx.account_id


def _read_scanning(ctx: Context, registry: str, _last: Props) -> Props | None:
    """Never None: ECR has one of its own for each registry."""
    found = ctx.client("ecr").get_registry_scanning_configuration()["scanningConfiguration"]
    return outputs(SCANNING, found) | {"registryId": registry}


def _delete_scanning(ctx: Context, _id: str, _last: Props) -> None:
    ctx.client("ecr").put_registry_scanning_configuration(**NO_SCANNING)


# ---- aws:ecr/replicationConfiguration:ReplicationConfiguration


def _put_replication(ctx: Context, props: Props) -> str:
    wanted = props.get("replicationConfiguration") or {"rules": []}
    ctx.client("ecr").put_replication_configuration(replicationConfiguration=wanted)
    return ctx.account_id


def _read_replication(ctx: Context, registry: str, _last: Props) -> Props | None:
    found = ctx.client("ecr").describe_registry()["replicationConfiguration"]
    return {"registryId": registry, "replicationConfiguration": found} if found["rules"] else None


TYPES = [
    ResourceType(
        token="aws:ecr/replicationConfiguration:ReplicationConfiguration",
        service="ecr",
        create=_put_replication,
        read=_read_replication,
        update=lambda ctx, _id, _old, new: void(_put_replication(ctx, new)),
        delete=lambda ctx, _id, _last: void(_put_replication(ctx, {})),
    ),
    ResourceType(
        token=SCANNING,
        service="ecr",
        create=_put_scanning,
        read=_read_scanning,
        update=lambda ctx, _id, _old, new: void(_put_scanning(ctx, new)),
        delete=_delete_scanning,
    ),
    ResourceType(
        token=REPOSITORY,
        service="ecr",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        tag=tagging("ecr", arn="resourceArn", tags="tags", keys="tagKeys"),
        force_new=frozenset({"name", "encryptionConfigurations"}),
        autoname=Autoname(max_length=256),
        defaults={"imageTagMutability": "MUTABLE", "forceDelete": False},
        unread=frozenset({"encryptionConfigurations", "imageScanningConfiguration"}),
    ),
    ResourceType(
        token="aws:ecr/lifecyclePolicy:LifecyclePolicy",
        service="ecr",
        create=_put_lifecycle,
        read=_read_lifecycle,
        delete=lambda ctx, name, _last: ctx.client("ecr").delete_lifecycle_policy(repositoryName=name),
        force_new=frozenset({"policy", "repository"}),
        delete_before_replace=True,
    ),
    ResourceType(
        token="aws:ecr/repositoryPolicy:RepositoryPolicy",
        service="ecr",
        create=_put_policy,
        read=_read_policy,
        update=lambda ctx, _name, _old, new: (_put_policy(ctx, new), None)[1],
        delete=lambda ctx, name, _last: ctx.client("ecr").delete_repository_policy(repositoryName=name),
        force_new=frozenset({"repository"}),
    ),
]
