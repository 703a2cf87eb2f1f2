"""Mutations of identities."""

import json

from changes import Props, allowing, in_document, setting, unbounded
from mutations import ACCOUNT, BREAK_GLASS, CELL, WORKLOADS, Mutation, first, new, plus

from policies.resources import ROOT, Stack

EKS = "aws:eks/cluster:Cluster"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
USER = "aws:iam/user:User"
ACCESS_KEY = "aws:iam/accessKey:AccessKey"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
ISSUER = "token.actions.githubusercontent.com"


def _builder(stack: Stack) -> Stack:
    """with a role that one branch of a build system assumes"""
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{ISSUER}:aud": "sts.amazonaws.com",
                f"{ISSUER}:sub": "repo:payments/cell:ref:refs/heads/main",
            }
        },
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return plus(stack, new(ROLE, "builder", assumeRolePolicy=document))


def _deployer(stack: Stack) -> Stack:
    """with the role that deploys, which jobs of one branch assume"""
    arn = first(stack, "aws:eks/accessPolicyAssociation:AccessPolicyAssociation", "deploy").props["principalArn"]
    trust = first(_builder(stack), ROLE, "builder").props["assumeRolePolicy"]
    return plus(stack, new(ROLE, "deployer", arn=arn, assumeRolePolicy=trust))


def _by_the_account(document: Props) -> None:
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    document["Statement"].append({"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"})


def _any_branch(document: Props) -> None:
    document["Statement"][0]["Condition"]["StringEquals"][f"{ISSUER}:sub"] = "*"


def _rotation(stack: Stack) -> Stack:
    """with a secret that rotates each month"""
    secret = first(stack, "aws:secretsmanager/secret:Secret")
    return plus(stack, new(ROTATION, "rotation", {"secretId": secret}, rotationRules={"automaticallyAfterDays": 30}))


MUTATIONS = (
    Mutation(
        sees="IAM-01 attaches_no_administrator",
        stack=CELL,
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        change=setting("policyArn", "arn:aws:iam::aws:policy/AdministratorAccess"),
    ),
    Mutation(sees="IAM-01 cannot_raise_its_own_rights", stack=CELL, type=ROLE, change=unbounded("iam:PutRolePolicy")),
    Mutation(
        sees="IAM-01 decrypts_with_no_unnamed_key", stack=ACCOUNT, type=ROLE_POLICY, change=allowing("kms:Decrypt")
    ),
    Mutation(
        sees="IAM-01 grants_no_star_on_star",
        stack=CELL,
        type=ROLE_POLICY,
        change=allowing("*"),
    ),
    Mutation(
        sees="IAM-01 manages_no_administrator",
        stack=CELL,
        type=ROLE,
        change=setting("managedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    Mutation(sees="IAM-01 passes_no_unnamed_role", stack=ACCOUNT, type=ROLE_POLICY, change=allowing("iam:PassRole")),
    Mutation(
        sees="IAM-03 pod_identity_names_its_pods",
        stack=CELL,
        type=ROLE,
        name="eu-west-1-payments",
        change=in_document("assumeRolePolicy", lambda document: document["Statement"][0].pop("Condition")),
    ),
    Mutation(
        sees="IAM-04 binds_nobody_to_cluster_admin",
        stack=WORKLOADS,
        type="kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        change=setting("roleRef.name", "cluster-admin"),
    ),
    Mutation(
        sees="IAM-04 is_reached_through_access_entries_only",
        stack=CELL,
        type=EKS,
        change=setting("accessConfig.authenticationMode", "API_AND_CONFIG_MAP"),
    ),
    Mutation(
        sees="IAM-04 leaves_its_creator_without_rights",
        stack=CELL,
        type=EKS,
        change=setting("accessConfig.bootstrapClusterCreatorAdminPermissions", True),
    ),
    Mutation(
        sees="IAM-04 makes_nobody_a_standing_administrator",
        stack=CELL,
        type="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        change=setting("principalArn", "arn:aws:iam::123456789012:user/somebody"),
    ),
    Mutation(
        sees="IAM-04 no_person_becomes_an_administrator",
        stack=CELL,
        type=ROLE,
        name="deployer",
        prepared=_deployer,
        change=in_document("assumeRolePolicy", _by_the_account),
    ),
    Mutation(
        sees="IAM-05 leaves_the_evidence_alone",
        stack=CELL,
        type=ROLE,
        name="eu-west-1-payments",
        change=unbounded("logs:DeleteLogGroup"),
    ),
    Mutation(
        sees="IAM-06 proxy_signs_users_in_by_iam",
        stack=CELL,
        type="aws:rds/proxy:Proxy",
        change=setting("auths.0.iamAuth", "DISABLED"),
    ),
    Mutation(
        sees="IAM-06 signs_users_in_by_iam",
        stack=CELL,
        type="aws:rds/cluster:Cluster",
        change=setting("iamDatabaseAuthenticationEnabled", False),
    ),
    Mutation(
        sees="IAM-02 is_no_user",
        stack=ACCOUNT,
        type=USER,
        planted=new(USER, "somebody", name="somebody"),
    ),
    Mutation(
        sees="IAM-02 is_no_access_key",
        stack=ACCOUNT,
        type=ACCESS_KEY,
        planted=new(ACCESS_KEY, "forever", user="somebody"),
    ),
    Mutation(
        sees="IAM-02 root_has_no_access_keys",
        stack=ACCOUNT,
        type=ROOT,
        change=setting("accessKeysPresent", True),
        live=True,
    ),
    Mutation(
        sees="IAM-02 root_has_mfa_or_no_password",
        stack=ACCOUNT,
        type=ROOT,
        change=setting("mfaEnabled", False),
        live=True,
    ),
    Mutation(
        sees="IAM-03 web_identity_names_subject_and_audience",
        stack=ACCOUNT,
        type=ROLE,
        name="builder",
        prepared=_builder,
        change=in_document("assumeRolePolicy", _any_branch),
    ),
    Mutation(
        sees="IAM-06 rotates_within_the_maximum",
        stack=CELL,
        type=ROTATION,
        prepared=_rotation,
        change=setting("rotationRules.automaticallyAfterDays", 400),
    ),
    Mutation(
        sees="IAM-07 is_entered_with_mfa",
        stack=BREAK_GLASS,
        type=ROLE,
        name="break-glass",
        change=in_document("assumeRolePolicy", lambda document: document["Statement"][0].pop("Condition")),
    ),
    Mutation(
        sees="IAM-07 ends_within_four_hours",
        stack=BREAK_GLASS,
        type=ROLE,
        name="break-glass",
        change=setting("maxSessionDuration", 43_200),
    ),
    Mutation(
        sees="IAM-07 use_is_heard_of",
        stack=BREAK_GLASS,
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        name="break-glass",
    ),
)
