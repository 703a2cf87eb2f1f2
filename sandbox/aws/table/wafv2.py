"""WAFv2 web ACLs, their association with load balancers and their logging.

A web ACL's rules nest statements in statements; botocore's shape and the SDK's types are walked together, so every kind
of statement that both know goes through. Choices that AWS writes as ``Allow: {}`` are empty objects here too.
"""

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from sandbox.aws.provider.calls import code, or_none, tagging
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request, tag_map

ACL = "aws:wafv2/webAcl:WebAcl"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"

GLOBAL_REGION = "us-east-1"
"""Where the WAFv2 API takes web ACLs of scope CLOUDFRONT."""

UNAVAILABLE_S = 5.0
"""Seconds that WAFUnavailableEntityException is waited through: AWS says it while a new ACL or balancer spreads."""

RENAMES = {"associationConfig": "", "customResponseBodies": "", "ruleJson": ""}
"""Maps in the API and lists of blocks in the SDK; carried over by hand."""


def _client(ctx: Context, scope: str) -> Any:
    return (ctx.in_region(GLOBAL_REGION) if scope == "CLOUDFRONT" else ctx).client("wafv2")


def _definition(operation: str, props: Props) -> dict[str, Any]:
    if props.get("associationConfig"):
        raise ValueError("associationConfig: not emulated")
    asked = request("wafv2", operation, props, renames=RENAMES)
    asked["Rules"] = json.loads(props["ruleJson"]) if props.get("ruleJson") else asked.get("Rules", [])
    if props.get("customResponseBodies"):
        asked["CustomResponseBodies"] = {
            body["key"]: {"ContentType": body["contentType"], "Content": body["content"]}
            for body in props["customResponseBodies"]
        }
    return asked


def _create(ctx: Context, props: Props) -> str:
    made = _client(ctx, props["scope"]).create_web_acl(**_definition("CreateWebACL", props))
    return str(made["Summary"]["Id"])


def _key(id_: str, last: Props) -> dict[str, str]:
    """Id, Name and Scope name an ACL together; import gives all three as ``ID/Name/Scope``."""
    parts = id_.split("/")
    if len(parts) == 3:
        return {"Id": parts[0], "Name": parts[1], "Scope": parts[2]}
    if not last.get("scope"):
        raise ValueError(f"{id_}: a web ACL is imported as ID/Name/Scope")
    return {"Id": id_, "Name": last["name"], "Scope": last["scope"]}


def _read(ctx: Context, id_: str, last: Props) -> Props | None:
    key = _key(id_, last)
    answer = or_none(_client(ctx, key["Scope"]).get_web_acl, **key)
    if answer is None:
        return None
    live = answer["WebACL"]
    absent: dict[str, Any] = {"description": None, "tokenDomains": None}
    found = absent | outputs(ACL, live, renames={**RENAMES, "arn": "ARN"})
    bodies = live.get("CustomResponseBodies") or {}
    found |= {
        "scope": key["Scope"],
        "lockToken": answer["LockToken"],
        "applicationIntegrationUrl": answer.get("ApplicationIntegrationURL", ""),
        "customResponseBodies": [
            {"key": name, "content": body["Content"], "contentType": body["ContentType"]}
            for name, body in bodies.items()
        ]
        or None,
        "tags": _tags(ctx, key["Scope"], live["ARN"]),
    }
    if last.get("ruleJson"):
        found.pop("rules", None)
    return found


def _tags(ctx: Context, scope: str, arn: str) -> dict[str, str]:
    answer = _client(ctx, scope).list_tags_for_resource(ResourceARN=arn)
    return tag_map((answer.get("TagInfoForResource") or {}).get("TagList"))


def _update(ctx: Context, id_: str, old: Props, new: Props) -> None:
    """The lock token is read right before: it only has to protect against a change between the two calls."""
    key = _key(id_, old)
    client = _client(ctx, key["Scope"])
    asked = {**_definition("UpdateWebACL", new), **key}
    client.update_web_acl(**asked, LockToken=client.get_web_acl(**key)["LockToken"])


def _delete(ctx: Context, id_: str, last: Props) -> None:
    key = _key(id_, last)
    client = _client(ctx, key["Scope"])
    client.delete_web_acl(**key, LockToken=client.get_web_acl(**key)["LockToken"])


# ---- association


def _associate(ctx: Context, props: Props) -> str:
    client = ctx.client("wafv2")
    end = time.monotonic() + UNAVAILABLE_S

    def attempt() -> bool:
        try:
            client.associate_web_acl(WebACLArn=props["webAclArn"], ResourceArn=props["resourceArn"])
        except ClientError as error:
            if code(error) != "WAFUnavailableEntityException" or time.monotonic() > end:
                raise
            return False
        return True

    ctx.wait(attempt, f"{props['resourceArn']} to be ready for its web ACL")
    return f"{props['webAclArn']},{props['resourceArn']}"


def _read_association(ctx: Context, id_: str, _last: Props) -> Props | None:
    acl, _, resource = id_.partition(",")
    answer = or_none(ctx.client("wafv2").get_web_acl_for_resource, ResourceArn=resource)
    live = ((answer or {}).get("WebACL") or {}).get("ARN")
    return {"webAclArn": acl, "resourceArn": resource} if live == acl else None


def _disassociate(ctx: Context, id_: str, _last: Props) -> None:
    ctx.client("wafv2").disassociate_web_acl(ResourceArn=id_.partition(",")[2])


# ---- logging


def _put_logging(ctx: Context, arn: str, _old: Props, new: Props) -> None:
    asked = request("wafv2", "PutLoggingConfiguration", {"loggingConfiguration": {**new, "resourceArn": arn}})
    ctx.client("wafv2").put_logging_configuration(**asked)


def _create_logging(ctx: Context, props: Props) -> str:
    _put_logging(ctx, props["resourceArn"], {}, props)
    return str(props["resourceArn"])


def _read_logging(ctx: Context, arn: str, _last: Props) -> Props | None:
    answer = or_none(ctx.client("wafv2").get_logging_configuration, ResourceArn=arn)
    if answer is None:
        return None
    absent: dict[str, Any] = {"redactedFields": None, "loggingFilter": None}
    return absent | outputs(LOGGING, answer["LoggingConfiguration"])


TYPES = [
    ResourceType(
        token=ACL,
        service="wafv2",
        create=_create,
        read=_read,
        update=_update,
        delete=_delete,
        tag=tagging("wafv2", arn="ResourceARN"),
        force_new=frozenset({"name", "namePrefix", "scope"}),
        autoname=Autoname(max_length=128),
        computed_on_update=frozenset({"capacity", "lockToken"}),
        unread=frozenset({"captchaConfig", "challengeConfig"}),
    ),
    ResourceType(
        token="aws:wafv2/webAclAssociation:WebAclAssociation",
        service="wafv2",
        create=_associate,
        read=_read_association,
        delete=_disassociate,
        delete_before_replace=True,
    ),
    ResourceType(
        token=LOGGING,
        service="wafv2",
        create=_create_logging,
        read=_read_logging,
        update=_put_logging,
        delete=lambda ctx, arn, _last: ctx.client("wafv2").delete_logging_configuration(ResourceArn=arn),
        force_new=frozenset({"resourceArn"}),
        delete_before_replace=True,
    ),
]
