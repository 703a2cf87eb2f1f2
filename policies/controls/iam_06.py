"""IAM-06: databases know their users by IAM, and secrets that rotate do so within 90 days.

Live: secrets without a rotation of AWS's, whose rotation by other means needs an attestation.
"""

from collections.abc import Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Clause,
    Control,
    Severity,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.every import every

MAX_DAYS = 90
"""Control SecretsManager.4 of https://docs.aws.amazon.com/securityhub/latest/userguide/secretsmanager-controls.html."""

WITH_IAM = ("aurora", "mariadb", "mysql", "postgres")
"""Beginnings of engine names that can
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html)."""

DATABASES = frozenset({"aws:rds/cluster:Cluster", "aws:rds/instance:Instance"})


def signs_users_in_by_iam(database: Mapping[str, Any]) -> Verdict:
    if database.get("iamDatabaseAuthenticationEnabled"):
        return passed()
    engine = database.get("engine")
    if engine and not str(engine).startswith(WITH_IAM):
        return not_applicable(f"engine {engine} has no IAM authentication")
    return failed("iamDatabaseAuthenticationEnabled is not true")


def proxy_signs_users_in_by_iam(proxy: Mapping[str, Any]) -> Verdict:
    auths = proxy.get("auths") or ()
    if not auths and proxy.get("defaultAuthScheme") != "IAM_AUTH":
        return failed("auths is empty and defaultAuthScheme is not IAM_AUTH")
    return every(auths, _requires_iam)


def _requires_iam(auth: Mapping[str, Any]) -> Verdict:
    found = auth.get("iamAuth")
    return passed() if found == "REQUIRED" else failed(f"auths.iamAuth is {found or 'not set'}, not REQUIRED")


def rotates_within_the_maximum(rotation: Mapping[str, Any]) -> Verdict:
    rules = rotation.get("rotationRules") or {}
    if days := rules.get("automaticallyAfterDays"):
        return passed() if days <= MAX_DAYS else failed(f"automaticallyAfterDays is {days:g}, more than {MAX_DAYS}")
    if rules.get("scheduleExpression"):
        return undetermined("rotationRules.scheduleExpression says when, not how often")
    return failed("rotationRules has neither automaticallyAfterDays nor scheduleExpression")


IAM_06 = Control(
    id="IAM-06",
    title="Databases know their users by IAM; secrets rotate",
    severity=Severity.HIGH,
    clauses=(
        Clause(resource_types=DATABASES, check=signs_users_in_by_iam),
        Clause(resource_types=frozenset({"aws:rds/proxy:Proxy"}), check=proxy_signs_users_in_by_iam),
        Clause(
            resource_types=frozenset({"aws:secretsmanager/secretRotation:SecretRotation"}),
            check=rotates_within_the_maximum,
        ),
    ),
    maps_to=(SOC2("CC6.1", Strength.PARTIAL), *SAFEGUARDS),
    risk="A password outlives the person or program that was given it, and is copied without a trace.",
    remediation="Set iamDatabaseAuthenticationEnabled, and iamAuth of a proxy to REQUIRED; rotate secrets in 90 days.",
)
