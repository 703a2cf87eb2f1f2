"""Identities: what roles may do, who may become them, who has keys, who may enter a cluster."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from drift import CELL, Change, Hands, Undo

from operations.audit.result import Reconciled

ACCESS_KEY = "aws:iam/accessKey:AccessKey"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
CLUSTER = "aws:eks/cluster:Cluster"
DATABASE = "aws:rds/cluster:Cluster"
INLINE = "aws:iam/rolePolicy:RolePolicy"
PROXY = "aws:rds/proxy:Proxy"
ROLE = "aws:iam/role:Role"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
SECRET = "aws:secretsmanager/secret:Secret"
USER = "aws:iam/user:User"

PIPE, APPLICATION = "-bus", "-payments"
"""Names of inline policies: of a role that AWS's own pipe takes, and of one that an application does."""

UNCHANGED = {
    "IAM-02 root_has_no_access_keys": "only the root user itself makes its keys, and no call of another does",
    "IAM-02 root_has_mfa_or_no_password": "only the root user itself takes its MFA away, and no call of another does",
}


def _grants(*actions: str, policy: str = PIPE, unbounded: bool = False) -> Callable[[Hands], Undo]:
    """Adds these actions on everything to a role's policy; ``unbounded``: and takes its boundary away."""

    def does(hands: Hands) -> Undo:
        iam, own = hands.client("iam"), hands.outputs(INLINE, policy)
        names = {"RoleName": own["role"], "PolicyName": own["name"]}
        document = json.loads(own["policy"])
        document["Statement"].append({"Effect": "Allow", "Action": list(actions), "Resource": "*"})
        boundary = iam.get_role(RoleName=own["role"])["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
        iam.put_role_policy(**names, PolicyDocument=json.dumps(document))
        if unbounded:
            iam.delete_role_permissions_boundary(RoleName=own["role"])

        def undo() -> None:
            iam.put_role_policy(**names, PolicyDocument=own["policy"])
            iam.put_role_permissions_boundary(RoleName=own["role"], PermissionsBoundary=boundary)

        return undo

    return does


def _attach_an_administrator(hands: Hands) -> Undo:
    iam = hands.client("iam")
    link = {
        "RoleName": hands.outputs(INLINE, PIPE)["role"],
        "PolicyArn": "arn:aws:iam::aws:policy/PowerUserAccess",
    }
    iam.attach_role_policy(**link)
    return lambda: iam.detach_role_policy(**link)


def _make_a_user(hands: Hands) -> Undo:
    iam = hands.client("iam")
    iam.create_user(UserName="somebody")
    return lambda: iam.delete_user(UserName="somebody")


def _make_an_access_key(hands: Hands) -> Undo:
    iam, gone = hands.client("iam"), _make_a_user(hands)
    key = iam.create_access_key(UserName="somebody")["AccessKey"]["AccessKeyId"]

    def undo() -> None:
        iam.delete_access_key(UserName="somebody", AccessKeyId=key)
        gone()

    return undo


def _let_every_pod_in(hands: Hands) -> Undo:
    iam, role = hands.client("iam"), hands.outputs(ROLE, APPLICATION)
    document = json.loads(role["assumeRolePolicy"])
    (trust,) = document["Statement"]
    account = trust["Condition"]["StringEquals"]["aws:SourceAccount"]
    trust["Condition"]["StringEquals"] = {"aws:SourceAccount": account}
    iam.update_assume_role_policy(RoleName=role["id"], PolicyDocument=json.dumps(document))
    return lambda: iam.update_assume_role_policy(RoleName=role["id"], PolicyDocument=role["assumeRolePolicy"])


def _trust_an_issuer(hands: Hands) -> Undo:
    iam = hands.client("iam")
    issuer = "token.actions.githubusercontent.com"
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{hands.aws.account}:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName="builds", AssumeRolePolicyDocument=document)
    return lambda: iam.delete_role(RoleName="builds")


def _break_the_glass(*, mfa: bool, hours: int) -> Callable[[Hands], Undo]:
    """A role for emergencies that no stack knows, and so no alarm."""

    def does(hands: Hands) -> Undo:
        iam, name = hands.client("iam"), "another-break-glass"
        trust: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{hands.aws.account}:root"},
            "Action": "sts:AssumeRole",
        }
        if mfa:
            trust["Condition"] = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
            MaxSessionDuration=hours * 3600,
            Tags=[{"Key": "payment-cell:use", "Value": "break-glass"}],
        )
        return lambda: iam.delete_role(RoleName=name)

    return does


def _make_a_cluster(access: dict[str, Any]) -> Callable[[Hands], Undo]:
    """EKS lets nobody take these settings of a cluster back: who wants them makes another one."""

    def does(hands: Hands) -> Undo:
        eks, cell = hands.client("eks"), hands.outputs(CLUSTER, CELL)
        eks.create_cluster(
            name="another",
            roleArn=cell["roleArn"],
            version=cell["version"],
            accessConfig=access,
            resourcesVpcConfig={
                "subnetIds": cell["vpcConfig"]["subnetIds"],
                "endpointPrivateAccess": True,
                "endpointPublicAccess": False,
            },
            logging={"clusterLogging": [{"types": cell["enabledClusterLogTypes"], "enabled": True}]},
            encryptionConfig=[cell["encryptionConfig"]],
            tags=cell["tags"],
        )
        return lambda: eks.delete_cluster(name="another")

    return does


def _make_a_person_administrator(hands: Hands) -> Undo:
    eks, gone = hands.client("eks"), _make_a_user(hands)
    entry = {"clusterName": CELL, "principalArn": f"arn:aws:iam::{hands.aws.account}:user/somebody"}
    eks.create_access_entry(**entry)
    eks.associate_access_policy(
        **entry,
        policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        accessScope={"type": "cluster"},
    )

    def undo() -> None:
        eks.delete_access_entry(**entry)
        gone()

    return undo


