"""IAM: who there is, what each is granted and by whom each may be assumed. One list answers nearly all of it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region, Unread
from operations.audit.live.tags import tags
from operations.audit.live.words import picked
from policies.resources import NotObservedError

_HELD = ("AttachedManagedPolicies", "Path", "Arn")

DETAILS = Question(
    service="iam",
    operation="get_account_authorization_details",
    keep=(
        *(f"UserDetailList.{name}" for name in (*_HELD, "UserName", "UserPolicyList", "PermissionsBoundary", "Tags")),
        *(f"GroupDetailList.{name}" for name in (*_HELD, "GroupName", "GroupPolicyList")),
        *(
            f"RoleDetailList.{name}"
            for name in (
                *(*_HELD, "RoleName", "RolePolicyList", "PermissionsBoundary", "Tags"),
                "AssumeRolePolicyDocument",
            )
        ),
        *(f"Policies.{name}" for name in ("Arn", "Path", "PolicyVersionList", "AttachmentCount")),
    ),
)
ROLES = Question(
    service="iam",
    operation="list_roles",
    keep=("Roles.RoleName", "Roles.MaxSessionDuration", "Roles.Description"),
    items="Roles",
)
POLICY_TAGS = Question(service="iam", operation="list_policy_tags", keep=("Tags",), items="Tags")
POLICY = Question(service="iam", operation="get_policy", keep=("Policy.DefaultVersionId",))
VERSION = Question(service="iam", operation="get_policy_version", keep=("PolicyVersion.Document",))
ACCESS_KEYS = Question(
    service="iam",
    operation="list_access_keys",
    keep=tuple(f"AccessKeyMetadata.{name}" for name in ("AccessKeyId", "UserName", "Status")),
    items="AccessKeyMetadata",
    absent=frozenset({"NoSuchEntity"}),
)
PASSWORDS = Question(
    service="iam",
    operation="get_account_password_policy",
    keep=("PasswordPolicy",),
    absent=frozenset({"NoSuchEntity"}),
)

FILTER = ["User", "Role", "Group", "LocalManagedPolicy"]
"""Everything but the documents of policies that AWS manages (IAM API reference, GetAccountAuthorizationDetails)."""

BY_PATH: Mapping[str, str] = {
    "/aws-service-role/": "service-linked role",
    "/aws-reserved/sso.amazonaws.com/": "role of IAM Identity Center",
}
"""Paths at which nobody but AWS makes roles -> name in the ownership table."""

_OF_AWS = ":iam::aws:policy/"

_KINDS = {"role": "Role", "user": "User", "group": "Group"}


def _details(region: Region, kind: str) -> Iterator[dict[str, Any]]:
    list_name = f"{kind}DetailList" if kind != "Policies" else kind
    for page in region.pages(DETAILS, Filter=FILTER):
        yield from page.get(list_name) or ()


def text(document: Any) -> str:
    """A policy as JSON text; botocore gives the parsed one."""
    return document if isinstance(document, str) else json.dumps(document)


def _made_by_aws(raw: Mapping[str, Any]) -> str:
    path = raw.get("Path", "/")
    return next((rule for start, rule in BY_PATH.items() if path.startswith(start)), "")


def _principal(raw: Mapping[str, Any]) -> dict[str, Any]:
    props = picked(raw, arn="Arn", path="Path")
    if boundary := (raw.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"):
        props["permissionsBoundary"] = boundary
    return props


def roles(region: Region) -> Iterator[Live]:
    """Roles. How long a session lasts is in another list."""
    try:
        more: dict[str, Any] | None = {role["RoleName"]: role for role in region.pages(ROLES)}
        reason = ""
    except NotObservedError as error:
        more, reason = None, str(error)
    for raw in _details(region, "Role"):
        name = raw["RoleName"]
        listed = (more or {}).get(name, {})
        yield Live(
            id=name,
            made_by_aws=_made_by_aws(raw),
            props={
                **_principal(raw),
                **picked(listed, maxSessionDuration="MaxSessionDuration", description="Description"),
                **({"maxSessionDuration": Unread(reason)} if more is None else {}),
                "name": name,
                "assumeRolePolicy": text(raw["AssumeRolePolicyDocument"]),
                "tags": tags(raw.get("Tags")),
            },
        )


def users(region: Region) -> Iterator[Live]:
    """Users."""
    for raw in _details(region, "User"):
        name = raw["UserName"]
        yield Live(id=name, props={**_principal(raw), "name": name, "tags": tags(raw.get("Tags"))})


def access_keys(region: Region) -> Iterator[Live]:
    """Access keys of users, without their secret halves, which IAM tells once only. Those of root are counted by
    ``root``."""
    for user in _details(region, "User"):
        for raw in region.pages(ACCESS_KEYS, UserName=user["UserName"]):
            yield Live(
                id=raw["AccessKeyId"],
                props=picked(raw, user="UserName", status="Status"),
            )


def groups(region: Region) -> Iterator[Live]:
    """Groups."""
    for raw in _details(region, "Group"):
        yield Live(id=raw["GroupName"], props={**_principal(raw), "name": raw["GroupName"]})


def policies(region: Region) -> Iterator[Live]:
    """Policies of the account's own, each with the version that is in force."""
    for raw in _details(region, "Policies"):
        document = next(v["Document"] for v in raw["PolicyVersionList"] if v.get("IsDefaultVersion"))
        name = raw["Arn"].rpartition("/")[2]
        yield Live(
            id=raw["Arn"],
            name=name,
            props={
                **picked(raw, arn="Arn", path="Path", attachmentCount="AttachmentCount"),
                "name": name,
                "policy": text(document),
                "tags": _policy_tags(region, raw["Arn"]),
            },
        )


