"""TLS-02: databases and their proxies refuse connections without TLS."""

from collections.abc import Iterable, Mapping
from typing import Any

from policies.control import (
    GDPR,
    SAFEGUARDS,
    SOC2,
    Clause,
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
from policies.resources import Resource, Stack

FORCES = {"postgresql": "rds.force_ssl", "mysql": "require_secure_transport"}
"""Parameter with which an engine refuses plain connections
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Security.html,
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Security.html)."""

_CLUSTER = "aws:rds/cluster:Cluster"
_GROUP = "aws:rds/clusterParameterGroup:ClusterParameterGroup"


def database_forces_tls(cluster: Resource, stack: Stack) -> Verdict:
    engine = cluster.props.get("engine")
    parameter = FORCES.get(str(engine).removeprefix("aurora-"))
    if parameter is None or not str(engine).startswith("aurora-"):
        return not_applicable(f"engine {engine}")
    groups = [one for one in stack.sources(cluster, "dbClusterParameterGroupName") if one.type == _GROUP]
    for group in groups:
        value = _value(group.props.get("parameters") or (), parameter)
        return passed() if str(value).lower() in ("1", "on") else failed(f"{parameter} is {value} in {group.name}")
    if cluster.given("dbClusterParameterGroupName"):
        return undetermined("the parameter group is not in the stack")
    return failed(f"no parameter group sets {parameter}, whose default changes with the engine's version")


def _value(parameters: Iterable[Mapping[str, Any]], name: str) -> Any:
    return next((one["value"] for one in parameters if one["name"] == name), None)


def proxy_requires_tls(proxy: Mapping[str, Any]) -> Verdict:
    return passed() if proxy.get("requireTls") else failed("requireTls is not true")


TLS_02 = Control(
    id="TLS-02",
    title="Databases and their proxies refuse connections without TLS",
    severity=Severity.HIGH,
    clauses=(
        StackClause(resource_types=frozenset({_CLUSTER}), check=database_forces_tls),
        Clause(resource_types=frozenset({"aws:rds/proxy:Proxy"}), check=proxy_requires_tls),
    ),
    maps_to=(SOC2("CC6.7", Strength.DIRECT), GDPR("32(1)(a)", Strength.PARTIAL), *SAFEGUARDS),
    risk="Queries and rows cross the network readable, and a client does not notice.",
    remediation="Set rds.force_ssl (PostgreSQL) or require_secure_transport (MySQL) and requireTls of the proxy.",
)
