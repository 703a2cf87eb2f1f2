"""RES-13: policies of resources open nothing to strangers, by themselves or through a service of AWS.

Live: whether a foreign account that is named belongs to the organisation; there is no register of own accounts yet.
"""

from policies.control import (
    SOC2,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from policies.resource_policies import held_to_a_source, holds_everyone, statements
from policies.resources import Resource, Stack

TYPES = frozenset(
    f"aws:{type_}"
    for type_ in (
        *("backup/vaultPolicy:VaultPolicy", "cloudwatch/eventBusPolicy:EventBusPolicy"),
        *("ecr/repositoryPolicy:RepositoryPolicy", "kms/key:Key", "kms/keyPolicy:KeyPolicy"),
        *("s3/bucketPolicy:BucketPolicy", "secretsmanager/secretPolicy:SecretPolicy"),
        *("sns/topicPolicy:TopicPolicy", "sqs/queuePolicy:QueuePolicy"),
    )
)
"""What holds a policy of a resource in its property ``policy``. Keys are asked about everyone by KEY-04."""

_KEYS = frozenset({"aws:kms/key:Key", "aws:kms/keyPolicy:KeyPolicy"})


def everyone_is_held_to_an_account(holder: Resource, _stack: Stack) -> Verdict:
    policy = holder.given("policy")
    if not policy:
        return not_applicable("declares no policy")
    return holds_everyone(policy)


def services_act_for_a_known_source(holder: Resource, _stack: Stack) -> Verdict:
    policy = holder.given("policy")
    if not policy:
        return not_applicable("declares no policy")
    for one in statements(policy):
        if one.effect == "Allow" and one.principals.get("Service") and not held_to_a_source(one):
            return failed(f"policy: {one.sid} allows {one.principals['Service'][0]} for any account that it acts for")
    return passed()


RES_13 = Control(
    id="RES-13",
    title="Policies of resources open nothing to strangers, by themselves or through a service",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=TYPES - _KEYS, check=everyone_is_held_to_an_account),
        StackClause(resource_types=TYPES, check=services_act_for_a_known_source),
    ),
    maps_to=(SOC2("CC6.1", Strength.PARTIAL), SOC2("CC6.3", Strength.PARTIAL)),
    risk="A service acts for whoever asks it: without a source a stranger's topic or trail uses our resource.",
    remediation="Hold * to aws:PrincipalAccount or aws:PrincipalOrgID, and services to aws:SourceAccount or SourceArn.",
)
