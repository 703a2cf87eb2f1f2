"""EKS as far as moto lacks it: access entries and policies, pod identity, add-ons, what describe calls show, updates,
and a real API server behind every cluster."""

from moto.eks.models import eks_backends

from sandbox.aws.extensions.eks.models import EksBackend
from sandbox.aws.kubernetes import Kubernetes


def install(kubernetes: Kubernetes) -> None:
    EksBackend.kubernetes = kubernetes
    eks_backends.backend = EksBackend
