"""Who a bearer token of an EKS cluster belongs to, and what Kubernetes user and groups that principal is.

A token is a presigned STS GetCallerIdentity request for one cluster, as `aws eks get-token` makes it. EKS sends it to
STS; here, inside the emulator's process, the signature is recomputed with the secret that the emulated account holds
for the access key. The principal is then looked up in the cluster's access entries.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.kubernetes import access
from sandbox.kubernetes.token import Refused, Secret, Token

CLUSTER_ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessPolicy:
    """An access policy that an entry is associated with. `namespaces` is empty for the scope `cluster`; a name in it
    may end in `*`."""

    policy_arn: str
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessEntry:
    """An EKS access entry. `principal_arn`: IAM role, user or root. `username` may hold {{SessionName}} and
    {{AccountID}}."""

    principal_arn: str
    username: str
    groups: tuple[str, ...] = ()
    policies: tuple[AccessPolicy, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Whose access key signed. `arn`: as GetCallerIdentity says; `principal_arn`: of the role behind a session, else
    `arn`."""

    secret: Secret
    account: str
    arn: str
    principal_arn: str
    user_id: str
    session_name: str = ""


Entries = Callable[[str, str, str], Iterable[AccessEntry]]
"""(account, region, cluster) -> the cluster's access entries; KeyError when there is no such cluster."""


def same_principal(one: str, other: str) -> bool:
    """Whether two ARNs name one principal. Role paths do not count, since a session's ARN has none; the emulator writes
    users with the service `sts`."""
    return _comparable(one) == _comparable(other)


def _comparable(arn: str) -> tuple[str, str, str]:
    parts = arn.split(":", 5)
    if len(parts) != 6:
        return arn, "", ""
    kind, _, path = parts[5].partition("/")
    return parts[4], kind, path.rpartition("/")[2]


def callers(root: Mapping[str, str]) -> Callable[[str], Caller | None]:
    """Look-up of an access key id in the emulated accounts. `root`: access key id -> secret of the sandbox itself."""
    # Imported here: only the emulator's process has moto's accounts, and only it calls this.
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    def find(key_id: str) -> Caller | None:
        for accounts in list(sts_backends.values()):
            for backend in list(accounts.values()):
                role = backend.get_assumed_role_from_access_key(key_id)
                if role is not None:
                    secret = Secret(role.secret_access_key, role.session_token, role.expiration.timestamp())
                    return Caller(
                        secret=secret,
                        account=role.account_id,
                        arn=role.arn,
                        principal_arn=role.role_arn,
                        user_id=role.user_id.partition(":")[0],
                        session_name=role.session_name,
                    )
        for account, partitions in list(iam_backends.items()):
            for backend in list(partitions.values()):
                for user in list(backend.users.values()):
                    for key in user.access_keys:
                        if key.access_key_id == key_id and key.status == "Active":
                            secret = Secret(key.secret_access_key)
                            return Caller(
                                secret=secret, account=account, arn=user.arn, principal_arn=user.arn, user_id=user.id
                            )
        if key_id not in root:
            return None
        account = DEFAULT_ACCOUNT_ID
        user_id, arn, _ = sts_backends[account]["aws"].get_caller_identity(key_id, "us-east-1")
        return Caller(secret=Secret(root[key_id]), account=account, arn=arn, principal_arn=arn, user_id=user_id)

    return find


class TokenReviewer:
    """Answers TokenReviews of all clusters; thread-safe."""

    def __init__(self, find_caller: Callable[[str], Caller | None], entries: Entries) -> None:
        self._find_caller = find_caller
        self._entries = entries

    def review(self, account: str, region: str, cluster: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The TokenReview `body` with its status. Refusals carry the reason, which the API server logs."""
        answer = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
        try:
            user = self._user(account, region, cluster, str(body.get("spec", {}).get("token", "")))
        except Refused as refused:
            return {**answer, "status": {"authenticated": False, "error": str(refused)}}
        return {**answer, "status": {"authenticated": True, "user": user}}

    def _user(self, account: str, region: str, cluster: str, text: str) -> dict[str, Any]:
        token = Token.parse(text)
        caller = self._find_caller(token.key_id)
        if caller is None:
            raise Refused(f"access key {token.key_id} belongs to no principal of the emulated accounts")
        token.verify(caller.secret, cluster)
        try:
            entries = list(self._entries(account, region, cluster))
        except KeyError:
            raise Refused(f"there is no cluster {cluster} in {account} {region}") from None
        entry = next((found for found in entries if same_principal(found.principal_arn, caller.principal_arn)), None)
        if entry is None:
            raise Refused(f"{caller.principal_arn} has no access entry in cluster {cluster}")
        return {
            "username": _username(entry, caller),
            "uid": f"aws-iam-authenticator:{caller.account}:{caller.user_id}",
            "groups": [*entry.groups, *policy_groups(entry.policies)],
            "extra": {
                "accessKeyId": [token.key_id],
                "arn": [caller.arn],
                "canonicalArn": [caller.principal_arn],
                "principalId": [caller.user_id],
                "sessionName": [caller.session_name],
            },
        }


def _username(entry: AccessEntry, caller: Caller) -> str:
    # EKS replaces `@` in session names, which would end the user part of an address.
    replacements = {
        "{{SessionName}}": caller.session_name.replace("@", "-"),
        "{{SessionNameRaw}}": caller.session_name,
        "{{AccountID}}": caller.account,
        "{{EC2PrivateDNSName}}": caller.session_name,
    }
    username = entry.username
    for placeholder, value in replacements.items():
        username = username.replace(placeholder, value)
    return username


def policy_groups(policies: Sequence[AccessPolicy]) -> list[str]:
    """The groups that RBAC binds to the roles of these access policies; a policy that the sandbox has no role for gives
    none."""
    groups = []
    for policy in policies:
        name = policy.policy_arn.rpartition("/")[2]
        if name in access.ROLES:
            groups += [access.group(name, namespace) for namespace in policy.namespaces or (None,)]
    return groups
