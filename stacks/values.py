"""What one value in a stack file may be: names, ids, ARNs, networks, images. Models are in ``stacks/models.py``."""

from __future__ import annotations

from collections.abc import Callable, Container
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints

import catalogue
from components.addresses import SERVICE_CIDR
from components.vocabulary import Controller, Program
from stacks.model_base import ShardId


def one_of(known: Callable[[], Container[str]], problem: str) -> AfterValidator:
    """A name that `known` has. `problem`: "rule -> fix" where it has not."""

    def check(name: str) -> str:
        if name not in known():
            raise ValueError(problem)
        return name

    return AfterValidator(check)


def _jurisdiction(name: str) -> str:
    known = catalogue.jurisdictions().jurisdictions
    if name not in known:
        raise ValueError(f"is not a jurisdiction -> use one of {', '.join(known)}")
    return name


def _program(name: str) -> str:
    known = [*Controller, *Program]
    if name not in known:
        raise ValueError(f"is no program of a workloads stack: nothing would use it -> use {', '.join(known)}")
    return name


def _network(text: str) -> str:
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"is not an IPv4 block ({error}) -> write it as 10.60.0.0/16") from None
    return str(network)


def _client_network(text: str) -> str:
    network = IPv4Network(_network(text))
    if network.prefixlen < 8:
        raise ValueError("opens the endpoint to much of the world -> list blocks of /8 or smaller")
    return str(network)


def _vpc_network(text: str) -> str:
    network = IPv4Network(_network(text))
    if not network.is_private:
        raise ValueError("is not a private block (RFC 1918) -> use a block of 10.0.0.0/8")
    if network.overlaps(SERVICE_CIDR):
        raise ValueError(f"overlaps the services' block {SERVICE_CIDR} -> use a block of 10.0.0.0/8")
    if not 16 <= network.prefixlen <= 20:
        raise ValueError("is not a /16 to /20, the sizes of a cell's VPC -> use a /16, or leave cidr out")
    return str(network)


def _text(value: object) -> object:
    """YAML reads an account id without quotes as a number; leading zeros would already be lost."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError("is a number in YAML, which drops leading zeros -> put it in quotes")
    return value


def _pattern(alias: Any) -> str:
    """The pattern of an annotated string type."""
    return next(str(part.pattern) for part in alias.__metadata__ if isinstance(part, StringConstraints))


_NO_REGION = "is not a region of catalogue/regions.yaml -> name one of its regions"
RegionName = Annotated[str, one_of(catalogue.regions, _NO_REGION)]
RecoveryRegion = Annotated[str, one_of(lambda: {"none", *catalogue.regions()}, _NO_REGION)]
JurisdictionName = Annotated[str, AfterValidator(_jurisdiction)]
NodeTypeName = Annotated[
    str,
    one_of(
        lambda: catalogue.instances().nodes.types,
        "is not an instance type of catalogue/instances.yaml -> name one of its node types",
    ),
]
DatabaseTypeName = Annotated[
    str,
    one_of(
        lambda: catalogue.instances().databases.types,
        "is not an instance class of catalogue/instances.yaml -> name one of its database types",
    ),
]
ProgramName = Annotated[str, AfterValidator(_program)]
QuotaName = Annotated[
    str, one_of(catalogue.quotas, "is not a quota of catalogue/quotas.yaml -> name one of its quotas")
]
ClientNetwork = Annotated[str, AfterValidator(_client_network)]
VpcNetwork = Annotated[str, AfterValidator(_vpc_network)]
StackName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,29}$")]
"""Short and lower case: bucket, queue and role names begin with it."""
AccountId = Annotated[str, BeforeValidator(_text), StringConstraints(pattern=r"^[0-9]{12}$")]
RootId = Annotated[str, StringConstraints(pattern=r"^r-[0-9a-z]{4,32}$")]
OrganizationId = Annotated[str, StringConstraints(pattern=r"^o-[a-z0-9]{10,32}$")]
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$")]
PrincipalArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws:iam::[0-9]{12}:(user|role)/[A-Za-z0-9_+=,.@/-]{1,128}$")
]
Domain = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,63}$", max_length=200)]
HostedZoneId = Annotated[str, StringConstraints(pattern=r"^Z[A-Z0-9]{1,31}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""Of an image's manifest; a tag can be moved, a digest cannot."""
EcrImage = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$"),
]
KeyArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$")]
WordKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,19}$")]
VaultArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws:backup:[a-z0-9-]+:[0-9]{12}:backup-vault:[A-Za-z0-9_-]{2,50}$")
]
TrailArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws:cloudtrail:[a-z0-9-]+:[0-9]{12}:trail/[A-Za-z0-9._-]{3,128}$")
]
UserArn = Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::[0-9]{12}:user/[A-Za-z0-9+=,.@_/-]{1,128}$")]
LogGroupName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/#-]{1,512}$")]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[0-9][0-9 ()-]{5,23}$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=20, max_length=200)]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=254)]


PATTERN_RULES = MappingProxyType(
    {
        _pattern(StackName): ("is not a stack name", "use a-z, 0-9 and -, a letter first, at most 30 characters"),
        _pattern(AccountId): ("is not an account id", "write the twelve digits in quotes"),
        _pattern(RootId): ("is not the id of an organisation's root", "write r- and 4 to 32 letters and digits"),
        _pattern(OrganizationId): ("is not an organisation id", "write o- and 10 to 32 letters and digits"),
        _pattern(RoleArn): ("is not the ARN of a role", "write arn:aws:iam::<account>:role/<name>"),
        _pattern(PrincipalArn): (
            "is not the ARN of an IAM user or role",
            "write arn:aws:iam::<account>:user/<name> or :role/<path and name>; of a session its role",
        ),
        _pattern(Domain): ("is not a DNS name", "write it in lower case without a dot at the end"),
        _pattern(HostedZoneId): ("is not the id of a hosted zone", "write the Z... that Route 53 shows"),
        _pattern(EcrImage): (
            "is not an ECR image by digest",
            "write 123456789012.dkr.ecr.eu-west-1.amazonaws.com/name@sha256:... with 64 hex digits",
        ),
        _pattern(KeyArn): ("is not the ARN of a KMS key", "write arn:aws:kms:REGION:ACCOUNT:key/ID, no alias"),
        _pattern(Digest): (
            "is not the digest of an image",
            "write sha256:<64 hex digits>: a tag can be moved, and the registry is the cell's own",
        ),
        _pattern(ShardId): ("is not a shard id", "use s00 to s999"),
        _pattern(WordKey): ("is not a name", "use a-z, 0-9 and -, a letter first, at most 20 characters"),
        _pattern(VaultArn): (
            "is not the ARN of a backup vault",
            "write arn:aws:backup:<region>:<account>:backup-vault:<name>",
        ),
        _pattern(TrailArn): ("is not the ARN of a trail", "write arn:aws:cloudtrail:<region>:<account>:trail/<name>"),
        _pattern(UserArn): (
            "is not the ARN of an IAM user",
            "write arn:aws:iam::<account>:user/<name>, of an account for identities: MFA is theirs",
        ),
        _pattern(LogGroupName): ("is not the name of a log group", "write its name, not its ARN"),
        _pattern(BucketName): ("is not the name of a bucket", "write its name, not its ARN"),
        _pattern(Phone): ("is not a telephone number", 'write it with its country in quotes: "+353 1 555 0100"'),
        _pattern(Email): ("is not one e-mail address", "write it as security@example.com"),
    }
)
"""Pattern -> rule and fix, in words."""
