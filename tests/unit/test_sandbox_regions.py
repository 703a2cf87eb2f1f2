"""Faults of regions by name, the lag of a secondary, which calls need a control plane."""

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.aws.planes import is_data, is_global
from sandbox.dataplane import outside
from sandbox.dataplane.cluster import ClusterKey
from sandbox.dataplane.databases.lag import Arrived, Lag
from sandbox.dataplane.faults import Faults
from sandbox.dataplane.network import OPERATOR, Network, PodPlace
from sandbox.regions import RegionFault, Regions

HOME, AWAY, THIRD = "eu-west-1", "eu-central-1", "eu-west-3"


@pytest.mark.parametrize("fault", list(RegionFault))
def test_a_fault_is_switched_on_and_off_by_its_name(fault: RegionFault) -> None:
    regions = Regions()
    assert regions.named(f"{fault}:{HOME}", on=True)
    assert regions.names() == [f"{fault}:{HOME}"]
    assert regions.has(HOME, fault)
    assert not regions.has(AWAY, fault)
    assert regions.named(f"{fault}:{HOME}", on=False)
    assert regions.names() == []


def test_replication_is_late_by_the_seconds_in_the_name() -> None:
    regions = Regions()
    assert regions.named(f"replication-lag:{AWAY}:2.5", on=True)
    assert (regions.lag_s[AWAY], regions.names()) == (2.5, [f"replication-lag:{AWAY}:2.5"])
    assert regions.named(f"replication-lag:{AWAY}", on=False)
    assert regions.names() == []


@pytest.mark.parametrize(
    "name",
    ["region-dead", "region-dead:Ireland", "replication-lag:eu-west-1", "region-dead:eu-west-1:5", "no:eu-west-1"],
)
def test_another_name_switches_nothing(name: str) -> None:
    regions = Regions()
    assert not regions.named(name, on=True)
    assert regions.names() == []


@pytest.mark.parametrize("fault", list(RegionFault))
def test_only_a_dead_and_a_cut_region_are_apart_from_the_others(fault: RegionFault) -> None:
    regions = Regions()
    regions.switch(fault, HOME, on=True)
    cut = fault in (RegionFault.DEAD, RegionFault.CUT)
    assert (regions.apart(HOME, AWAY), regions.apart(AWAY, HOME)) == (cut, cut)
    assert not regions.apart(AWAY, THIRD)
    assert not regions.apart(HOME, HOME)


def test_the_emulator_understands_what_it_is_told() -> None:
    told, heard = Regions(), Regions()
    told.switch(RegionFault.CUT, HOME, on=True)
    heard.read(told.to_json())
    assert heard.faults == told.faults


def arrived(written: int | None, position: int, committed: float = 0.0, *, streams: bool = True) -> Arrived:
    return Arrived(written=written, position=position, committed=committed, streams=streams)


def test_who_has_everything_has_no_lag_however_old_it_is() -> None:
    assert Lag(0.0).seconds(1000.0, arrived(7, 7, committed=1.0)) == 0


def test_what_is_lacking_is_as_old_as_the_newest_that_arrived() -> None:
    lag = Lag(0.0)
    lag.seconds(10.0, arrived(7, 7))
    assert lag.seconds(15.0, arrived(9, 8, committed=12.0)) == 3
    assert lag.seconds(15.0, arrived(9, 7, committed=2.0)) == 5


@pytest.mark.parametrize(("written", "streams"), [(7, False), (None, True), (None, False)])
def test_without_a_stream_or_a_writer_the_lag_grows(written: int | None, streams: bool) -> None:
    lag = Lag(0.0)
    lag.seconds(10.0, arrived(7, 7))
    assert [lag.seconds(now, arrived(written, 7, streams=streams)) for now in (11.0, 15.0)] == [1, 5]


@pytest.mark.parametrize(
    ("service", "operation", "data"),
    [
        ("dynamodb", "PutItem", True),
        ("dynamodb", "UpdateTable", False),
        ("s3", "GetObject", True),
        ("s3", "CreateBucket", False),
        ("rds", "FailoverGlobalCluster", False),
        ("eks", "DescribeCluster", False),
        ("iam", "GetRole", False),
    ],
)
def test_what_a_customer_keeps_needs_no_control_plane(service: str, operation: str, data: bool) -> None:
    assert is_data(service, operation) is data


def test_what_is_in_no_region_is_global() -> None:
    assert is_global("sts", "us-east-1")
    assert not is_global("sts", HOME)
    assert is_global("iam", HOME)
    assert not is_global("sqs", "us-east-1")


def pod(region: str) -> Any:
    """One of a container that runs, which remembers its signals."""
    sent: list[signal.Signals] = []
    container = SimpleNamespace(held=False, child=SimpleNamespace(pid=1), send=sent.append, sent=sent)
    key = SimpleNamespace(region=region)
    return SimpleNamespace(manifest={"metadata": {}}, cluster=SimpleNamespace(key=key), containers=[container])


def test_all_programs_of_a_dead_region_are_killed_and_kept_from_starting() -> None:
    regions = Regions()
    faults, (dead, alive) = Faults(regions), (pod(HOME), pod(AWAY))
    regions.switch(RegionFault.DEAD, HOME, on=True)
    faults.apply([dead, alive])
    assert (dead.containers[0].held, dead.containers[0].sent) == (True, [signal.SIGKILL])
    assert (alive.containers[0].held, alive.containers[0].sent) == (False, [])
    regions.switch(RegionFault.DEAD, HOME, on=False)
    faults.apply([dead, alive])
    assert not dead.containers[0].held


def test_pods_of_a_cut_region_reach_the_databases_of_their_own_only() -> None:
    key = ClusterKey("123456789012", HOME, "cell", "https://127.0.0.1:1")
    pod = PodPlace(cluster=key, name="payments/one", address="127.64.0.1", labels={}, named_ports={}, ready=True)
    network, (own, other) = Network(octet=64), (f"s00.cluster-x.{region}.rds.amazonaws.com" for region in (HOME, AWAY))
    for host in (own, other):
        network.outside[None, host] = outside.database(("127.60.0.1", 5432), ["10.0.0.0/24"])
        for client in (pod.name, OPERATOR):
            network.address(key, client, host)
    cluster: Any = SimpleNamespace(key=key, revision=lambda *_: 0, policies=list, namespace_labels=lambda _: {})

    def reached() -> set[tuple[str, str]]:
        listeners, _ = network.plan({key: cluster}, [pod])
        listening = {listener.address[0] for listener in listeners}
        pairs = [(client, host) for client in (pod.name, OPERATOR) for host in (own, other)]
        return {pair for pair in pairs if network.address(key, *pair) in listening}

    assert len(reached()) == 4
    network.regions.switch(RegionFault.CUT, HOME, on=True)
    assert reached() == {(pod.name, own), (OPERATOR, own), (OPERATOR, other)}
