"""IAM-06: database users and rotation of secrets."""

import pytest

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts


def answered(type_: str, **props: object) -> Status:
    (status,) = verdicts("IAM-06", resource(type_, "x", **props)).values()
    return status


@pytest.mark.parametrize("type_", ["aws:rds/cluster:Cluster", "aws:rds/instance:Instance"])
def test_a_database_signs_users_in_by_iam(type_: str) -> None:
    assert answered(type_, engine="aurora-postgresql", iamDatabaseAuthenticationEnabled=True) is Status.PASS
    assert answered(type_, engine="aurora-postgresql") is Status.FAIL
    assert answered(type_, engine="postgres", iamDatabaseAuthenticationEnabled=UNKNOWN) is Status.UNDETERMINED
    assert answered(type_, engine="oracle-ee") is Status.NOT_APPLICABLE
    assert answered(type_) is Status.FAIL


def test_a_proxy_asks_for_iam() -> None:
    def proxy(**props: object) -> Status:
        return answered("aws:rds/proxy:Proxy", **props)

    assert proxy(auths=[{"iamAuth": "REQUIRED"}]) is Status.PASS
    assert proxy(auths=[{"iamAuth": "REQUIRED"}, {"iamAuth": "DISABLED"}]) is Status.FAIL
    assert proxy(auths=[{}]) is Status.FAIL
    assert proxy(auths=[{"iamAuth": UNKNOWN}]) is Status.UNDETERMINED
    assert proxy(defaultAuthScheme="IAM_AUTH") is Status.PASS
    assert proxy() is Status.FAIL


def test_a_rotation_comes_within_90_days() -> None:
    def rotation(**rules: object) -> Status:
        return answered("aws:secretsmanager/secretRotation:SecretRotation", rotationRules=rules)

    assert rotation(automaticallyAfterDays=90.0) is Status.PASS
    assert rotation(automaticallyAfterDays=91.0) is Status.FAIL
    assert rotation(automaticallyAfterDays=UNKNOWN) is Status.UNDETERMINED
    assert rotation(scheduleExpression="rate(10 days)") is Status.UNDETERMINED
    assert rotation() is Status.FAIL
