"""Reading the emulated account: roles, keys, networks, buckets. Each answer is kept for the length of one request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from sandbox.aws.preconditions.model import Request
from sandbox.aws.preconditions.policies import Caller, allows, decides, parsed, statements
from sandbox.aws.provider.calls import is_not_found

Found = Mapping[str, Any]

ABSENT = (
    "InvalidAccessException",
    "InvalidArn",
    "InvalidParameter",
    "InvalidParameterValue",
    "NotFoundException",
    "ValidationError",
    "ValidationException",
)
"""Codes that some services answer for a name that cannot exist, or (Security Hub) while they are off."""


def ask(request: Request, service: str, operation: str, *, region: str = "", **params: Any) -> Found | None:
    """The answer of one read call, None when what it names does not exist."""
    key = (service, operation, region, repr(sorted(params.items())))
    if key not in request.answers:
        context = request.context.in_region(region) if region else request.context
        try:
            request.answers[key] = getattr(context.client(service), operation)(**params)
        except ClientError as error:
            if not is_not_found(error) and error.response["Error"]["Code"] not in ABSENT:
                raise
            request.answers[key] = None
    found: Found | None = request.answers[key]
    return found


def items(request: Request, service: str, operation: str, key: str, **params: Any) -> list[Any]:
    """The list in an answer, empty when there is no answer."""
    return list((ask(request, service, operation, **params) or {}).get(key) or [])


# ---- ARNs


def arn_region(arn: str) -> str:
    """Region of an ARN, ``""`` where it has none or is none."""
    return arn.split(":")[3] if arn.startswith("arn:") and arn.count(":") >= 5 else ""


def arn_account(arn: str) -> str:
    return arn.split(":")[4] if arn.startswith("arn:") and arn.count(":") >= 5 else ""


def foreign(request: Request, arn: str) -> bool:
    """Whether an ARN names another account, of which nothing can be said."""
    return arn_account(arn) not in ("", request.context.account_id)


# ---- roles


def role(request: Request, arn: str) -> Found | None:
    """A role of this account by its ARN."""
    found = ask(request, "iam", "get_role", RoleName=arn.rpartition("/")[2])
    return found["Role"] if found and found["Role"]["Arn"] == arn else None


def untrusted(request: Request, arn: str | None, service: str, *actions: str) -> str | None:
    """What keeps the service (``eks.amazonaws.com``) from assuming the role: it does not exist, or its trust policy."""
    if not arn or foreign(request, arn):
        return None
    found = role(request, arn)
    if found is None:
        return f"role {arn} does not exist"
    caller = Caller(principal=service, facts={"aws:SourceAccount": request.context.account_id})
    for action in actions or ("sts:AssumeRole",):
        if not allows(found["AssumeRolePolicyDocument"], caller, action):
            return f"the trust policy of role {arn} does not allow {service} {action}"
    return None


def attached(request: Request, arn: str) -> list[str]:
    """Names of the managed policies attached to a role."""
    name = arn.rpartition("/")[2]
    return [row["PolicyName"] for row in _attachments(request, name)]


def _attachments(request: Request, name: str) -> list[Any]:
    return items(request, "iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)


def forbidden(request: Request, arn: str, needs: Iterable[tuple[str, str | None]]) -> str | None:
    """The first of the (action, resource) pairs that no policy of the role allows."""
    if foreign(request, arn) or role(request, arn) is None:
        return None
    rows = _granted(request, arn.rpartition("/")[2])
    if rows is None:
        return None
    for action, resource in needs:
        if not decides(rows, None, action, resource):
            return f"no policy of role {arn} allows {action}" + (f" on {resource}" if resource else "")
    return None


def _granted(request: Request, name: str) -> list[Found] | None:
    """All statements of a role's policies; None when one of them cannot be read."""
    rows: list[Found] = []
    for policy in items(request, "iam", "list_role_policies", "PolicyNames", RoleName=name):
        found = ask(request, "iam", "get_role_policy", RoleName=name, PolicyName=policy)
        rows += statements(found["PolicyDocument"]) if found else []
    for policy in _attachments(request, name):
        arn = policy["PolicyArn"]
        head = ask(request, "iam", "get_policy", PolicyArn=arn)
        if head is None:
            return None
        body = ask(request, "iam", "get_policy_version", PolicyArn=arn, VersionId=head["Policy"]["DefaultVersionId"])
        if body is None:
            return None
        rows += statements(body["PolicyVersion"]["Document"])
    return rows


# ---- keys


def key(request: Request, reference: str) -> Found | None:
    """Metadata of a KMS key by id, ARN or alias."""
    found = ask(request, "kms", "describe_key", region=arn_region(reference), KeyId=reference)
    return found["KeyMetadata"] if found else None


def is_own_key(request: Request, reference: Any) -> bool:
    """A customer-managed key of this account: what can be judged here."""
    if not isinstance(reference, str) or not reference:
        return False
    return not reference.rpartition(":")[2].startswith("alias/aws/") and not foreign(request, reference)


