"""Validation against the published Kubernetes schema, for machines on which no API server can be built.

It finds unknown fields, wrong types and missing required fields; it knows no admission, no defaults and no custom
resources.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.aws.provider.codec import has_unknown, unsecret
from sandbox.kubernetes.binaries import VERSION
from sandbox.kubernetes.provider.manifests import Kind, prune
from sandbox.kubernetes.provider.validation import Failure

REASON = "no kube-apiserver on this machine: validated against the published schema only"


def failures(kind: Kind, inputs: Mapping[str, Any], warnings: list[str]) -> list[Failure]:
    """What the schema says against the manifest; kinds without a published schema are warned about."""
    # Imported here: it reads a schema of megabytes, which a machine with an API server does not need.
    import kubernetes_validate

    manifest = prune(unsecret(inputs))
    wanted = ".".join(VERSION.split(".")[:2])
    try:
        kubernetes_validate.validate(manifest, wanted, strict=not kind.patch)
    except kubernetes_validate.ValidationError as error:
        missing = "required" in str(getattr(error, "message", error))
        if missing and (kind.patch or has_unknown(inputs)):
            return []
        path = ".".join(str(part) for part in getattr(error, "path", ()))
        return [(path, f"{path}: {error.message}" if path else str(error.message))]
    except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.VersionNotSupportedError) as error:
        warnings.append(f"{kind.api_version} {kind.kind} is not validated: {getattr(error, 'message', error)}")
    return []
