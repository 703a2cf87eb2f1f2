"""The scorer: answers the gateway whether a payment may pass, within a deadline of its own.

    python -m workloads.scorer

gRPC on 9001 for Envoy's `ext_authz`; HTTP on 9002 for health, metrics, human review and contests.
"""
