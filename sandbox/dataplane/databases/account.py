"""What the emulated account says of databases: clusters with instances and parameters, proxies with their target."""

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError

from sandbox.regions import OWN_HEADER

PLACES = "/_sandbox/databases"
"""Where the emulator lists (account, region, names) of what it holds of clusters and proxies."""

ENGINE = "aurora-postgresql"
TIMEOUT_S = 5.0
FULL_READ_S = 10.0
"""Seconds until a changed parameter or password is seen: each full read is about five calls a shard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    name: str
    host: str
    writer: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Membership:
    """Of a cluster in a global database."""

    name: str
    """Of the global database."""
    writes: bool
    """Whether it is the primary; of a database whose writer moves, whether it is to be."""
    moving: bool = False
    data_loss: bool = False
    """A failover: nobody waits for what the primary before has not sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Of a cluster that was restored to a point in time."""

    source: str
    """Resource id of the cluster whose data it has."""
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    account: str
    region: str
    name: str
    resource_id: str
    membership: Membership | None
    host: str
    reader_host: str
    port: int
    master_user: str
    database: str
    parameters: Mapping[str, str]
    instances: Sequence[Instance]
    subnets: Sequence[str]
    """Address ranges (CIDR) that its instances may stand in."""
    origin: Origin | None = None

    @property
    def writes(self) -> bool:
        """Whether its head is a writer: of a secondary of a global database it follows another region's."""
        return self.membership is None or self.membership.writes

    @property
    def head(self) -> Instance | None:
        """The writer; of a cluster that has none, the instance that the others follow."""
        return next((instance for instance in self.instances if instance.writer), next(iter(self.instances), None))


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy:
    account: str
    region: str
    name: str
    resource_id: str
    host: str
    vpc: str
    role: str
    require_tls: bool
    iam_end_to_end: bool
    idle_client_s: int
    cluster: str
    """Name of the target; empty while there is none."""
    borrow_timeout_s: int
    max_connections_percent: int
    max_idle_percent: int
    secrets: Mapping[str, str] = field(repr=False)
    """Database user -> password, from the secrets that the proxy signs in with."""
    subnets: Sequence[str] = ()


