"""The one node of a sandbox: all clusters' pods, the network between them, and what is around them."""

import shutil
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sandbox.dataplane import images, outside, translate
from sandbox.dataplane.addresses import Claim
from sandbox.dataplane.cluster import Cluster, ClusterKey
from sandbox.dataplane.deployments import NODE, Deployments, runs
from sandbox.dataplane.faults import Faults
from sandbox.dataplane.guests import Guests
from sandbox.dataplane.identity import PATH, Agent, PodIdentity
from sandbox.dataplane.log_shipper import LogShipper
from sandbox.dataplane.network import OPERATOR, Connections, Network
from sandbox.dataplane.node_proxy import NodeProxy
from sandbox.dataplane.outside import AGENT, AWS, TRACE_AGENT, AwsNetworks, Outside
from sandbox.dataplane.pod import PodRun, Surroundings
from sandbox.dataplane.traces import FOLDER, Collector
from sandbox.kubernetes.apiserver import SCHEMA_ONLY_URL
from sandbox.kubernetes.client import Manifest
from sandbox.kubernetes.errors import ApiError, Unreachable
from sandbox.lifecycle import emulator_client
from sandbox.lifecycle.home import Home
from sandbox.regions import Regions

LOOK_EVERY_S = 0.3
"""Seconds after which processes are looked at even if nothing was heard: their ends are not announced."""

SETTLE_S = 0.02
"""Changes come in groups."""

CLUSTERS_EVERY_S = 1.0
STATUS_TIMEOUT_S = 10.0
FAULTS_TIMEOUT_S = 40.0
"""Less than whoever switches one waits (`control.TIMEOUT_S`). While a region comes back the emulator is late."""
PROBERS = 8
AGENT_IP = "255.253"

PodKey = tuple[ClusterKey, str]


