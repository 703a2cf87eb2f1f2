"""One pod: folders, environment, containers, status, and its way out."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.dataplane import images, mounts
from sandbox.dataplane.cluster import Cluster, now_text
from sandbox.dataplane.container import Container, Program, Submit
from sandbox.dataplane.deployments import NODE, leaving
from sandbox.dataplane.log_lines import Source, Tail
from sandbox.dataplane.network import PodPlace
from sandbox.dataplane.translate import Translator
from sandbox.kubernetes.client import Manifest
from sandbox.lifecycle import processes
from sandbox.lifecycle.home import CHECKOUT, write_private

MISSING_AGAIN_S = 0.5
"""Seconds until a pod looks again for a ConfigMap or Secret that it needs."""

SYSTEM_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", processes.RUN_VARIABLE)
"""Of the data plane's environment: what images would bring, and how leftovers of a run are found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a pod gets from its node."""

    folder: Path
    """Of this pod's own."""
    log: Path
    files: Mapping[str, str]
    """Files of images -> where they are."""
    reach: Callable[[str], str | None]
    aws_url: tuple[str, str]
    """The emulator's URL, and where this pod reaches it."""
    credentials_url: str
    token: str


@dataclass(kw_only=True)
class PodRun:
    """A pod of this node. `step` is called again and again by one thread; `wake` has it called soon."""

    cluster: Cluster
    manifest: Manifest
    address: str
    around: Surroundings
    wake: Callable[[], None]
    containers: list[Container] = field(init=False)
    reason: str = ""
    """Why it does not start yet."""
    gone: bool = False
    _mounted: Any = None
    _look_again: float | None = None
    _term_at: float | None = None
    _kill_at: float | None = None
    _written: Any = None

    def __post_init__(self) -> None:
        self.name = self.manifest["metadata"]["name"]
        self.namespace = self.manifest["metadata"]["namespace"]
        spec = self.manifest["spec"]
        self.containers = [
            Container(name=c["name"], spec=c, address=self.address, wake=self.wake) for c in spec["containers"]
        ]
        self._started = now_text()

    @property
    def ready(self) -> bool:
        return not leaving(self.manifest) and all(container.ready for container in self.containers)

    @property
    def place(self) -> PodPlace:
        return PodPlace(
            cluster=self.cluster.key,
            name=f"{self.namespace}/{self.name}",
            address=self.address,
            labels=self.manifest["metadata"].get("labels") or {},
            named_ports={name: port for container in self.containers for name, port in container.ports.items()},
            ready=self.ready,
        )

    def step(self, submit: Submit, surroundings_changed: int) -> None:
        """`surroundings_changed`: grows when hosts come or go that files may name."""
        live = self.cluster.find("Pod", self.namespace, self.name)
        uid = self.manifest["metadata"]["uid"]
        if live is None or live["metadata"]["uid"] != uid:
            self.end()
            return
        self.manifest = live
        if leaving(live):
            self._leave()
            return
        self._look_again = None
        if self._mount(surroundings_changed):
            for container in self.containers:
                container.step(lambda container=container: self._program(container), submit)  # type: ignore[misc]
        else:
            self._look_again = time.monotonic() + MISSING_AGAIN_S
        self._write_status()

    def wants_look_at(self) -> float | None:
        times = [self._look_again, self._term_at, self._kill_at]
        if not leaving(self.manifest):
            times += [container.wants_look_at() for container in self.containers]
        return min((moment for moment in times if moment is not None), default=None)

    def end(self) -> None:
        """At once, without a word to the API server."""
        for container in self.containers:
            container.send(signal.SIGKILL)
            if container.child is not None:
                container.child.wait()
                container.child.stop()
                container.child = None
        shutil.rmtree(self.around.folder, ignore_errors=True)
        self.gone = True

    def _leave(self) -> None:
        """preStop, SIGTERM, the rest of the grace, SIGKILL; then the object goes."""
        now = time.monotonic()
        if self._kill_at is None:
            grace_s = float(self.manifest["metadata"].get("deletionGracePeriodSeconds") or 0)
            pauses = [c.spec.get("lifecycle", {}).get("preStop", {}).get("sleep", {}) for c in self.containers]
            pause_s = max(float(pause.get("seconds", 0)) for pause in pauses)
            self._term_at, self._kill_at = now + min(pause_s, grace_s), now + grace_s
            self._write_status()
        alive = [c for c in self.containers if c.child is not None and c.child.alive()]
        if self._term_at is not None and now >= self._term_at:
            self._term_at = None
            for container in alive:
                container.send(signal.SIGTERM)
        if alive and now < self._kill_at:
            return
        self.cluster.delete("Pod", self.namespace, self.name, gracePeriodSeconds=0)
        self.end()

    def _mount(self, surroundings_changed: int) -> bool:
        """Bring the volumes up to date; False while something is missing that they need."""
        version = (*self.cluster.revision("ConfigMap", "Secret"), surroundings_changed)
        if version == self._mounted and not self.reason:
            return True
        paths, self.reason = self._paths(), ""
        translator = self._translator(paths)
        try:
            for volume in self.manifest["spec"].get("volumes") or ():
                folder = self._volume(volume["name"])
                content = mounts.contents(volume, self._find)
                if content is None:
                    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                else:
                    mounts.write(folder, {name: translator.file(data) for name, data in content.items()})
            for container in self.containers:
                self._environment(container, translator)
        except mounts.NotThere as missing:
            self.reason = str(missing)
        self._mounted = version
        # What runs goes on with what it has, as on a node.
        return not self.reason or any(container.running for container in self.containers)

    def _find(self, kind: str, name: str) -> Mapping[str, Any] | None:
        return self.cluster.find(kind, self.namespace, name)

    def _volume(self, name: str) -> Path:
        return self.around.folder / "volumes" / name

    def _paths(self) -> dict[str, str]:
        mounted = {
            mount["mountPath"].rstrip("/"): str(self._volume(mount["name"]) / mount.get("subPath", "")).rstrip("/")
            for container in self.containers
            for mount in container.spec.get("volumeMounts") or ()
        }
        return {**self.around.files, **mounted}

    def _translator(self, paths: Mapping[str, str]) -> Translator:
        around = self.around
        return Translator(pod_ip=self.address, paths=paths, reach=around.reach, emulator=around.aws_url)

    def _program(self, container: Container) -> Program:
        translator = self._translator(self._paths())
        environment = self._environment(container, translator)
        spec = container.spec
        make = images.command(spec["image"])
        assert make is not None, "only pods of known images are started"
        given = [*(spec.get("command") or ())[1:], *(spec.get("args") or ())]
        arguments = [translator.text(_expanded(argument, environment)) for argument in given]
        return Program(command=make(arguments), environment=environment, log=self._log(container))

    def _log(self, container: Container) -> Path:
        log = self.around.log
        return log if len(self.containers) == 1 else log.with_suffix(f".{container.name}.log")

    def tails(self) -> list[Tail]:
        """What its containers write, for whoever ships it."""
        uid = self.manifest["metadata"]["uid"]

        def source(container: Container) -> Source:
            image = container.spec["image"]
            of = {"namespace": self.namespace, "pod": self.name, "uid": uid, "container": container.name}
            return Source(**of, image=image, node=NODE)

        return [Tail(source=source(container), file=self._log(container)) for container in self.containers]

    def _environment(self, container: Container, translator: Translator) -> dict[str, str]:
        """Raises `NotThere` for a key that is missing."""
        folder = self.around.folder
        token = folder / "token"
        if not token.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(token, self.around.token)
        temporary = next((self._paths()[path] for path in ("/tmp",) if path in self._paths()), str(folder))
        values = {
            **{name: os.environ[name] for name in SYSTEM_VARIABLES if name in os.environ},
            "HOSTNAME": self.name,
            "HOME": temporary,
            "TMPDIR": temporary,
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_ENDPOINT_URL": self.around.aws_url[1],
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.around.credentials_url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        for name, value in self._declared(container.spec):
            values[name] = translator.text(_expanded(value, values))
        return values

    def _declared(self, spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for source in spec.get("envFrom") or ():
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source:
                    reference = source[key]
                    optional = reference.get("optional", False)
                    data = mounts.object_data(kind, reference["name"], self._find, optional)
                    yield from ((source.get("prefix", "") + name, value.decode()) for name, value in data.items())
        for entry in spec.get("env") or ():
            value = entry.get("value", "") if "valueFrom" not in entry else self._referred(entry["valueFrom"])
            if value is not None:
                yield entry["name"], value

    def _referred(self, source: Mapping[str, Any]) -> str | None:
        if "fieldRef" in source:
            return self._field(source["fieldRef"]["fieldPath"])
        for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if key in source:
                reference = source[key]
                optional = reference.get("optional", False)
                data = mounts.object_data(kind, reference["name"], self._find, optional)
                if reference["key"] in data:
                    return data[reference["key"]].decode()
                if not optional:
                    raise mounts.NotThere(f"couldn't find key {reference['key']} in {kind} {reference['name']}")
                return None
        raise mounts.NotThere(f"environment from {', '.join(source)}: the sandbox has fields, ConfigMaps and Secrets")

    def _field(self, path: str) -> str:
        metadata, spec = self.manifest["metadata"], self.manifest["spec"]
        if found := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
            return str((metadata.get(found[1]) or {}).get(found[2], ""))
        fields: dict[str, str] = {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "metadata.uid": metadata["uid"],
            "spec.nodeName": NODE,
            "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
            "status.podIP": self.address,
            "status.podIPs": self.address,
            "status.hostIP": self.address,
        }
        if path not in fields:
            raise mounts.NotThere(f"environment from field {path}: the sandbox has {', '.join(fields)}")
        return fields[path]

    def _write_status(self) -> None:
        states = [container.state() for container in self.containers]
        for state in states:
            if self.reason and "waiting" in state["state"]:
                state["state"]["waiting"] = {"reason": "ContainerCreating", "message": self.reason}
        flags = {
            "PodScheduled": True,
            "Initialized": True,
            "ContainersReady": all(container.ready for container in self.containers),
            "Ready": self.ready,
        }
        running = any(container.running or container.last_exit for container in self.containers)
        content = ("Running" if running else "Pending", states, flags)
        if content == self._written:
            return
        shown = {c["type"]: c for c in self.manifest.get("status", {}).get("conditions") or ()}
        conditions = [_condition(name, well, shown.get(name)) for name, well in flags.items()]
        status = {
            "phase": content[0],
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "hostIP": self.address,
            "hostIPs": [{"ip": self.address}],
            "startTime": self._started,
            "conditions": conditions,
            "containerStatuses": states,
        }
        self.cluster.patch("Pod", self.namespace, self.name, {"status": status}, "/status")
        self._written = content


def _condition(name: str, well: bool, shown: Mapping[str, Any] | None) -> dict[str, Any]:
    status = "True" if well else "False"
    if shown is not None and shown["status"] == status:
        return dict(shown)
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": name, "status": status, "lastTransitionTime": moment}


def _expanded(text: str, values: Mapping[str, str]) -> str:
    """$(NAME) of variables that are known; $$ is a dollar sign."""
    return re.sub(
        r"\$\$|\$\(([A-Za-z_][\w.-]*)\)",
        lambda found: "$" if found[0] == "$$" else values.get(found[1], found[0]),
        text,
    )
