"""Faults of workloads, switched on and off by hand: what a program does when another one is dead, stopped or slow, and
what is left of all programs of a region."""

import signal
from collections.abc import Iterable

from sandbox.dataplane.pod import PodRun
from sandbox.dataplane.turns import DYING_RUNNING_S, DYING_STOPPED_S, Send, Turns
from sandbox.regions import RegionFault, Regions

NAME_LABEL = "app.kubernetes.io/name"

FAULTS = {
    "relay-dead": ("relay", "dead"),
    "scorer-dead": ("scorer", "dead"),
    "scorer-slow": ("scorer", "slow"),
    "scorer-stop": ("scorer", "stop"),
}
"""Name -> (workload, what happens to its processes)."""

OF_REGIONS = {RegionFault.DEAD: "dead", RegionFault.SLOW: "dying"}
"""What happens to all processes of a region."""

SLOW_STOPPED_S, SLOW_RUNNING_S = 0.12, 0.03
"""A slow process is stopped and let go in turns: it has a fifth of the time, and answers up to 120 ms late."""


class Faults:
    """`apply` is called by the thread that steps the pods."""

    def __init__(self, regions: Regions) -> None:
        self.active: set[str] = set()
        self._regions = regions
        self._stopped: set[int] = set()
        self._slow = Turns(SLOW_STOPPED_S, SLOW_RUNNING_S)
        self._dying = Turns(DYING_STOPPED_S, DYING_RUNNING_S)

    def apply(self, pods: Iterable[PodRun]) -> None:
        """Bring the processes into the state that the active faults ask for."""
        slow: list[Send] = []
        dying: list[Send] = []
        stopped = set()
        for pod in pods:
            states = self._states(pod)
            for container in pod.containers:
                if container.held != ("dead" in states):
                    container.held = "dead" in states
                if container.held:
                    container.send(signal.SIGKILL)
                if container.child is None:
                    continue
                pid = container.child.pid
                if "stop" in states:
                    stopped.add(pid)
                    container.send(signal.SIGSTOP)
                elif pid in self._stopped:
                    container.send(signal.SIGCONT)
                if "stop" not in states and not container.held:
                    (dying if "dying" in states else slow if "slow" in states else []).append(container.send)
        self._stopped = stopped
        self._slow.slow, self._dying.slow = slow, dying

    def _states(self, pod: PodRun) -> set[str]:
        name = (pod.manifest["metadata"].get("labels") or {}).get(NAME_LABEL)
        own = {state for fault, (workload, state) in FAULTS.items() if workload == name and fault in self.active}
        region = pod.cluster.key.region
        return own | {state for fault, state in OF_REGIONS.items() if self._regions.has(region, fault)}
