"""Faults of workloads, switched on and off by hand: what a program does when another one is dead, stopped or slow."""

import signal
import threading
import time
from collections.abc import Iterable

from sandbox.dataplane.container import Container
from sandbox.dataplane.pod import PodRun

NAME_LABEL = "app.kubernetes.io/name"

FAULTS = {
    "relay-dead": ("relay", "dead"),
    "scorer-dead": ("scorer", "dead"),
    "scorer-slow": ("scorer", "slow"),
    "scorer-stop": ("scorer", "stop"),
}
"""Name -> (workload, what happens to its processes)."""

SLOW_STOPPED_S, SLOW_RUNNING_S = 0.12, 0.03
"""A slow process is stopped and let go in turns: it has a fifth of the time, and answers up to 120 ms late."""


class Faults:
    """`apply` is called by the thread that steps the pods."""

    def __init__(self) -> None:
        self.active: set[str] = set()
        self._stopped: set[int] = set()
        self._slow: list[Container] = []
        threading.Thread(target=self._run_slow, name="slow", daemon=True).start()

    def apply(self, pods: Iterable[PodRun]) -> None:
        """Bring the processes into the state that the active faults ask for."""
        slow = []
        stopped = set()
        for pod in pods:
            name = (pod.manifest["metadata"].get("labels") or {}).get(NAME_LABEL)
            states = {state for fault, (workload, state) in FAULTS.items() if workload == name and fault in self.active}
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
                if "slow" in states and "stop" not in states:
                    slow.append(container)
        self._stopped = stopped
        self._slow = slow

    def _run_slow(self) -> None:
        while True:
            slow = self._slow
            for container in slow:
                container.send(signal.SIGSTOP)
            if slow:
                time.sleep(SLOW_STOPPED_S)
            for container in slow:
                container.send(signal.SIGCONT)
            time.sleep(SLOW_RUNNING_S)
