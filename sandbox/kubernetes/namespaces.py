"""What a namespace gets when it is created, and its end."""

from sandbox.kubernetes import access
from sandbox.kubernetes.client import Client
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.objects import Manifest, Objects, terminating

MANAGER = "kube-controller-manager"

_CA_DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


def furnish(client: Client, objects: Objects, namespace: Manifest, ca_pem: str) -> None:
    """Create the default ServiceAccount, the authority's ConfigMap and the bindings of access policies where
    missing."""
    name = namespace["metadata"]["name"]
    present = {(found["kind"], found["metadata"]["name"]) for found in objects.in_namespace(name)}
    account: Manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    authority: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "kube-root-ca.crt",
            "annotations": {"kubernetes.io/description": _CA_DESCRIPTION},
        },
        "data": {"ca.crt": ca_pem},
    }
    for manifest in (account, authority, *access.role_bindings(name)):
        key = (manifest["kind"], manifest["metadata"]["name"])
        if key in present:
            continue
        path = client.resource(manifest["apiVersion"], manifest["kind"]).path(name)
        try:
            client.request("POST", path, params={"fieldManager": MANAGER}, body=manifest)
        except ApiError as error:
            # 409: made by somebody else meanwhile; 403 and 404: the namespace is ending.
            if error.status not in {403, 404, 409}:
                raise


def terminate(client: Client, objects: Objects, namespace: Manifest) -> bool:
    """Delete what is left inside, then let the namespace go. False while something is left."""
    name = namespace["metadata"]["name"]
    left = objects.in_namespace(name)
    for manifest in left:
        if not terminating(manifest):
            path = client.resource(manifest["apiVersion"], manifest["kind"]).path(name, manifest["metadata"]["name"])
            client.delete(path, {"propagationPolicy": "Background"})
    if left:
        return False
    path = f"/api/v1/namespaces/{name}"
    current = client.find(path)
    if current is not None and "kubernetes" in current["spec"].get("finalizers", ()):
        current["spec"]["finalizers"] = [f for f in current["spec"].get("finalizers", []) if f != "kubernetes"]
        client.request("PUT", f"{path}/finalize", body=current)
    return True