def _let_the_account_deploy(hands: Hands) -> Undo:
    """Whoever has the right to in its own policy becomes the role that deploys."""
    iam, name = hands.client("iam"), "payment-cell-deploy"
    was = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{hands.aws.account}:root"},
        "Action": "sts:AssumeRole",
    }

    def trust(document: Mapping[str, Any]) -> None:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))

    trust({"Version": "2012-10-17", "Statement": [root]})
    return lambda: trust(was)


def _let_users_sign_in_by_password(hands: Hands) -> Undo:
    rds = hands.client("rds")

    def iam_authentication(on: bool) -> None:
        rds.modify_db_cluster(
            DBClusterIdentifier=f"{CELL}-s00", EnableIAMDatabaseAuthentication=on, ApplyImmediately=True
        )

    iam_authentication(False)
    return lambda: iam_authentication(True)


def _let_clients_of_a_proxy_sign_in_by_password(hands: Hands) -> Undo:
    rds, proxy = hands.client("rds"), f"{CELL}-s00"
    names = ("Description", "UserName", "AuthScheme", "SecretArn", "IAMAuth", "ClientPasswordAuthType")
    (found,) = rds.describe_db_proxies(DBProxyName=proxy)["DBProxies"]
    auth = [{name: one[name] for name in names if name in one} for one in found["Auth"]]
    rds.modify_db_proxy(DBProxyName=proxy, Auth=[{**one, "IAMAuth": "DISABLED"} for one in auth])
    return lambda: rds.modify_db_proxy(DBProxyName=proxy, Auth=auth)


def _rotate_twice_a_year(hands: Hands) -> Undo:
    """A secret of its own: the emulator ends no rotation without a function, and starts none with one."""
    secrets, like = hands.client("secretsmanager"), hands.outputs(SECRET, "-api-keys")
    tags = [{"Key": key, "Value": value} for key, value in like["tags"].items()]
    secrets.create_secret(Name="another", KmsKeyId=like["kmsKeyId"], SecretString="not-a-real-one", Tags=tags)
    secrets.rotate_secret(SecretId="another", RotationRules={"AutomaticallyAfterDays": 180}, RotateImmediately=False)
    return lambda: secrets.delete_secret(SecretId="another", ForceDeleteWithoutRecovery=True)


CHANGES = (
    Change(
        sees="IAM-01 grants_no_star_on_star",
        does=_grants("*"),
        reads=(INLINE,),
        also=frozenset({"IAM-01 passes_no_unnamed_role", "IAM-01 decrypts_with_no_unnamed_key"}),
    ),
    Change(sees="IAM-01 passes_no_unnamed_role", does=_grants("iam:PassRole"), reads=(INLINE,)),
    Change(sees="IAM-01 decrypts_with_no_unnamed_key", does=_grants("kms:Decrypt"), reads=(INLINE,)),
    Change(
        sees="IAM-01 cannot_raise_its_own_rights",
        does=_grants("iam:CreateAccessKey", unbounded=True),
        reads=(INLINE, ROLE),
    ),
    Change(
        sees="IAM-01 attaches_no_administrator",
        does=_attach_an_administrator,
        reads=(ATTACHMENT,),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(sees="IAM-02 is_no_user", does=_make_a_user, reads=(USER,), reconciled=Reconciled.UNMANAGED),
    Change(
        sees="IAM-02 is_no_access_key",
        does=_make_an_access_key,
        reads=(ACCESS_KEY,),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(sees="IAM-03 pod_identity_names_its_pods", does=_let_every_pod_in, reads=(ROLE,)),
    Change(
        sees="IAM-03 web_identity_names_subject_and_audience",
        does=_trust_an_issuer,
        reads=(ROLE,),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="IAM-04 is_reached_through_access_entries_only",
        does=_make_a_cluster(
            {"authenticationMode": "API_AND_CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": False}
        ),
        reads=(CLUSTER,),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="IAM-04 leaves_its_creator_without_rights",
        does=_make_a_cluster({"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True}),
        reads=(CLUSTER,),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="IAM-04 makes_nobody_a_standing_administrator",
        does=_make_a_person_administrator,
        reads=(ASSOCIATION,),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="IAM-04 no_person_becomes_an_administrator",
        does=_let_the_account_deploy,
        reads=(ROLE,),
        reconciled=Reconciled.ONE_PLACE,
    ),
    Change(
        sees="IAM-05 leaves_the_evidence_alone",
        does=_grants("logs:DeleteLogStream", policy=APPLICATION),
        reads=(INLINE,),
    ),
    Change(sees="IAM-06 signs_users_in_by_iam", does=_let_users_sign_in_by_password, reads=(DATABASE,)),
    Change(
        sees="IAM-06 proxy_signs_users_in_by_iam",
        does=_let_clients_of_a_proxy_sign_in_by_password,
        reads=(PROXY,),
    ),
    Change(
        sees="IAM-06 rotates_within_the_maximum",
        does=_rotate_twice_a_year,
        reads=(ROTATION, SECRET),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="IAM-07 is_entered_with_mfa",
        does=_break_the_glass(mfa=False, hours=1),
        reads=(ROLE,),
        also=frozenset({"IAM-07 use_is_heard_of"}),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="IAM-07 ends_within_four_hours",
        does=_break_the_glass(mfa=True, hours=5),
        reads=(ROLE,),
        also=frozenset({"IAM-07 use_is_heard_of"}),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="IAM-07 use_is_heard_of",
        does=_break_the_glass(mfa=True, hours=1),
        reads=(ROLE,),
        reconciled=Reconciled.UNMANAGED,
    ),
)
