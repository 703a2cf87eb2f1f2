"""The Kubernetes provider under the real engine, against a real API server."""

# ruff: noqa: F811 - fixtures are imported by name
from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from eks import Eks, decoded, eks, make_namespace, namespace, stack  # noqa: F401
from inline_stack import InlineStack, fails

pytestmark = pytest.mark.kubernetes


@contextmanager
def forwarded(host: str, port: int) -> Iterator[int]:
    """A port of this machine whose connections end at HOST:PORT, as a Session Manager tunnel's do."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError), source, sink:  # either side may be gone first
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def serve(server: socket.socket) -> None:
        while True:
            try:
                near, _address = server.accept()
            except OSError:
                return  # closed: the test is over
            far = socket.create_connection((host, port))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=[one.dup() for one in pair], daemon=True).start()
            near.close()
            far.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield int(server.getsockname()[1])


def provider(eks: Eks, **inputs: object) -> pulumi.ResourceOptions:
    arguments = {"kubeconfig": eks.kubeconfig(), "cluster_identifier": eks.arn, **inputs}
    return pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", **arguments))


def cell(eks: Eks, *, image: str = "api:1", label: str = "api", setting: str = "1", force: bool = False) -> None:
    opts = provider(eks)
    space = kubernetes.core.v1.Namespace("payments", opts=opts)
    name = space.metadata["name"]
    settings = kubernetes.core.v1.ConfigMap(
        "settings", metadata={"namespace": name}, data={"setting": setting}, opts=opts
    )
    password = kubernetes.core.v1.Secret(
        "password", metadata={"namespace": name}, string_data={"value": "correct-horse"}, opts=opts
    )
    kubernetes.core.v1.ResourceQuota(
        "quota", metadata={"namespace": name, "name": "quota"}, spec={"hard": {"pods": "1"}}, opts=opts
    )
    kubernetes.networking.v1.NetworkPolicy(
        "default-deny",
        metadata={"namespace": name, "name": "default-deny"},
        spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
        opts=opts,
    )
    labels = {"app": label}
    kubernetes.apps.v1.Deployment(
        "api",
        metadata={"name": "api", "namespace": name, "annotations": {"pulumi.com/patchForce": "true"} if force else {}},
        spec={
            "selector": {"match_labels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}},
        },
        opts=opts,
    )
    pulumi.export("namespace", name)
    pulumi.export("settings", settings.metadata["name"])
    pulumi.export("password", password.metadata["name"])


def test_objects_live_as_the_program_declares_them(eks: Eks, stack: InlineStack) -> None:
    client = eks.client
    stack.use(lambda: cell(eks))
    assert stack.up() == {"create": 8}
    made = stack.outputs()
    space, settings = made["namespace"], made["settings"]
    api = f"/apis/apps/v1/namespaces/{space}/deployments/api"
    first = client.get(api)
    assert image_of(first) == "api:1"
    assert settings.startswith("settings-")
    assert len(settings) == len("settings-12345678")
    secret = client.get(f"/api/v1/namespaces/{space}/secrets/{made['password']}")
    assert decoded(secret["data"]["value"]) == "correct-horse"
    stored = stack.state_text()
    assert "correct-horse" not in stored
    assert secret["data"]["value"] not in stored
    assert stack.preview() == {"same": 8}

    drift = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "stray:9"}]}}}}
    client.request("PATCH", api, body=drift, content_type="application/strategic-merge-patch+json")
    assert "stray:9" in stack.refresh_text()

    stack.use(lambda: cell(eks, image="api:2", setting="2", force=True))
    assert stack.up() == {"update": 1, "replace": 1, "same": 6}
    changed = client.get(api)
    assert changed["metadata"]["uid"] == first["metadata"]["uid"]
    assert image_of(changed) == "api:2"
    # A ConfigMap is replaced when its data changes, so that pods never see two versions under one name.
    assert client.find(f"/api/v1/namespaces/{space}/configmaps/{settings}") is None

    stack.use(lambda: cell(eks, image="api:2", setting="2", label="other", force=True))
    assert stack.preview() == {"replace": 1, "same": 7}
    stack.destroy()
    assert client.find(f"/api/v1/namespaces/{space}") is None


def image_of(manifest: dict[str, Any]) -> str:
    return str(manifest["spec"]["template"]["spec"]["containers"][0]["image"])


def test_a_preview_gives_the_servers_reason_against_a_bad_manifest(eks: Eks, stack: InlineStack) -> None:
    make_namespace(eks.client, "restricted", **{"pod-security.kubernetes.io__enforce": "restricted"})

    def program() -> None:
        kubernetes.core.v1.Pod(
            "privileged",
            metadata={"namespace": "restricted"},
            spec={"containers": [{"name": "main", "image": "a:1", "security_context": {"privileged": True}}]},
            opts=provider(eks),
        )

    stack.use(program)
    assert 'violates PodSecurity "restricted:latest": privileged' in fails(stack.preview)
    eks.client.delete("/api/v1/namespaces/restricted")


def test_an_existing_object_is_imported(eks: Eks, stack: InlineStack, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old"}, "data": {"a": "b"}}
    made = eks.client.request("POST", path, body=body)

    def program() -> None:
        kubernetes.core.v1.ConfigMap(
            "old",
            metadata={"name": "old", "namespace": namespace},
            data={"a": "b"},
            opts=pulumi.ResourceOptions.merge(provider(eks), pulumi.ResourceOptions(import_=f"{namespace}/old")),
        )

    stack.use(program)
    assert stack.up() == {"create": 2, "import": 1}
    assert eks.client.get(f"{path}/old")["metadata"]["uid"] == made["metadata"]["uid"]


def test_only_the_identifier_decides_which_cluster_it_is(eks: Eks, stack: InlineStack, namespace: str) -> None:
    def program(**inputs: object) -> None:
        kubernetes.core.v1.ConfigMap(
            "map", metadata={"name": "map", "namespace": namespace}, opts=provider(eks, **inputs)
        )

    tunnel = eks.kubeconfig(endpoint=eks.endpoint.replace("127.0.0.1", "localhost"))
    stack.use(program)
    stack.up()
    stack.use(lambda: program(kubeconfig=tunnel))
    assert stack.preview() == {"update": 1, "same": 2}
    stack.use(lambda: program(kubeconfig=tunnel, cluster_identifier="other"))
    assert stack.preview()["replace"] == 2


def test_another_way_to_the_cluster_changes_no_object(eks: Eks, stack: InlineStack) -> None:
    """The port, the authority and the endpoint move, as with every new tunnel; the cluster's ARN does not."""

    def program(kubeconfig: str) -> None:
        opts = provider(eks, kubeconfig=kubeconfig)
        space = kubernetes.core.v1.Namespace("tunnel", opts=opts)
        kubernetes.core.v1.ConfigMap("settings", metadata={"namespace": space.metadata["name"]}, data={}, opts=opts)

    stack.use(lambda: program(eks.kubeconfig()))
    stack.up()
    address = urlsplit(eks.endpoint)
    with forwarded(str(address.hostname), int(address.port or 443)) as port:
        # The name in the certificate is not the address that is dialled; the authority is written differently as well.
        authority = base64.b64encode(base64.b64decode(eks.authority) + b"\n").decode()
        moved = eks.kubeconfig(
            endpoint=f"https://localhost:{port}",
            **{"tls-server-name": str(address.hostname), "certificate-authority-data": authority},
        )
        stack.use(lambda: program(moved))
        assert stack.up() == {"same": 3, "update": 1}  # the provider's own record of the way
        assert stack.preview() == {"same": 4}
