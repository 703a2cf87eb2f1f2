"""Fluent Bit of the add-on `amazon-cloudwatch-observability`: lines of pods go to the log group that its configuration
names, under the role that it is bound to.

A thread of its own: whatever becomes of the calls, pods write to files and wait for nobody. Without the add-on, or
without rights, the lines stay where they are until there are any, or until they are too many.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.dataplane.cluster import ClusterKey
from sandbox.dataplane.identity import PATH, Agent, PodIdentity
from sandbox.dataplane.log_lines import Tail, shaped
from sandbox.dataplane.outside import OBSERVABILITY, OBSERVABILITY_NAMESPACE, client

SERVICE_ACCOUNT = "cloudwatch-agent"
FILE = "application-log.conf"
"""Of the add-on's configuration: what is read and where it goes."""

EVERY_S = 1.0
CONFIGURED_EVERY_S = 10.0
"""Seconds between two looks at the add-on and its credentials."""

BATCHES_A_TURN = 8
"""Of one container, so that a talkative one does not keep the others waiting."""

_GROUP = re.compile(r"^\s*log_group_name\s+(\S+)", re.MULTILINE)
_READS = re.compile(r"^\s*Path\s+(.+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What the add-on of a cluster is told."""

    group: str
    reads: Sequence[str]
    """Patterns of container logs on a node."""
    logs: Any
    """boto3's client, as the add-on's role."""

    def wants(self, tail: Tail) -> bool:
        return any(fnmatchcase(tail.source.path, pattern) for pattern in self.reads)


def read_configuration(text: str) -> tuple[str, list[str]] | None:
    """(group, patterns) of an add-on's configurationValues; None where container logs go nowhere of ours."""
    config = json.loads(text or "{}")
    files = config.get("containerLogs", {}).get("fluentBit", {}).get("config", {}).get("extraFiles", {})
    group, reads = _GROUP.search(files.get(FILE, "")), _READS.search(files.get(FILE, ""))
    if group is None or reads is None:
        return None
    return group[1], [pattern.strip() for pattern in reads[1].split(",")]


class LogShipper:
    """`follow` and `leave` are called as pods come and go."""

    def __init__(self, agent: Agent, endpoint_url: str, tell: Callable[[str], None]) -> None:
        self._agent, self._url, self._tell = agent, endpoint_url, tell
        self._lock = threading.Lock()
        self._tails: dict[tuple[ClusterKey, str], list[Tail]] = {}
        self._tokens: dict[ClusterKey, str] = {}
        self._targets: dict[ClusterKey, tuple[float, Target | None]] = {}
        self._clients: dict[ClusterKey, tuple[str, Any]] = {}
        self._said: dict[ClusterKey, str] = {}
        threading.Thread(target=self._run, name="log-shipper", daemon=True).start()

    def follow(self, cluster: ClusterKey, pod: str, tails: list[Tail]) -> None:
        with self._lock:
            self._tails.setdefault((cluster, pod), []).extend(tails)

    def leave(self, cluster: ClusterKey, pod: str) -> None:
        with self._lock:
            for tail in self._tails.get((cluster, pod), ()):
                tail.ended = True

    def _run(self) -> None:
        while True:
            with self._lock:
                followed = [(key, tail) for (key, _), tails in self._tails.items() for tail in tails]
            for key in {key for key, _ in followed}:
                self._turn(key, [tail for other, tail in followed if other == key])
            with self._lock:
                kept = {pod: [tail for tail in tails if not self._done(tail)] for pod, tails in self._tails.items()}
                self._tails = {pod: tails for pod, tails in kept.items() if tails}
            time.sleep(EVERY_S)

    @staticmethod
    def _done(tail: Tail) -> bool:
        return tail.ended and not tail.read()[0]

    def _turn(self, key: ClusterKey, tails: Sequence[Tail]) -> None:
        try:
            target = self._target(key)
            for tail in tails:
                if target is not None and target.wants(tail):
                    self._send(target, tail)
                elif tail.ended:
                    tail.offset = tail.file.stat().st_size if tail.file.exists() else 0
        except (ClientError, BotoCoreError, OSError, ValueError) as error:
            self._say(key, str(error))
        else:
            dropped = sum(tail.dropped for tail in tails)
            self._say(key, f"{dropped} lines of its pods were dropped" if dropped else "")

    def _say(self, key: ClusterKey, message: str) -> None:
        if message != self._said.get(key, ""):
            self._said[key] = message
            if message:
                self._tell(f"log lines of {key.name}: {message}")

    def _send(self, target: Target, tail: Tail) -> None:
        for _ in range(BATCHES_A_TURN):
            lines, behind = tail.read()
            if not lines:
                return
            events = shaped(lines, tail.source, time.time())
            where = {"logGroupName": target.group, "logStreamName": tail.source.stream}
            try:
                target.logs.put_log_events(**where, logEvents=events)
            except target.logs.exceptions.ResourceNotFoundException:
                target.logs.create_log_stream(**where)
                target.logs.put_log_events(**where, logEvents=events)
            tail.offset = behind

    def _target(self, key: ClusterKey) -> Target | None:
        looked, target = self._targets.get(key, (float("-inf"), None))
        if time.monotonic() - looked >= CONFIGURED_EVERY_S:
            target = self._configured(key)
            self._targets[key] = (time.monotonic(), target)
        return target

    def _configured(self, key: ClusterKey) -> Target | None:
        eks = client("eks", key.account, key.region, self._url)
        try:
            add_on = eks.describe_addon(clusterName=key.name, addonName=OBSERVABILITY)["addon"]
        except eks.exceptions.ResourceNotFoundException:
            return None
        found = read_configuration(add_on.get("configurationValues", ""))
        if found is None:
            return None
        return Target(group=found[0], reads=found[1], logs=self._client(key))

    def _client(self, key: ClusterKey) -> Any:
        """As the role of the add-on's service account."""
        if key not in self._tokens:
            identity = PodIdentity(
                cluster=key,
                namespace=OBSERVABILITY_NAMESPACE,
                service_account=SERVICE_ACCOUNT,
                pod="fluent-bit",
                uid="fluent-bit",
            )
            self._tokens[key] = self._agent.admit(identity)
        status, given = self._agent.answer(PATH, self._tokens[key])
        if status != 200:
            raise ValueError(given["message"])
        known = self._clients.get(key)
        if known is None or known[0] != given["AccessKeyId"]:
            session = boto3.Session(
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["Token"],
                region_name=key.region,
            )
            known = self._clients[key] = (given["AccessKeyId"], session.client("logs", endpoint_url=self._url))
        return known[1]