class Node:
    """`run` is the thread that everything happens in; other threads watch, probe, and wake it."""

    def __init__(self, home: Home, port: int, tell: Callable[[str], None]) -> None:
        self._home, self._port, self._tell = home, port, tell
        self._url = f"http://127.0.0.1:{port}"
        self._folder = home.dataplane
        self._wake, self._stopping = threading.Event(), threading.Event()
        self.lock = threading.RLock()
        """Held while pods and network are changed; for whoever asks about them."""
        shutil.rmtree(self._folder / "pods", ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._claim = Claim(zlib.crc32(str(home.path).encode()))
        self.regions = Regions()
        self.network = Network(octet=self._claim.octet, regions=self.regions)
        self._agent = Agent((f"127.{self._claim.octet}.{AGENT_IP}", 0), self._url, tell)
        self._traces = Collector(self._folder / FOLDER, f"127.{self._claim.octet}.{AGENT_IP}")
        self._shipper = LogShipper(self._agent, self._url, tell)
        self._proxy = NodeProxy(self._folder / "node", home.logs / "node-proxy.log")
        self._aws = AwsNetworks(self._url, self.wake, tell)
        self.clusters: dict[ClusterKey, Cluster] = {}
        self.deployments: dict[ClusterKey, Deployments] = {}
        self.pods: dict[PodKey, PodRun] = {}
        self._tokens: dict[PodKey, str] = {}
        self.faults = Faults(self.regions)
        self._probers = ThreadPoolExecutor(max_workers=PROBERS, thread_name_prefix="probe")
        self._wanted: list[ClusterKey] = []
        self._hosts: dict[str, int] = {}
        self._hosts_revision: Any = None
        self._surroundings = 0
        self._planned: Any = None
        self._last_error = ""
        self.guests = Guests(self._folder, self._url, lambda: self._hosts, self.wake, tell, self.regions)
        threading.Thread(target=self._watch_clusters, name="clusters", daemon=True).start()

    def wake(self) -> None:
        self._wake.set()

    def suffer(self) -> None:
        """The faults of regions changed: have everybody do what they mean."""
        token = self._home.secrets()["admin_token"]
        emulator_client.faults(self._port, token, self.regions.to_json(), FAULTS_TIMEOUT_S)
        self.guests.suffer()
        self.wake()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Until `stop`; then nothing is left."""
        while not self._stopping.is_set():
            self._wake.clear()
            with self.lock:
                self._step()
            self._wake.wait(self._pause_s())
            time.sleep(SETTLE_S)
        with self.lock:
            self._end_pods()
            self._proxy.stop()
        self.guests.stop()

    def clear(self) -> None:
        """End everything that belongs to the account, which is gone."""
        with self.lock:
            self._wanted = []
            self._forget_clusters()
            self._end_pods()
            self._proxy.stop()
            self._planned = None
            self.faults.active.clear()
            self.regions.clear()
        self.guests.clear()
        self._traces.clear()

    @property
    def proxy_pid(self) -> int | None:
        return self._proxy.pid

    def connections(self) -> list[Connections]:
        """What the pods that run used of the network."""
        counts = self._proxy.connections()
        with self.lock:
            return self.network.connections(self.clusters, [run.place for run in self.pods.values()], counts)

    def _pause_s(self) -> float:
        looks = [run.wants_look_at() for run in self.pods.values()]
        looks += [deployments.wants_look_at() for deployments in self.deployments.values()]
        due = min((look for look in looks if look is not None), default=float("inf")) - time.monotonic()
        return min(LOOK_EVERY_S, max(0.0, due)) if self.pods or due < LOOK_EVERY_S else LOOK_EVERY_S

    def _watch_clusters(self) -> None:
        """Which clusters there are, by the emulator's own account."""
        while not self._stopping.wait(CLUSTERS_EVERY_S):
            status = emulator_client.status(self._port, STATUS_TIMEOUT_S)
            if status is None:
                continue
            found = [
                ClusterKey(cluster["account"], cluster["region"], cluster["name"], cluster["endpoint"])
                for cluster in status.get("clusters", [])
                if cluster["status"] == "ACTIVE" and cluster["endpoint"] not in (None, SCHEMA_ONLY_URL)
            ]
            if found != self._wanted:
                self._wanted = found
                self._aws.want(found)
                self.wake()

    def _step(self) -> None:
        self._forget_clusters()
        for key in self._wanted:
            if key not in self.clusters:
                self._meet(key)
        self._survey()
        for key, cluster in self.clusters.items():
            if cluster.complete:
                self._guarded(key.name, lambda key=key: self._step_cluster(key))  # type: ignore[misc]
        self.faults.apply(self.pods.values())
        self._guarded("network", self._connect)

    def _guarded(self, what: str, do: Callable[[], None]) -> None:
        """One cluster's trouble is not another's, nor a pod's; it is tried again at the next step."""
        try:
            do()
        except (ApiError, Unreachable, OSError) as error:
            self._say(f"{what}: {error}")
        except Exception:  # a mistake here: it must not end what runs
            self._say(f"{what}: {traceback.format_exc()}")

    def _say(self, message: str) -> None:
        if message != self._last_error:
            self._last_error = message
            self._tell(message)

    def _meet(self, key: ClusterKey) -> None:
        try:
            cluster = Cluster(key, self._home.kubernetes, self.wake)
        except OSError as error:
            self._tell(f"{key.name}: {error}")
            return
        self.clusters[key] = cluster
        self.deployments[key] = Deployments(cluster=cluster, tell=self._tell)

    def _forget_clusters(self) -> None:
        for key in [key for key in self.clusters if key not in self._wanted]:
            for pod in [pod for pod in self.pods if pod[0] == key]:
                self.pods[pod].end()
                self._dismiss(pod)
            self.network.forget(key, OPERATOR)
            self.clusters.pop(key).stop()
            del self.deployments[key]

    def _survey(self) -> None:
        """Outside servers, and the hosts that configurations name."""
        revision = tuple(cluster.revision("ConfigMap") for cluster in self.clusters.values())
        if revision != self._hosts_revision:
            self._hosts_revision = revision
            self._hosts = {
                host: port
                for cluster in self.clusters.values()
                for config in cluster.all("ConfigMap")
                for text in (config.get("data") or {}).values()
                if '"address"' in text
                for host, port in translate.outside_hosts(text).items()
            }
        table: dict[tuple[ClusterKey | None, str], Outside] = {
            (None, host): server for host, server in self.guests.servers.items()
        }
        table[(None, AGENT)] = outside.agent(self._agent.address)
        for key in self.clusters:
            if self._aws.traced(key):
                table[(key, TRACE_AGENT)] = outside.trace_agent(self._traces.address)
            if networks := self._aws.of(key):
                table[(key, AWS)] = Outside(
                    networks=networks, port=outside.AWS_PORT, listen=self._port, target=("127.0.0.1", self._port)
                )
        names = set(self._hosts) | {host for cluster, host in table if cluster is None}
        if names != self.network.expected:
            self.network.expected = names
            self._surroundings += 1
        self.network.outside = table

    def _step_cluster(self, key: ClusterKey) -> None:
        cluster = self.clusters[key]
        self.deployments[key].step()
        for manifest in cluster.all("Pod"):
            spec = manifest["spec"]
            name = f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
            if spec.get("nodeName") == NODE and (key, name) not in self.pods and runs(spec):
                self.pods[(key, name)] = self._admit(cluster, name, manifest)
        for pod in [pod for pod in self.pods if pod[0] == key]:
            run = self.pods[pod]
            self._guarded(
                f"pod {pod[1]}",
                lambda run=run: run.step(self._probers.submit, self._surroundings),  # type: ignore[misc]
            )
            if run.gone:
                self._dismiss(pod)

    def _admit(self, cluster: Cluster, name: str, manifest: Manifest) -> PodRun:
        key, network = cluster.key, self.network
        namespace, pod = name.split("/")
        identity = PodIdentity(
            cluster=key,
            namespace=namespace,
            service_account=manifest["spec"].get("serviceAccountName", "default"),
            pod=pod,
            uid=manifest["metadata"]["uid"],
        )
        token = self._tokens[(key, name)] = self._agent.admit(identity)
        agent = f"{network.address(key, name, AGENT)}:{network.outside[(None, AGENT)].listen}"
        around = Surroundings(
            folder=self._folder / "pods" / key.name / namespace / pod,
            log=self._home.pod_logs / f"{key.name}_{namespace}_{pod}.log",
            files=images.files(self._home, self.guests.bank_authority),
            reach=lambda host: network.reach(key, name, host),
            aws_url=(self._url, f"http://{network.address(key, name, AWS)}:{self._port}"),
            credentials_url=f"http://{agent}{PATH}",
            token=token,
        )
        address = network.pods.take(_address_key(key, name))
        run = PodRun(cluster=cluster, manifest=manifest, address=address, around=around, wake=self.wake)
        self._shipper.follow(key, name, run.tails())
        return run

    def _dismiss(self, pod: PodKey) -> None:
        self._agent.dismiss(self._tokens.pop(pod))
        self._shipper.leave(*pod)
        self.network.forget(*pod)
        self.network.pods.release(_address_key(*pod))
        del self.pods[pod]

    def _end_pods(self) -> None:
        for pod, run in list(self.pods.items()):
            run.end()
            self._dismiss(pod)

    def _connect(self) -> None:
        places = [run.place for run in self.pods.values()]
        for key, cluster in self.clusters.items():
            for host in _served(cluster, self.pods):
                self.network.address(key, OPERATOR, host)
        plan = self.network.plan(self.clusters, places)
        if plan != self._planned:
            self._proxy.apply(*plan)
            self._planned = plan
        self._proxy.keep()


def _served(cluster: Cluster, pods: Mapping[PodKey, PodRun]) -> list[str]:
    """Hosts of the Services that have pods here."""
    spaces = {run.namespace for key, run in pods.items() if key[0] == cluster.key}
    return [
        f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
        for service in cluster.all("Service")
        if service["metadata"]["namespace"] in spaces and service["spec"].get("selector")
    ]


def _address_key(key: ClusterKey, name: str) -> str:
    return f"{key.account}/{key.region}/{key.name} {name}"
