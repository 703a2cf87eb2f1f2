"""IAM-02: nobody has keys that do not end.

People come through a directory, programs through roles: both get credentials for hours
(https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#bp-users-federation-idp).
"""

from collections.abc import Mapping
from typing import Any

from policies.control import SAFEGUARDS, SOC2, Clause, Control, Severity, Strength, Verdict, failed, passed
from policies.resources import ROOT


def is_no_user(_user: Mapping[str, Any]) -> Verdict:
    return failed("a user of IAM has credentials without an end")


def is_no_access_key(_key: Mapping[str, Any]) -> Verdict:
    return failed("an access key has no end")


def root_has_no_access_keys(root: Mapping[str, Any]) -> Verdict:
    return failed("the root user has access keys") if root.get("accessKeysPresent") else passed()


def root_has_mfa_or_no_password(root: Mapping[str, Any]) -> Verdict:
    """A member account whose root access is managed centrally has no password to protect
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html#id_root-user-access-management)."""
    if root.get("mfaEnabled") or not root.get("passwordPresent", True):
        return passed()
    return failed("the root user has a password and no MFA")


IAM_02 = Control(
    id="IAM-02",
    title="No user and no access key; root has no keys, and MFA unless it is managed centrally",
    severity=Severity.HIGH,
    clauses=(
        Clause(resource_types=frozenset({"aws:iam/user:User"}), check=is_no_user),
        Clause(resource_types=frozenset({"aws:iam/accessKey:AccessKey"}), check=is_no_access_key),
        *(
            Clause(
                resource_types=frozenset({ROOT}), check=check, not_declared="no program declares an account's root user"
            )
            for check in (root_has_no_access_keys, root_has_mfa_or_no_password)
        ),
    ),
    maps_to=(SOC2("CC6.1", Strength.DIRECT), *SAFEGUARDS),
    risk="A key that does not end works for whoever finds it, years later.",
    remediation="Replace users by roles that people assume through the directory, delete root's access keys, and "
    "switch on its MFA or the organisation's central management of root access.",
)
