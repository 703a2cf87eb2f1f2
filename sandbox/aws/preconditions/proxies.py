"""RDS Proxy: its role, its secrets and its target."""

from collections.abc import Iterator

from sandbox.aws.preconditions.account import ask, forbidden, foreign, items, key, too_few_zones, untrusted
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, Precondition, Request

PROXY = "aws:rds/proxy:Proxy"

AURORA = f"{DOCS}/AmazonRDS/latest/AuroraUserGuide"
API = f"{DOCS}/AmazonRDS/latest/APIReference"


def proxy_subnets_in_two_zones(request: Request) -> str | None:
    return too_few_zones(request, request.given("vpcSubnetIds"))


def proxy_role_is_trusted(request: Request) -> str | None:
    return untrusted(request, request.given("roleArn"), "rds.amazonaws.com")


def _secrets(request: Request) -> Iterator[str]:
    """ARNs of this account's secrets that the proxy signs in with."""
    for auth in request.given("auths") or []:
        arn = auth.get("secretArn")
        if arn and not foreign(request, arn):
            yield arn


def proxy_secrets_have_a_value(request: Request) -> str | None:
    for arn in _secrets(request):
        found = ask(request, "secretsmanager", "describe_secret", SecretId=arn)
        if found is None:
            return f"secret {arn} does not exist"
        if not any("AWSCURRENT" in stages for stages in (found.get("VersionIdsToStages") or {}).values()):
            return f"secret {arn} has no value yet"
    return None


def proxy_role_reads_secrets(request: Request) -> str | None:
    role = request.given("roleArn") or ""
    return forbidden(request, role, [("secretsmanager:GetSecretValue", arn) for arn in _secrets(request)])


def proxy_role_decrypts_secrets(request: Request) -> str | None:
    role = request.given("roleArn") or ""
    for arn in _secrets(request):
        reference = (ask(request, "secretsmanager", "describe_secret", SecretId=arn) or {}).get("KmsKeyId")
        found = key(request, reference) if reference and "alias/aws/" not in reference else None
        if found and (wrong := forbidden(request, role, [("kms:Decrypt", found["Arn"])])):
            return wrong
    return None


def proxy_target_has_an_instance(request: Request) -> str | None:
    name = request.given("dbClusterIdentifier")
    asked = {"DBClusterIdentifier": name}
    for cluster in items(request, "rds", "describe_db_clusters", "DBClusters", **asked) if name else ():
        if not cluster.get("DBClusterMembers"):
            return f"cluster {name} has no instance"
    return None


ROWS = (
    Precondition(
        id="rds-proxy-subnets-in-two-zones",
        token=PROXY,
        on=ON_CREATE,
        rule="A proxy needs subnets in at least two Availability Zones.",
        source=f"{AURORA}/rds-proxy-network-prereqs.html",
        code="InvalidSubnet",
        check=proxy_subnets_in_two_zones,
    ),
    Precondition(
        id="rds-proxy-role-is-trusted",
        token=PROXY,
        on=ON_CHANGE,
        rule="The role of a proxy must exist and trust rds.amazonaws.com.",
        source=f"{AURORA}/rds-proxy-iam-setup.html",
        code="InvalidParameterValue",
        check=proxy_role_is_trusted,
    ),
    Precondition(
        id="rds-proxy-secrets-have-a-value",
        token=PROXY,
        on=ON_CHANGE,
        rule="A proxy signs in with secrets that exist and have a value.",
        source=f"{AURORA}/rds-proxy-secrets-arns.html",
        code="AUTH_FAILURE",
        check=proxy_secrets_have_a_value,
        later=True,
    ),
    Precondition(
        id="rds-proxy-role-reads-secrets",
        token=PROXY,
        on=ON_CHANGE,
        rule="The role of a proxy must be allowed secretsmanager:GetSecretValue on each of its secrets.",
        source=f"{AURORA}/rds-proxy-iam-setup.html",
        code="AUTH_FAILURE",
        check=proxy_role_reads_secrets,
        later=True,
    ),
    Precondition(
        id="rds-proxy-role-decrypts-secrets",
        token=PROXY,
        on=ON_CHANGE,
        rule="The role of a proxy must be allowed kms:Decrypt on the customer-managed keys of its secrets.",
        source=f"{AURORA}/rds-proxy-iam-setup.html",
        code="AUTH_FAILURE",
        check=proxy_role_decrypts_secrets,
        later=True,
    ),
    Precondition(
        id="rds-proxy-target-has-an-instance",
        token="aws:rds/proxyTarget:ProxyTarget",
        on=ON_CREATE,
        rule="A cluster becomes the target of a proxy once it has an instance.",
        source=f"{API}/API_RegisterDBProxyTargets.html",
        code="InvalidDBClusterStateFault",
        check=proxy_target_has_an_instance,
    ),
)
