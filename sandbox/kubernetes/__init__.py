"""Kubernetes in the sandbox: one real API server per emulated EKS cluster, its token reviewer and a Pulumi provider."""
