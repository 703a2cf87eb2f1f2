"""LOG-04: control-plane logs."""

from typing import Any

import pytest

from policies.control import Status
from policies.testing import UNKNOWN, resource, verdicts

ALL = ["api", "audit", "authenticator", "controllerManager", "scheduler"]


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"enabledClusterLogTypes": ALL}, Status.PASS),
        ({"enabledClusterLogTypes": UNKNOWN}, Status.UNDETERMINED),
        ({"enabledClusterLogTypes": []}, Status.FAIL),
        ({}, Status.FAIL),
        *(({"enabledClusterLogTypes": [kind for kind in ALL if kind != lost]}, Status.FAIL) for lost in ALL),
    ],
)
def test_a_cluster_sends_all_five_logs(props: dict[str, Any], expected: Status) -> None:
    cluster = resource("aws:eks/cluster:Cluster", "cluster", **props)
    assert verdicts("LOG-04", cluster) == {("cluster", "cluster_sends_all_logs"): expected}


def test_a_group_of_nodes_sends_no_control_plane_logs() -> None:
    assert verdicts("LOG-04", resource("aws:eks/nodeGroup:NodeGroup", "nodes")) == {}
