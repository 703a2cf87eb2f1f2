"""IAM-05: no application can delete or weaken what proves what happened.

Live: what the policies that AWS manages grant.
"""

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
    undetermined,
)
from policies.documents import ROLE, boundary_of, granted, grants, statements, within
from policies.resources import Resource, Stack

APPLICATIONS = frozenset(
    f"{service}.amazonaws.com"
    for service in ("batch", "ec2", "ecs-tasks", "eks-fargate-pods", "lambda", "pods.eks", "tasks.apprunner")
)
"""Services that hand a role to the code of its owner
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html)."""

EVIDENCE = (
    "backup:DeleteBackupVault",
    "backup:DeleteBackupVaultLockConfiguration",
    "backup:DeleteRecoveryPoint",
    "cloudtrail:DeleteTrail",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:StopLogging",
    "cloudtrail:UpdateTrail",
    "config:DeleteConfigurationRecorder",
    "config:DeleteDeliveryChannel",
    "config:PutConfigurationRecorder",
    "config:StopConfigurationRecorder",
    "ec2:DeleteFlowLogs",
    "guardduty:DeleteDetector",
    "guardduty:UpdateDetector",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "logs:DeleteLogGroup",
    "logs:DeleteLogStream",
    "logs:DeleteRetentionPolicy",
    "logs:DisassociateKmsKey",
    "logs:PutRetentionPolicy",
    "s3:BypassGovernanceRetention",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
    "securityhub:DisableSecurityHub",
)
"""Actions on logs, keys, trails, recorders, detectors, locks and retention
(https://docs.aws.amazon.com/service-authorization/latest/reference/)."""


def leaves_the_evidence_alone(role: Resource, stack: Stack) -> Verdict:
    if not _is_an_applications(role):
        return not_applicable("assumed by no application")
    own = granted(role, stack)
    taken = [action for action in EVIDENCE if grants(own.statements, action)]
    if not taken:
        return undetermined(f"the document of {own.unknown} is not known yet") if own.unknown else passed()
    boundary = boundary_of(role, stack)
    if boundary is None:
        return undetermined(f"{taken[0]} is granted, and the boundary that may take it away is not in this stack")
    left = [action for action in taken if within(boundary, action)]
    return failed(f"{', '.join(left[:3])} is granted") if left else passed()


def _is_an_applications(role: Resource) -> bool:
    return any(
        APPLICATIONS & set(one.principals.get("Service", ()))
        or any(":oidc-provider/oidc.eks." in name for name in one.principals.get("Federated", ()))
        for one in statements(role.props["assumeRolePolicy"])
        if one.allows
    )


IAM_05 = Control(
    id="IAM-05",
    title="No application can delete or weaken logs, keys, trails, recorders, detectors or retention",
    severity=Severity.HIGH,
    clauses=(StackClause(resource_types=frozenset({ROLE}), check=leaves_the_evidence_alone),),
    maps_to=(SOC2("CC6.3", Strength.PARTIAL), *SAFEGUARDS),
    risk="Whoever takes over an application would remove the traces of it.",
    remediation="Take these actions out of the application's policies; keep them to the deploy role.",
)
