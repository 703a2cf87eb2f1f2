"""What Aurora and RDS Proxy ask IAM: whether a presigned token lets a user in. And where databases are.

Below /_sandbox/: `databases` lists (account, region) pairs with clusters, and is told what became of global databases
(`global_databases.told`); `db-token` checks the token that a client gave as its password. Neither answers with anything
secret.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from moto.core.utils import utcnow
from moto.rds.models import rds_backends
from moto.sts.models import sts_backends

from sandbox.aws.extensions import global_databases, point_in_time
from sandbox.aws.iam.sessions import Principal, principal_of, service_session
from sandbox.aws.iam.used import USED
from sandbox.aws.iam.verdict import Need

CHECK = "/_sandbox/db-token"
PLACES = "/_sandbox/databases"

ALGORITHM = "AWS4-HMAC-SHA256"
ACTION = "rds-db:connect"
PARTITION = "aws"

LIFETIME = timedelta(minutes=15)
"""A token is good for 15 minutes, whatever it says of itself."""

CLOCK_SKEW = timedelta(minutes=5)
"""SigV4 takes requests that are this far from its own clock."""


class Refused(Exception):
    """Why a token lets nobody in; for the log of the database, never for the client."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A presigned request to rds-db:connect, taken apart."""

    host: str
    """With the port."""
    values: Mapping[str, str]
    """The query, but for the signature."""
    signature: str

    @property
    def scope(self) -> list[str]:
        """Access key id, day, region, service, `aws4_request`."""
        return self.values.get("X-Amz-Credential", "").split("/")


def parse(text: str) -> Token:
    host, slash, query = text.partition("/?")
    values = dict(parse_qsl(query, keep_blank_values=True))
    signature = values.pop("X-Amz-Signature", "")
    if not slash or not signature or values.get("X-Amz-Algorithm") != ALGORITHM:
        raise Refused("the password is not a presigned token")
    return Token(host=host, values=values, signature=signature)


def sign(token: Token, secret: str) -> str:
    """The signature that the holder of `secret` would put under the token's request."""

    def mac(key: bytes, text: str) -> bytes:
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(token.values[name], safe='-_.~')}" for name in sorted(token.values)
    )
    canonical = "\n".join(["GET", "/", query, f"host:{token.host}", "", "host", hashlib.sha256(b"").hexdigest()])
    _, *scope = token.scope
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join([ALGORITHM, token.values.get("X-Amz-Date", ""), "/".join(scope), digest])
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = mac(key, part)
    return mac(key, to_sign).hex()


def check_request(token: Token, *, host: str, user: str, region: str, now: datetime) -> None:
    """Everything that can be said of a token without its key. Raises `Refused`."""
    if token.host != host:
        raise Refused(f"the token is for {token.host}, not for {host}")
    if token.values.get("Action") != "connect" or token.values.get("DBUser") != user:
        raise Refused(f"the token is for the user {token.values.get('DBUser')}, not for {user}")
    if token.scope[2:] != [region, "rds-db", "aws4_request"]:
        raise Refused(f"the token is signed for {'/'.join(token.scope[2:])}, not for {region}/rds-db/aws4_request")
    try:
        signed = datetime.strptime(token.values["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lifetime = min(LIFETIME, timedelta(seconds=int(token.values["X-Amz-Expires"])))
    except (KeyError, ValueError):
        raise Refused("the token has no date or no lifetime") from None
    if signed > now + CLOCK_SKEW:
        raise Refused(f"the token is of the future ({signed:%H:%M:%S})")
    if now > signed + lifetime:
        raise Refused(f"the token expired at {signed + lifetime:%H:%M:%S} UTC")
    if token.scope[1] != f"{signed:%Y%m%d}":
        raise Refused("the token's key is of another day")


def signer(account: str, token: Token) -> Principal:
    """The session whose temporary key signed the token. Raises `Refused`."""
    key_id, session = token.scope[0], token.values.get("X-Amz-Security-Token")
    for assumed in sts_backends[account][PARTITION].assumed_roles:
        if assumed.access_key_id != key_id:
            continue
        if session != assumed.session_token or not hmac.compare_digest(
            sign(token, assumed.secret_access_key), token.signature
        ):
            raise Refused("the token's signature is wrong")
        if assumed.expiration < utcnow():
            raise Refused("the credentials that signed the token expired")
        found = principal_of(assumed)
        if found is None:
            raise Refused(f"{assumed.role_arn} is gone")
        return found
    raise Refused(f"nobody holds the access key {key_id}; a role's temporary one is needed")


def check(asked: Mapping[str, str]) -> str:
    """The role that comes in as `user`. Raises `Refused`.

    asked: `token`, `host` (with port), `user`, `account`, `region`, `resource` (`prx-...`); for end-to-end IAM
    authentication also `proxyRole` and `cluster` (`cluster-...`), on which the proxy itself needs the permission
    (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy-iam-setup.html).
    """
    account, region, user = asked["account"], asked["region"], asked["user"]
    token = parse(asked["token"])
    check_request(token, host=asked["host"], user=user, region=region, now=datetime.now(UTC))
    client = signer(account, token)
    users = f"arn:aws:rds-db:{region}:{account}:dbuser"
    needed = [(client, f"{users}:{asked['resource']}/{user}")]
    if asked.get("proxyRole"):
        proxy = service_session(asked["proxyRole"], "proxy")
        if proxy is None:
            raise Refused(f"the proxy's role {asked['proxyRole']} is gone")
        needed.append((proxy, f"{users}:{asked['cluster']}/{user}"))
    for who, resource in needed:
        if refusal := USED.judge(who, [Need(action=ACTION, resource=resource)], region):
            raise Refused(refusal.message)
    return str(client.role.arn)


def places() -> list[tuple[str, str, list[str]]]:
    """(account, region, names) of all that have databases; the names tell that something came, went or took over."""
    found = []
    for account in list(rds_backends):
        for region, backend in list(rds_backends[account].items()):
            clusters, proxies = list(backend.clusters.values()), list(backend.db_proxies.values())
            names = [
                f"{cluster.db_cluster_resource_id} {cluster.replication_source_identifier}" for cluster in clusters
            ]
            names += [str(global_databases.pending(group)) for group in list(backend.global_clusters.values())]
            names += [
                f"{member['DBInstanceIdentifier']} {member['IsClusterWriter']}"
                for cluster in clusters
                for member in cluster.db_cluster_members
            ]
            for proxy in proxies:
                targets = [target.rds_resource_id for target in proxy.proxy_target_groups["default"].targets]
                names.append(" ".join([proxy.unique_id, *targets]))
            if names:
                found.append((account, region, names))
    return found


def answer(path: str, body: bytes) -> Mapping[str, Any]:
    """The JSON that the emulator answers with at `CHECK` or `PLACES`."""
    if path == PLACES:
        global_databases.heard()
        if body:
            said = json.loads(body)
            if "restorableFrom" in said:
                point_in_time.told(said["account"], said["region"], said["cluster"], said["restorableFrom"])
            else:
                global_databases.told(said)
        return {"places": places(), "origins": dict(point_in_time.origins())}
    try:
        return {"allowed": True, "role": check(json.loads(body))}
    except Refused as reason:
        return {"allowed": False, "reason": str(reason)}