def _policy_tags(region: Region, arn: str) -> Any:
    try:
        return tags(region.pages(POLICY_TAGS, PolicyArn=arn))
    except NotObservedError as error:
        return Unread(str(error))


def _inline(kind: str) -> Any:
    def read(region: Region) -> Iterator[Live]:
        word = _KINDS[kind]
        for raw in _details(region, word):
            holder = raw[f"{word}Name"]
            for policy in raw.get(f"{word}PolicyList") or ():
                name = policy["PolicyName"]
                yield Live(
                    id=f"{holder}:{name}",
                    made_by_aws=_made_by_aws(raw) if kind == "role" else "",
                    props={"name": name, kind: holder, "policy": text(policy["PolicyDocument"])},
                )

    return read


def _attached(kind: str) -> Any:
    def read(region: Region) -> Iterator[Live]:
        word = _KINDS[kind]
        for raw in _details(region, word):
            holder = raw[f"{word}Name"]
            for policy in raw.get("AttachedManagedPolicies") or ():
                arn = policy["PolicyArn"]
                made_by_aws = _made_by_aws(raw) if kind == "role" else ""
                props = {kind: holder, "policyArn": arn}
                if _OF_AWS in arn and not made_by_aws:
                    props["policyDocument"] = _document(region, arn)
                yield Live(id=f"{holder}/{arn}", made_by_aws=made_by_aws, props=props)

    return read


def _document(region: Region, arn: str) -> Any:
    """What a policy that AWS manages grants now: no declaration has it."""
    version = region.field(POLICY, lambda answer: answer["Policy"]["DefaultVersionId"], PolicyArn=arn)
    if isinstance(version, Unread):
        return version
    return region.field(
        VERSION, lambda answer: text(answer["PolicyVersion"]["Document"]), PolicyArn=arn, VersionId=version
    )


def password_policy(region: Region) -> Iterator[Live]:
    """What the account asks of passwords, where somebody set it."""
    answer = region.ask(PASSWORDS)
    if answer is not None:
        yield Live(
            id="iam-account-password-policy",
            props=picked(
                answer["PasswordPolicy"],
                allowUsersToChangePassword="AllowUsersToChangePassword",
                expirePasswords="ExpirePasswords",
                hardExpiry="HardExpiry",
                maxPasswordAge="MaxPasswordAge",
                minimumPasswordLength="MinimumPasswordLength",
                passwordReusePrevention="PasswordReusePrevention",
                requireLowercaseCharacters="RequireLowercaseCharacters",
                requireNumbers="RequireNumbers",
                requireSymbols="RequireSymbols",
                requireUppercaseCharacters="RequireUppercaseCharacters",
            ),
        )


def _once(type_: str, read: Any, source: Question = DETAILS, identity: tuple[str, ...] = ()) -> None:
    Reader(type=type_, read=read, source=source, everywhere=False, identity=identity)


_once("aws:iam/accessKey:AccessKey", access_keys)
_once("aws:iam/accountPasswordPolicy:AccountPasswordPolicy", password_policy, PASSWORDS)
_once("aws:iam/group:Group", groups)
_once("aws:iam/policy:Policy", policies)
_once("aws:iam/role:Role", roles)
_once("aws:iam/user:User", users)
for _kind, _word in _KINDS.items():
    _once(f"aws:iam/{_kind}Policy:{_word}Policy", _inline(_kind))
    _once(
        f"aws:iam/{_kind}PolicyAttachment:{_word}PolicyAttachment",
        _attached(_kind),
        identity=(_kind, "policyArn"),
    )
