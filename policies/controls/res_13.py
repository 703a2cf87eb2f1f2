"""RES-13: policies of resources open nothing to strangers, by themselves or through a service of AWS.

No stranger is the account that the stack is in, and who is in catalogue/accounts.yaml.
"""

from collections.abc import Iterator

from catalogue import accounts
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
    undetermined,
)
from policies.every import every
from policies.resource_policies import Statement, everyone_held, held_to_a_source, holds_everyone, statements
from policies.resources import Resource, Stack, account_of

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

ROLE = "aws:iam/role:Role"
"""Its policy, ``assumeRolePolicy``, says who enters it
(https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_identity-vs-resource.html)."""

BY_OWNER = (
    *("aws:principalaccount", "kms:calleraccount", "aws:principalarn"),
    *("aws:sourceaccount", "aws:sourcearn", "aws:principalorgid"),
)
"""Condition keys whose values name an account or an organisation."""

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


def lets_no_stranger_in(holder: Resource, stack: Stack) -> Verdict:
    policy = holder.given("assumeRolePolicy" if holder.type == ROLE else "policy")
    if not policy:
        return not_applicable("declares no policy")

    def check(named: tuple[Statement, str]) -> Verdict:
        statement, principal = named
        conditions = [values for key in BY_OWNER if (values := statement.limits(key))]
        if _ours(principal, stack) or any(all(_ours(one, stack) for one in values) for values in conditions):
            return passed()
        words = [principal] if principal != "*" else [word for values in conditions for word in values]
        if stack.accounts and any(account_of(word) or word.startswith("o-") for word in words):
            who = " or ".join(words)
            return failed(f"policy: {statement.sid} lets in {who}, not in catalogue/accounts.yaml nor of this account")
        return undetermined(f"policy: {statement.sid}: whether {principal} is of this account is not known here")

    return every(tuple(_let_in(policy)), check)


def _let_in(policy: object) -> Iterator[tuple[Statement, str]]:
    """Who is allowed something, one by one; everyone only under a condition: without one it is a failure already."""
    for one in statements(policy):
        if one.effect == "Allow":
            for principal in (*one.principals.get("AWS", ()), *one.principals.get("CanonicalUser", ())):
                if principal != "*" or everyone_held(one):
                    yield one, principal


def _ours(word: str, stack: Stack) -> bool:
    known = accounts()
    return word in known.organizations or account_of(word) in stack.accounts | known.accounts


RES_13 = Control(
    id="RES-13",
    title="Policies of resources open nothing to strangers, by themselves or through a service",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=TYPES - _KEYS, check=everyone_is_held_to_an_account),
        StackClause(resource_types=TYPES, check=services_act_for_a_known_source),
        StackClause(resource_types=TYPES | {ROLE}, check=lets_no_stranger_in),
    ),
    maps_to=(SOC2("CC6.1", Strength.PARTIAL), SOC2("CC6.3", Strength.PARTIAL)),
    risk="A service acts for whoever asks it: without a source a stranger's topic or trail uses our resource.",
    remediation="Hold * to aws:PrincipalAccount or aws:PrincipalOrgID, and services to aws:SourceAccount or SourceArn; "
    "list other accounts of yours in catalogue/accounts.yaml.",
)
