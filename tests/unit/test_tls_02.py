"""TLS-02: databases and proxies that refuse plain connections."""

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts

CLUSTER, GROUP = "aws:rds/cluster:Cluster", "aws:rds/clusterParameterGroup:ClusterParameterGroup"


def cluster(value: object, engine: str = "aurora-postgresql", name: str = "rds.force_ssl") -> Status:
    parameters = UNKNOWN if value == UNKNOWN else [{"name": "other", "value": "1"}, {"name": name, "value": value}]
    group = resource(GROUP, "g", parameters=parameters)
    subject = resource(CLUSTER, "c", {"dbClusterParameterGroupName": [group]}, engine=engine)
    (only,) = verdicts("TLS-02", subject, group).values()
    return only


def test_the_parameter_group_of_a_database_forces_tls() -> None:
    assert cluster("1") is Status.PASS
    assert cluster("0") is Status.FAIL
    assert cluster("1", name="another") is Status.FAIL
    assert cluster(UNKNOWN) is Status.UNDETERMINED
    assert cluster("ON", "aurora-mysql", "require_secure_transport") is Status.PASS
    assert cluster("1", "aurora-mysql") is Status.FAIL
    assert cluster("1", "neptune") is Status.NOT_APPLICABLE


def test_a_database_without_a_group_fails_and_a_group_elsewhere_is_undetermined() -> None:
    def alone(**props: object) -> list[Status]:
        return list(verdicts("TLS-02", resource(CLUSTER, "c", engine="aurora-postgresql", **props)).values())

    assert alone() == [Status.FAIL]
    assert alone(dbClusterParameterGroupName=UNKNOWN) == [Status.FAIL], "AWS decides: its default group"
    assert alone(dbClusterParameterGroupName="shared") == [Status.UNDETERMINED]


def test_a_proxy_requires_tls() -> None:
    def proxy(**props: object) -> list[Status]:
        return list(verdicts("TLS-02", resource("aws:rds/proxy:Proxy", "p", **props)).values())

    assert proxy(requireTls=True) == [Status.PASS]
    assert proxy() == [Status.FAIL]
    assert proxy(requireTls=UNKNOWN) == [Status.UNDETERMINED]