def unusable(request: Request, reference: Any, *, region: str = "") -> str | None:
    """What keeps a service in this region from encrypting with the key: place, absence, state, kind."""
    if not is_own_key(request, reference):
        return None
    place = region or request.context.region
    if arn_region(reference) not in ("", place):
        return f"key {reference} is in {arn_region(reference)}, not in {place}"
    found = key(request, reference)
    if found is None:
        return f"key {reference} does not exist in {place}"
    if found["KeyState"] != "Enabled":
        return f"key {reference} is {found['KeyState']}, not Enabled"
    spec = found.get("KeySpec") or found.get("CustomerMasterKeySpec")
    return None if spec == "SYMMETRIC_DEFAULT" else f"key {reference} is {spec}, not symmetric"


def locked_out(
    request: Request, reference: Any, service: str, actions: Sequence[str], facts: Mapping[str, str] | None = None
) -> str | None:
    """What of ``actions`` the key's policy does not allow the service principal."""
    if not is_own_key(request, reference) or key(request, reference) is None:
        return None
    found = ask(
        request, "kms", "get_key_policy", region=arn_region(reference), KeyId=key_id(reference), PolicyName="default"
    )
    known = {"aws:SourceAccount": request.context.account_id, **(facts or {})}
    caller = Caller(principal=service, facts=known)
    for action in actions if found else ():
        if not allows(found["Policy"] if found else None, caller, action):
            return f"the policy of key {reference} does not allow {service} {action}"
    return None


def key_id(reference: str) -> str:
    """The id in a key's ARN; aliases stay as they are."""
    return reference.rpartition("/")[2] if ":key/" in reference else reference


# ---- networks


def subnets(request: Request, ids: Iterable[str]) -> list[Any]:
    """The subnets with these ids; unknown ids are the call's own error."""
    wanted = sorted(set(ids))
    return items(request, "ec2", "describe_subnets", "Subnets", SubnetIds=wanted) if wanted else []


def zones(rows: Iterable[Found]) -> list[str]:
    return sorted({row["AvailabilityZone"] for row in rows})


def shared_zone(rows: Sequence[Found]) -> str | None:
    """Two subnets that stand in one zone, as text."""
    seen: dict[str, str] = {}
    for row in rows:
        other = seen.setdefault(row["AvailabilityZone"], row["SubnetId"])
        if other != row["SubnetId"]:
            return f"subnets {other} and {row['SubnetId']} are both in {row['AvailabilityZone']}"
    return None


def too_few_zones(request: Request, ids: Iterable[str] | None, needed: int = 2) -> str | None:
    """That the subnets stand in fewer zones than ``needed``."""
    found = subnets(request, ids or ())
    if not ids or len(zones(found)) >= needed:
        return None
    return f"subnets {', '.join(sorted(ids))} are in {', '.join(zones(found)) or 'no zone'}: {needed} zones are needed"


def without_gateway(request: Request, vpc_id: str) -> bool:
    """Whether no internet gateway is attached to the VPC."""
    where = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    return not items(request, "ec2", "describe_internet_gateways", "InternetGateways", Filters=where)


def default_target(request: Request, vpc_id: str, subnet_id: str) -> str:
    """Where 0.0.0.0/0 of a subnet goes (``nat-...``, ``igw-...``, ``tgw-...``), ``""`` when nowhere."""
    where = [{"Name": "vpc-id", "Values": [vpc_id]}]
    tables = items(request, "ec2", "describe_route_tables", "RouteTables", Filters=where)
    joined = [(link, table) for table in tables for link in table.get("Associations", [])]
    chosen = next((table for link, table in joined if link.get("SubnetId") == subnet_id), None)
    chosen = chosen or next((table for link, table in joined if link.get("Main")), None)
    for route in (chosen or {}).get("Routes", []):
        if route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State", "active") == "active":
            targets = [
                value for name, value in route.items() if name.endswith("Id") and name != "DestinationPrefixListId"
            ]
            return str(targets[0]) if targets else ""
    return ""


# ---- buckets


def bucket_policy(request: Request, bucket: str) -> Found:
    found = ask(request, "s3", "get_bucket_policy", Bucket=bucket)
    return parsed(found["Policy"]) if found else {}


def bucket_exists(request: Request, bucket: str) -> bool:
    return ask(request, "s3", "get_bucket_location", Bucket=bucket) is not None


def bucket_region(request: Request, bucket: str) -> str:
    """Region of a bucket; S3 answers None for us-east-1."""
    return str(
        (ask(request, "s3", "get_bucket_location", Bucket=bucket) or {}).get("LocationConstraint") or "us-east-1"
    )


def default_encryption(request: Request, bucket: str) -> Found:
    found = ask(request, "s3", "get_bucket_encryption", Bucket=bucket)
    rules = (found or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules") or [{}]
    return dict(rules[0].get("ApplyServerSideEncryptionByDefault") or {})