class Account:
    """Reads the emulator with clients that are kept."""

    def __init__(self, endpoint_url: str) -> None:
        self._url = endpoint_url.rstrip("/")
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._ranges: dict[str, str] = {}
        self._places: Any = None
        self._origins: Mapping[str, Origin] = {}
        self._read_at = 0.0
        self._last: tuple[list[Cluster], list[Proxy]] = ([], [])

    def read(self) -> tuple[list[Cluster], list[Proxy]]:
        """All clusters and proxies of all accounts and regions. Raises OSError or an error of botocore when it cannot
        tell. Names are asked for each time, the rest when one changes and every `FULL_READ_S` seconds."""
        with urllib.request.urlopen(f"{self._url}{PLACES}", timeout=TIMEOUT_S) as answer:
            found = json.load(answer)
        places, self._origins = found["places"], {key: Origin(**one) for key, one in found["origins"].items()}
        if places != self._places or time.monotonic() - self._read_at > FULL_READ_S:
            worlds = {account: self._memberships(account, region) for account, region, _ in places}
            clusters = [
                cluster for account, region, _ in places for cluster in self._clusters(account, region, worlds[account])
            ]
            proxies = [proxy for account, region, _ in places for proxy in self._proxies(account, region)]
            self._places, self._read_at, self._last = places, time.monotonic(), (clusters, proxies)
        return self._last

    def ended(self, account: str, global_database: str, *, moved: bool) -> None:
        """Tell that the writer of a global database has moved, or that it could not."""
        self._say({"account": account, "globalCluster": global_database, "moved": moved})

    def connected(self, cluster: Cluster, connected: bool) -> None:
        """Tell whether a secondary gets what the writer of its global database writes."""
        self._say(
            {"account": cluster.account, "region": cluster.region, "cluster": cluster.name, "connected": connected}
        )

    def kept(self, cluster: Cluster) -> None:
        """Tell that the volume of a former writer is kept, which is a secondary now."""
        self._say({"account": cluster.account, "region": cluster.region, "cluster": cluster.name, "kept": True})

    def _say(self, word: Mapping[str, Any]) -> None:
        with urllib.request.urlopen(f"{self._url}{PLACES}", data=json.dumps(word).encode(), timeout=TIMEOUT_S):
            pass

    def restorable(self, cluster: Cluster, since: int | None) -> None:
        """Tell from when on, seconds since 1970, a cluster can be restored; None: not at all."""
        place = {"account": cluster.account, "region": cluster.region, "cluster": cluster.name}
        body = json.dumps({**place, "restorableFrom": since}).encode()
        with urllib.request.urlopen(f"{self._url}{PLACES}", data=body, timeout=TIMEOUT_S):
            pass

    def client(self, service: str, account: str, region: str) -> Any:
        """A client of one account and region; the emulator takes the account's header of the sandbox's own key."""
        key = (service, account, region)
        if key not in self._clients:

            def name_account(request: Any, **_: Any) -> None:
                request.headers["x-moto-account-id"] = account
                request.headers[OWN_HEADER] = "1"

            session: Any = boto3.Session(region_name=region)
            made = session.client(service, endpoint_url=self._url)
            made.meta.events.register("before-sign", name_account)
            self._clients[key] = made
        return self._clients[key]

    def _memberships(self, account: str, region: str) -> dict[str, Membership]:
        """ARN of a cluster -> its part in a global database. Any region of an account knows all of them."""
        found = {}
        for world in self.client("rds", account, region).describe_global_clusters()["GlobalClusters"]:
            move = world.get("FailoverState") or {}
            for member in world["GlobalClusterMembers"]:
                arn = member["DBClusterArn"]
                found[arn] = Membership(
                    name=world["GlobalClusterIdentifier"],
                    writes=move["ToDbClusterArn"] == arn if move else member["IsWriter"],
                    moving=bool(move),
                    data_loss=bool(move.get("IsDataLossAllowed")),
                )
        return found

    def _clusters(self, account: str, region: str, worlds: Mapping[str, Membership]) -> Iterator[Cluster]:
        rds = self.client("rds", account, region)
        hosts = {
            found["DBInstanceIdentifier"]: found["Endpoint"]["Address"]
            for found in rds.describe_db_instances()["DBInstances"]
            if found.get("Endpoint")
        }
        for found in rds.describe_db_clusters()["DBClusters"]:
            if found["Engine"] != ENGINE:
                continue
            members = [member for member in found["DBClusterMembers"] if member["DBInstanceIdentifier"] in hosts]
            yield Cluster(
                account=account,
                region=region,
                name=found["DBClusterIdentifier"],
                resource_id=found["DbClusterResourceId"],
                membership=worlds.get(found["DBClusterArn"]),
                host=found["Endpoint"],
                reader_host=found.get("ReaderEndpoint", ""),
                port=found["Port"],
                master_user=found["MasterUsername"],
                database=found.get("DatabaseName") or "postgres",
                parameters=self._parameters(rds, found["DBClusterParameterGroup"]),
                instances=[
                    Instance(
                        name=member["DBInstanceIdentifier"],
                        host=hosts[member["DBInstanceIdentifier"]],
                        writer=member["IsClusterWriter"],
                    )
                    for member in members
                ],
                subnets=self._group_ranges(account, region, found.get("DBSubnetGroup") or ""),
                origin=self._origins.get(found["DbClusterResourceId"]),
            )

    @staticmethod
    def _parameters(rds: Any, group: str) -> dict[str, str]:
        if group.startswith("default."):
            return {}
        found = rds.describe_db_cluster_parameters(DBClusterParameterGroupName=group)["Parameters"]
        return {one["ParameterName"]: one["ParameterValue"] for one in found if one.get("ParameterValue") is not None}

    def _proxies(self, account: str, region: str) -> Iterator[Proxy]:
        rds = self.client("rds", account, region)
        for found in rds.describe_db_proxies()["DBProxies"]:
            name = found["DBProxyName"]
            targets = rds.describe_db_proxy_targets(DBProxyName=name)["Targets"]
            groups = rds.describe_db_proxy_target_groups(DBProxyName=name)["TargetGroups"]
            pool: Mapping[str, int] = next(
                (group["ConnectionPoolConfig"] for group in groups if group.get("IsDefault")), {}
            )
            yield Proxy(
                account=account,
                region=region,
                name=name,
                resource_id=found["DBProxyArn"].rpartition(":")[2],
                host=found["Endpoint"],
                vpc=found.get("VpcId", ""),
                role=found["RoleArn"],
                require_tls=bool(found.get("RequireTLS")),
                iam_end_to_end=found.get("DefaultAuthScheme") == "IAM_AUTH",
                idle_client_s=found.get("IdleClientTimeout", 1800),
                cluster=next((one["RdsResourceId"] for one in targets if one["Type"] == "TRACKED_CLUSTER"), ""),
                borrow_timeout_s=pool.get("ConnectionBorrowTimeout", 120),
                max_connections_percent=pool.get("MaxConnectionsPercent", 100),
                max_idle_percent=pool.get("MaxIdleConnectionsPercent", 50),
                secrets=dict(self._secrets(account, region, found.get("Auth") or [])),
                subnets=self._subnet_ranges(account, region, found.get("VpcSubnetIds") or []),
            )

    def _secrets(self, account: str, region: str, auths: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
        client = self.client("secretsmanager", account, region)
        for arn in (auth["SecretArn"] for auth in auths if auth.get("SecretArn")):
            try:
                value = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
            except ClientError:
                continue  # deleted, or without a value yet: nobody signs in with it
            yield value["username"], value["password"]

    def _group_ranges(self, account: str, region: str, group: str) -> list[str]:
        if not group:
            return []
        rds = self.client("rds", account, region)
        found = rds.describe_db_subnet_groups(DBSubnetGroupName=group)["DBSubnetGroups"][0]["Subnets"]
        return self._subnet_ranges(account, region, [subnet["SubnetIdentifier"] for subnet in found])

    def _subnet_ranges(self, account: str, region: str, subnets: Sequence[str]) -> list[str]:
        """A subnet never changes its range, so each is asked for once."""
        if missing := [subnet for subnet in subnets if subnet not in self._ranges]:
            answer = self.client("ec2", account, region).describe_subnets(SubnetIds=missing)["Subnets"]
            self._ranges |= {found["SubnetId"]: found["CidrBlock"] for found in answer}
        return [self._ranges[subnet] for subnet in subnets]
